/** Buffers that devices and programs share, and the fences that say when they may be used (drivers/dma-buf of Linux). */
export { type CoherencyMode, type CoherencySettings, coherencyOf, setCoherency } from './coherency-mode.ts';
export { beginAccess, endAccess, watchTransfer } from './device-access.ts';
export { DmaBuf, dmaBufFd, dmaBufGet, liveDmaBufs } from './dma-buf.ts';
export { type DmaBufAttachment, enableMoveNotify, type SgTable } from './dma-buf-attachment.ts';
export type { DmaBufAttachOps, DmaBufExportInfo, DmaBufOps } from './dma-buf-ops.ts';
export {
  DmaFence,
  type DmaFenceCallback,
  type DmaFenceDescription,
  type DmaFenceOps,
  isLater,
  isLaterOrSame,
  laterFence,
} from './dma-fence.ts';
export { DmaFenceArray, type DmaFenceArrayKind, matchesContext } from './dma-fence-array.ts';
export { containedFence, DmaFenceChain, findChainSeqno, walkFenceChain } from './dma-fence-chain.ts';
export { allocateFenceContexts, allocatePrivateStub, getStubFence } from './dma-fence-stub.ts';
export { mergeFences, unwrapFence } from './dma-fence-unwrap.ts';
export { waitAnyFence } from './dma-fence-wait.ts';
export { addDmaHeap, type DmaHeap } from './dma-heap.ts';
export { DmaResv, type DmaResvEntry, reservationClass } from './dma-resv.ts';
export { PendingFences } from './dma-resv-pending.ts';
export {
  DMA_RESV_USAGE_BOOKKEEP,
  DMA_RESV_USAGE_KERNEL,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  type DmaResvUsage,
  usageToWaitFor,
} from './dma-resv-usage.ts';
export { beginSignalling, endSignalling, type SignallingCookie } from './fence-signalling.ts';
export { addCmaHeap, addReservedHeap } from './region-heap.ts';
export { addSwSync } from './sw-sync.ts';
export { createSyncFile, fenceOfSyncFile } from './sync-file.ts';
export { SyncPoint, SyncTimeline } from './sync-timeline.ts';
export { enableSysfsStatistics } from './sysfs-statistics.ts';
export { addSystemHeap, addUncachedHeap } from './system-heap.ts';
export { addUdmabuf } from './udmabuf.ts';
