/** linux/dma-heap.h. */
import { flags, struct, u32, u64 } from '../layout.ts';
import { IOWR, requests } from '../request.ts';
import { formatOpenFlags, O_ACCMODE, O_CLOEXEC } from './fcntl.ts';

export const DMA_HEAP_VALID_FD_FLAGS = O_CLOEXEC | O_ACCMODE;
export const DMA_HEAP_VALID_HEAP_FLAGS = 0;

export const dma_heap_allocation_data = struct('dma_heap_allocation_data', {
  len: u64,
  fd: u32,
  fd_flags: flags(u32, formatOpenFlags),
  heap_flags: u64,
});

export const { DMA_HEAP_IOCTL_ALLOC } = requests({ DMA_HEAP_IOCTL_ALLOC: IOWR('H', 0, dma_heap_allocation_data) });
