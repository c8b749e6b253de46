/** The second dma-buf of an import, whose operations go to the source: section 6 of docs/reference/vc-sm-cma.md. */
import { Errno } from '../../abi/index.ts';
import type { DmaBuf, DmaBufAttachment, DmaBufOps, SgTable } from '../../dma-buf/index.ts';
import { finish, type System } from '../../kernel/index.ts';
import type { Imported, VcSmBuffer } from './buffer.ts';
import { oops, VCSM_DEFECTS } from './defects.ts';

type Operations = Omit<DmaBufOps<VcSmBuffer>, 'release'>;

const importedOf = (dmabuf: DmaBuf<VcSmBuffer>) => dmabuf.private.imported as Imported;

/** What is kept of a device that is attached to the second dma-buf: its attachment to the source. */
interface Forwarded {
  readonly attachment: DmaBufAttachment<undefined>;
  readonly table: SgTable;
}

/** Calls a hook of the source that may be missing, which the real driver does not look at. */
function missing(system: System, hook: string): void {
  if (system.findings.recreates(VCSM_DEFECTS.Q20)) oops(system, `the source has no ${hook}, and it was called`);
}

/** Of an import: all goes to the source. */
const forwarding: Operations = {
  *attach(dmabuf, outer) {
    const { source } = importedOf(dmabuf);
    if (source.ops.attach === undefined) missing(dmabuf.system, 'attach');
    const attachment = yield* source.attach(outer.device);
    try {
      // Here, because mapping takes the source's lock, and is asked for under the lock of this buffer.
      const table = yield* attachment.mapUnlocked('bidirectional');
      outer.private = { attachment, table } satisfies Forwarded;
    } catch (error) {
      yield* source.detach(attachment);
      throw error;
    }
  },

  *detach(dmabuf, outer) {
    const { attachment, table } = outer.private as Forwarded;
    yield* attachment.unmapUnlocked(table, 'bidirectional');
    yield* importedOf(dmabuf).source.detach(attachment);
  },

  mapDmaBuf(outer) {
    const { attachment, table } = outer.private as Forwarded;
    return attachment.mappingOf(table);
  },

  unmapDmaBuf() {},

  *beginCpuAccess(dmabuf, direction) {
    const { source } = importedOf(dmabuf);
    if (source.ops.beginCpuAccess === undefined) missing(dmabuf.system, 'begin_cpu_access');
    else yield* finish(source.ops.beginCpuAccess(source, direction));
  },

  *endCpuAccess(dmabuf, direction) {
    const { source } = importedOf(dmabuf);
    if (source.ops.endCpuAccess === undefined) missing(dmabuf.system, 'end_cpu_access');
    else yield* finish(source.ops.endCpuAccess(source, direction));
  },

  *mmap(dmabuf, vma) {
    const { source } = importedOf(dmabuf);
    if (source.ops.mmap === undefined) {
      missing(dmabuf.system, 'mmap');
      throw new Errno('EINVAL', `${source.exporterName} buffers cannot be mapped`);
    }
    yield* finish(source.ops.mmap(source, vma));
  },
};

/** The source gets the attachment of another buffer. What comes of that depends on whether its exporter looks at which one it is. */
function confused(outer: DmaBufAttachment<any>): DmaBufAttachment<any> {
  const { system } = outer.dmabuf;
  return Object.create(outer, {
    dmabuf: { get: (): never => oops(system, 'an exporter took the private data of the second dma-buf for its own') },
  });
}

/** The same with Q21. */
const confusing: Operations = {
  ...forwarding,

  *attach(dmabuf, outer) {
    const { source } = importedOf(dmabuf);
    if (source.ops.attach === undefined) missing(dmabuf.system, 'attach');
    const inner = confused(outer);
    yield* finish(source.ops.attach?.(source, inner));
    outer.private = inner;
  },

  *detach(dmabuf, outer) {
    const { source } = importedOf(dmabuf);
    yield* finish(source.ops.detach?.(source, outer.private as DmaBufAttachment<any>));
  },

  mapDmaBuf: (outer, direction) => importedOf(outer.dmabuf).source.ops.mapDmaBuf(outer.private as DmaBufAttachment<any>, direction),

  unmapDmaBuf: (outer, mapping, direction) =>
    importedOf(outer.dmabuf).source.ops.unmapDmaBuf(outer.private as DmaBufAttachment<any>, mapping, direction),
};

export const importOperations = (system: System): Operations => (system.findings.recreates(VCSM_DEFECTS.Q21) ? confusing : forwarding);
