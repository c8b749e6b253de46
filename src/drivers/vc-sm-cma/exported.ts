/** The dma-bufs that the driver hands out: section 6 of docs/reference/vc-sm-cma.md. */
import { O_RDWR } from '../../abi/uapi/index.ts';
import { DmaBuf, type DmaBufOps } from '../../dma-buf/index.ts';
import { type Kernel, type MemoryObject, type System, sliceRanges } from '../../kernel/index.ts';
import { type CoherentMemory, coherentPages, type DmaMapping } from '../../memory/index.ts';
import { type LocalHandle, VcSmBuffer } from './buffer.ts';
import { VCSM_DEFECTS } from './defects.ts';
import { ExplicitHandle } from './explicit-handle.ts';
import { importOperations } from './import-operations.ts';

const EXPORTER = 'vc_sm_cma';

type Released = (buffer: VcSmBuffer) => Kernel<void>;

const coherentOf = (dmabuf: DmaBuf<VcSmBuffer>) => dmabuf.private.coherent as CoherentMemory;

/** Of memory that the driver has allocated. */
const ownOperations: Omit<DmaBufOps<VcSmBuffer>, 'release'> = {
  attach(_dmabuf, attachment) {
    attachment.private = undefined;
  },

  mapDmaBuf(attachment, direction) {
    const mapping = attachment.device.mapSg(coherentPages(coherentOf(attachment.dmabuf)), direction);
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

/** @param released called when the last descriptor and mapping are gone @throws Errno ENOMEM, ENFILE */
export function exportBuffer(system: System, buffer: VcSmBuffer, released: Released): DmaBuf<VcSmBuffer> {
  const operations = buffer.imported === undefined ? ownOperations : importOperations(system);
  const dmabuf = new DmaBuf<VcSmBuffer>(system, {
    exporterName: EXPORTER,
    ops: { ...operations, release: ({ private: own }) => released(own) },
    size: buffer.size,
    flags: O_RDWR,
    private: buffer,
    shows: memoriesOf(buffer),
  });
  buffer.dmabuf = dmabuf;
  return dmabuf;
}

/** What the CPU may have lines of: an allocation is not cached, and what another exporter keeps may not be known. */
function memoriesOf({ imported }: VcSmBuffer): readonly MemoryObject[] {
  if (imported === undefined) return [];
  const inner = bufferOf(imported.source);
  if (inner !== undefined) return memoriesOf(inner);
  const { memory } = imported.source.file;
  return memory === undefined ? [] : [memory];
}

/** The buffer behind what this driver has handed out. */
export function bufferOf(handle: LocalHandle): VcSmBuffer | undefined {
  if (handle instanceof ExplicitHandle) return handle.buffer;
  return handle instanceof DmaBuf && handle.private instanceof VcSmBuffer ? handle.private : undefined;
}
