/** How requests of a resource table find regions. Sections 25 and 26.3 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import { FW_RSC_ADDR_ANY } from '../../ports/remoteproc/index.ts';
import { allocCarveout, defaultEntry, releaseCarveout } from './carveouts.ts';
import { MemEntry } from './mem-entry.ts';
import type { Candidate } from './observation.ts';
import { overlapsOf, type Placed } from './overlaps.ts';
import type { Rproc } from './rproc.ts';

export const POLICIES = ['upstream', 'seed', 'alloc-op', 'strict'] as const;
export type PolicyName = (typeof POLICIES)[number];

export interface RegionRequest {
  readonly kind: 'carveout' | 'vring';
  readonly name: string;
  readonly da: number;
  readonly pa: number;
  readonly len: number;
}

export interface MatchingPolicy {
  readonly name: PolicyName;
  /** Whether a vring keeps the region that it was matched with, or is looked up again by name. */
  readonly tiesVrings: boolean;
  /** The region of the list that is to serve a request; undefined when a new one is to be made. */
  match(rproc: Rproc, request: RegionRequest): MemEntry | undefined;
  /** The new one. */
  entryFor(rproc: Rproc, request: RegionRequest): MemEntry;
  /** Looks at a region that is about to be in the list, or has just got its memory. @throws Errno EBUSY */
  verify?(rproc: Rproc, entry: MemEntry): void;
}

const isAny = (address: number) => address === FW_RSC_ADDR_ANY;
const hex = (address: number | undefined) => (address === undefined ? 'unknown' : isAny(address) ? 'ANY' : `0x${address.toString(16)}`);

/** Goes through the list, and notes why each was taken or not. */
function search(rproc: Rproc, request: RegionRequest, rule: (entry: MemEntry) => readonly [boolean, string]): MemEntry | undefined {
  const candidates: Candidate[] = [];
  let taken: MemEntry | undefined;
  for (const entry of rproc.carveouts) {
    const [isTaken, why] = rule(entry);
    candidates.push({ entry: entry.name, isTaken, rule: why });
    if (!isTaken) continue;
    taken = entry;
    break;
  }
  const { kind, name, da, len } = request;
  rproc.observer.decision({ kind, name, da, len, candidates, outcome: taken?.name ?? 'default' });
  return taken;
}

const makeDefault = ({ name, len, da, kind }: RegionRequest) => defaultEntry(name, len, da, kind);

const byName = (rproc: Rproc, request: RegionRequest) =>
  search(rproc, request, (entry) => {
    const isSame = entry.name === request.name.slice(0, 31);
    return [isSame, isSame ? 'its name is the same' : `its name is ${entry.name}`];
  });

/** Linux: by name, then address and length are checked. */
const upstream: MatchingPolicy = {
  name: 'upstream',
  tiesVrings: false,
  match: byName,
  entryFor: (_rproc, request) => makeDefault(request),
};

/** The mail of 2016: by device address, else by physical address, whole regions only, each once. */
const seed: MatchingPolicy = {
  name: 'seed',
  tiesVrings: true,
  match(rproc, request) {
    const { da, pa, len } = request;
    return search(rproc, request, (entry) => {
      if (entry.owner !== 'platform') return [false, 'it is of another request'];
      if (entry.requested !== undefined) return [false, 'another request has it'];
      const byDa = !isAny(da) && entry.da === da;
      const byPa = !isAny(pa) && pa !== 0 && entry.physical === pa;
      if (!byDa && !byPa) return [false, `da ${hex(entry.da)} and pa ${hex(entry.physical)} are not those of the request`];
      if (len > entry.len) return [false, `it has only ${entry.len} bytes`];
      return [true, byDa ? 'its da is the same' : 'its pa is the same'];
    });
  },
  entryFor: (_rproc, request) => makeDefault(request),
};

/** The patch that the mail was about: the platform allocates, and the DMA API where it will not and pa is ANY. */
const allocOp: MatchingPolicy = {
  name: 'alloc-op',
  tiesVrings: true,
  match: (rproc, request) => search(rproc, request, () => [false, 'the list is not looked at']),
  entryFor(_rproc, request) {
    const { name, len, da, pa, kind } = request;
    return new MemEntry({
      name,
      len,
      da,
      owner: kind,
      provider: 'alloc op',
      alloc(rproc, entry) {
        // The op is not told what for: carveout or vring, and which.
        const given = rproc.ops.alloc?.(rproc, { da, pa, len, flags: entry.flags });
        if (given !== undefined) {
          entry.va = given.va;
          entry.dma = given.dma;
          entry.da = given.da;
          entry.priv = given.free;
          return;
        }
        if (!isAny(pa) && pa !== 0) throw new Errno('ENOMEM', `the platform has no memory at ${hex(pa)}, and pa is fixed`);
        entry.provider = 'coherent';
        rproc.observer.fallbacks++;
        allocCarveout(rproc, entry);
      },
      release(rproc, entry) {
        if (typeof entry.priv === 'function') {
          entry.va = undefined;
          (entry.priv as () => void)();
        } else releaseCarveout(rproc, entry);
      },
    });
  },
};

const placedOf = (entry: MemEntry): Placed => ({
  name: entry.name,
  kind: 'region',
  da: isAny(entry.da) ? undefined : entry.da,
  pa: entry.physical,
  va: undefined,
  len: entry.len,
});

/** As upstream, and no region may lie over another. */
const strict: MatchingPolicy = {
  ...upstream,
  name: 'strict',
  verify(rproc, entry) {
    for (const other of rproc.carveouts) {
      if (other === entry) continue;
      const [overlap] = overlapsOf([placedOf(entry), placedOf(other)]);
      if (overlap === undefined) continue;
      const text = `${entry.name} lies over ${other.name} in ${overlap.spaces.join(' and ')}`;
      rproc.print('err', text);
      throw new Errno('EBUSY', text);
    }
  },
};

export const policies: Readonly<Record<PolicyName, MatchingPolicy>> = { upstream, seed, 'alloc-op': allocOp, strict };
