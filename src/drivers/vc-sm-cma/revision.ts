/** The driver's revisions, as far as they differ in what can be observed: section 1 of docs/reference/vc-sm-cma.md. */

export type RevisionName = 'P0' | 'R1' | 'R2' | 'R3' | 'U-a' | 'U-b' | 'U-c';

export interface Revision {
  readonly name: RevisionName;
  /** Top two bits of a bus address that the import takes without a word. */
  readonly aliases: readonly number[];
  /** Whether there is /dev/vcsm-cma. */
  readonly hasNode: boolean;
  /** MEM_ALLOC, and memory that the VPU asks for. */
  readonly allocates: boolean;
  /** Whether debugfs has lines of imports for every buffer. */
  readonly showsImported: boolean;
  /** What a release of an import did before it was mended: nothing to the attachment, or detach it from the wrong buffer. */
  readonly wrongDetach: 'none' | 'exported' | undefined;
  /** Transaction ids were kept in 16 bits once. */
  readonly hadNarrowIds: boolean;
  /** Flags were signed fields of one bit once. */
  readonly hadSignedFlags: boolean;
  /** The cookie of RELEASED was the buffer's address. */
  readonly idsArePointers: boolean;
  /** MEM_CLEAN_INVALID2, on a kernel for 32-bit Arm. */
  readonly maintainsCaches: boolean;
}

const BOTH = [0x80000000, 0xc0000000];
const UNCACHED = [0xc0000000];

const early = { hadSignedFlags: true, maintainsCaches: true };
const late = { hadSignedFlags: false, maintainsCaches: false };
const downstream = { idsArePointers: false, hasNode: true, allocates: true, showsImported: false, hadNarrowIds: false };
const upstream = { ...late, idsArePointers: false, allocates: false, showsImported: true, hadNarrowIds: false };

export const REVISIONS: Readonly<Record<RevisionName, Revision>> = {
  P0: { ...downstream, ...late, name: 'P0', aliases: UNCACHED, wrongDetach: 'none', idsArePointers: true },
  R1: { ...downstream, ...early, name: 'R1', aliases: UNCACHED, wrongDetach: 'none', hadNarrowIds: true },
  R2: { ...downstream, ...early, name: 'R2', aliases: BOTH, wrongDetach: 'exported' },
  R3: { ...downstream, ...late, name: 'R3', aliases: BOTH, wrongDetach: undefined },
  'U-a': { ...upstream, name: 'U-a', hasNode: true, aliases: BOTH, wrongDetach: 'exported' },
  'U-b': { ...upstream, name: 'U-b', hasNode: false, aliases: UNCACHED, wrongDetach: undefined },
  'U-c': { ...upstream, name: 'U-c', hasNode: false, aliases: BOTH, wrongDetach: 'exported' },
};
