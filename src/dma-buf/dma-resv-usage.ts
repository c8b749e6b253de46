/** What a fence on a buffer is for, and so who must wait for it: `enum dma_resv_usage`. A query means this class and those below. */
export const DMA_RESV_USAGE_KERNEL = 0;
/** Implicit-sync writer. */
export const DMA_RESV_USAGE_WRITE = 1;
/** Implicit-sync reader. */
export const DMA_RESV_USAGE_READ = 2;
/** Tracked, but outside implicit sync. */
export const DMA_RESV_USAGE_BOOKKEEP = 3;

export type DmaResvUsage = 0 | 1 | 2 | 3;

/** dma_resv_usage_rw: which fences somebody must wait for who is about to write, or to read. */
export function usageToWaitFor(write: boolean): DmaResvUsage {
  return write ? DMA_RESV_USAGE_READ : DMA_RESV_USAGE_WRITE;
}
