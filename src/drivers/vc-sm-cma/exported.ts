/** The dma-bufs that the driver hands out: section 6 of docs/reference/vc-sm-cma.md. */
import { Errno } from '../../abi/index.ts';
import { O_RDWR } from '../../abi/uapi/index.ts';
import { DmaBuf, type DmaBufAttachment, type DmaBufOps, type SgTable } from '../../dma-buf/index.ts';
import { finish, type Kernel, type System, sliceRanges } from '../../kernel/index.ts';
import type { CoherentMemory, DmaMapping } from '../../memory/index.ts';
import { type Imported, VcSmBuffer } from './buffer.ts';
import { oops, VCSM_DEFECTS } from './defects.ts';

const EXPORTER = 'vc_sm_cma';

type Released = (buffer: VcSmBuffer) => Kernel<void>;

const coherentOf = (dmabuf: DmaBuf<VcSmBuffer>) => dmabuf.private.coherent as CoherentMemory;
const importedOf = (dmabuf: DmaBuf<VcSmBuffer>) => dmabuf.private.imported as Imported;

/** Of memory that the driver has allocated. */
const ownOperations: Omit<DmaBufOps<VcSmBuffer>, 'release'> = {
  attach(_dmabuf, attachment) {
    attachment.private = undefined;
  },

  mapDmaBuf(attachment, direction) {
    const mapping = attachment.device.mapSg(coherentOf(attachment.dmabuf).pages, direction);
    attachment.private = mapping;
    return mapping;
  },

  unmapDmaBuf(attachment, mapping, direction) {
    attachment.private = undefined;
    attachment.device.unmapSg(mapping, direction);
  },

  beginCpuAccess({ attachments }, direction) {
    for (const { device, private: mapping } of attachments)
      if (mapping !== undefined) device.syncSgForCpu(mapping as DmaMapping, direction);
  },

  endCpuAccess({ attachments }, direction) {
    for (const { device, private: mapping } of attachments)
      if (mapping !== undefined) device.syncSgForDevice(mapping as DmaMapping, direction);
  },

  *mmap(dmabuf, vma) {
    const { system, private: buffer } = dmabuf;
    const { memory } = coherentOf(dmabuf);
    yield* buffer.lock.lock();
    const offset = system.findings.recreates(VCSM_DEFECTS.Q28) ? 0 : vma.offset;
    vma.backing = sliceRanges([{ memory, offset: 0, length: buffer.size }], offset, vma.length);
    buffer.lock.unlock();
  },
};

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
const importOperations: Omit<DmaBufOps<VcSmBuffer>, 'release'> = {
  *attach(dmabuf, outer) {
    const { source } = importedOf(dmabuf);
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

/** @param released called when the last descriptor and mapping are gone @throws Errno ENOMEM, ENFILE */
export function exportBuffer(system: System, buffer: VcSmBuffer, released: Released): DmaBuf<VcSmBuffer> {
  const operations = buffer.imported === undefined ? ownOperations : importOperations;
  const dmabuf = new DmaBuf<VcSmBuffer>(system, {
    exporterName: EXPORTER,
    ops: { ...operations, release: ({ private: own }) => released(own) },
    size: buffer.size,
    flags: O_RDWR,
    private: buffer,
  });
  buffer.dmabuf = dmabuf;
  return dmabuf;
}

/** The buffer behind a dma-buf of this driver. */
export const bufferOf = (dmabuf: DmaBuf<any>): VcSmBuffer | undefined =>
  dmabuf.exporterName === EXPORTER && dmabuf.private instanceof VcSmBuffer ? dmabuf.private : undefined;
