import { Errno } from '../abi/index.ts';
import { O_RDWR } from '../abi/uapi/index.ts';
import { type PageRange, type PinnedPages, sliceRanges } from '../kernel/index.ts';
import { type DmaDevice, type DmaMapping, KernelMapping } from '../memory/index.ts';
import { statedMode } from './coherency-mode.ts';
import { syncingAccess } from './device-access.ts';
import { DmaBuf } from './dma-buf.ts';
import type { DmaBufOps } from './dma-buf-ops.ts';

/** What stands behind a buffer of /dev/udmabuf: pages of memory files, one item of the list after the other. */
interface Udmabuf {
  readonly device: DmaDevice;
  readonly pinned: readonly PinnedPages[];
  readonly ranges: readonly PageRange[];
  /** The pages mapped for the misc device, from the first begin_cpu_access on. */
  table: DmaMapping | undefined;
}

const operations: DmaBufOps<Udmabuf> = {
  mapDmaBuf({ device, dmabuf }, direction) {
    return device.mapSg((dmabuf.private as Udmabuf).ranges, direction);
  },

  unmapDmaBuf({ device }, mapping, direction) {
    device.unmapSg(mapping, direction);
  },

  /** Importers that have the buffer mapped are not synced, only the misc device is. */
  beginCpuAccess({ private: own }, direction) {
    if (own.table === undefined) own.table = own.device.mapSg(own.ranges, direction);
    else own.device.syncSgForCpu(own.table, direction);
  },

  endCpuAccess({ private: { device, table } }, direction) {
    if (table === undefined) throw new Errno('EINVAL', 'no access has begun on this buffer yet');
    device.syncSgForDevice(table, direction);
  },

  ...syncingAccess,

  mmap({ private: { ranges } }, vma) {
    if (!vma.shared) throw new Errno('EINVAL', 'only a shared mapping shows the pages');
    vma.kind = 'frames';
    vma.backing = sliceRanges(ranges, vma.offset, vma.length);
  },

  vmap: ({ private: { ranges } }) => new KernelMapping(ranges),

  release({ private: { device, table, pinned } }) {
    // 6.12 says bidirectional whatever it was mapped for, which DMA debugging complains of.
    if (table !== undefined) device.unmapSg(table, table.direction);
    for (const pages of pinned) pages.unpin();
  },
};

/**
 * export_udmabuf. The pages become the buffer's.
 *
 * @param device the misc device
 * @param size of all pages, in bytes
 * @throws Errno ENOMEM, ENFILE; the pages stay the caller's then
 */
export function exportUdmabuf(device: DmaDevice, pinned: readonly PinnedPages[], size: number): DmaBuf<unknown> {
  const ranges = pinned.flatMap((pages) => pages.ranges);
  return new DmaBuf<Udmabuf>(device.system, {
    exporterName: 'udmabuf',
    ops: operations,
    size,
    flags: O_RDWR,
    private: { device, pinned, ranges, table: undefined },
    shows: [...new Set(ranges.map(({ memory }) => memory))],
    coherency: statedMode(device.system, 'dma-api'),
  }) as DmaBuf<any>;
}
