/** Buffers that devices and programs share, and the fences that say when they may be used (drivers/dma-buf of Linux). */
export { DmaBuf, type DmaBufExportInfo, type DmaBufOps, type DmaDirection, dmaBufFd, dmaBufGet, liveDmaBufs } from './dma-buf.ts';
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
export { beginSignalling, endSignalling, type SignallingCookie } from './fence-signalling.ts';
export { createSyncFile, fenceOfSyncFile } from './sync-file.ts';
export { addSystemHeap } from './system-heap.ts';
