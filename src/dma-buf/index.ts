/** Buffers that devices and programs share, and the fences that say when they may be used (drivers/dma-buf of Linux). */
export { DmaBuf, dmaBufFd, dmaBufGet, liveDmaBufs } from './dma-buf.ts';
export { type DmaBufAttachment, enableMoveNotify, type SgTable } from './dma-buf-attachment.ts';
export type { DmaBufAttachOps, DmaBufExportInfo, DmaBufOps } from './dma-buf-ops.ts';
export {
  allocateFenceContexts,
  DmaFence,
  type DmaFenceCallback,
  type DmaFenceDescription,
  type DmaFenceOps,
  getStubFence,
  isLater,
} from './dma-fence.ts';
export { DmaFenceArray, mergeFences, unwrapFence } from './dma-fence-array.ts';
export { addDmaHeap, type DmaHeap } from './dma-heap.ts';
export {
  DMA_RESV_USAGE_BOOKKEEP,
  DMA_RESV_USAGE_KERNEL,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  DmaResv,
  type DmaResvUsage,
  usageToWaitFor,
} from './dma-resv.ts';
export { addCmaHeap, addReservedHeap } from './region-heap.ts';
export { createSyncFile, fenceOfSyncFile } from './sync-file.ts';
export { enableSysfsStatistics } from './sysfs-statistics.ts';
export { addSystemHeap } from './system-heap.ts';
export { addUdmabuf } from './udmabuf.ts';
