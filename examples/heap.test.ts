import { DMA_BUF_IOCTL_SYNC, DMA_BUF_SYNC_RW, DMA_HEAP_IOCTL_ALLOC, O_RDWR } from 'ioctopus/uapi';
import { expect, test } from 'ioctopus/vitest';

test('a new buffer is zero', ({ machine: { sys } }) => {
  const heap = sys.open('/dev/dma_heap/system', O_RDWR);
  const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 8192, fd_flags: O_RDWR });
  const pixels = sys.mmap(fd, { length: 8192 });
  sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_RW });
  expect(pixels.bytes.every((byte) => byte === 0)).toBe(true);
  sys.munmap(pixels);
  for (const open of [heap, fd]) sys.close(open);
});
