import { noncoherent, type Sys } from 'ioctopus';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  DMA_HEAP_IOCTL_ALLOC,
  DMA_TEST_IOC_ATTACH,
  DMA_TEST_IOC_READ,
  DMA_TEST_KEEP_MAPPING,
  O_RDWR,
} from 'ioctopus/uapi';
import { expect, machineTest } from 'ioctopus/vitest';

const test = machineTest(noncoherent);

/** Draws a picture and lets a device read it that does not look into the CPU's caches. @returns the first byte that it found */
function draw(sys: Sys<'sync'>, remembers: boolean) {
  const heap = sys.open('/dev/dma_heap/system', O_RDWR);
  const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 8192, fd_flags: O_RDWR });
  const display = sys.open('/dev/dma-direct', O_RDWR);
  sys.ioctl(display, DMA_TEST_IOC_ATTACH, { fd, flags: DMA_TEST_KEEP_MAPPING });
  const pixels = sys.mmap(fd, { length: 8192 });
  sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE });
  pixels.bytes.fill(0x80);
  if (remembers) sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE });
  const { data } = sys.ioctl(display, DMA_TEST_IOC_READ, { length: 8192 });
  sys.munmap(pixels);
  for (const open of [heap, fd, display]) sys.close(open);
  return data[0];
}

test('the device sees what was drawn', ({ machine }) => {
  expect(draw(machine.sys, true)).toBe(0x80);
});

test('without END it sees what was there before, and the test would fail with the reason', ({ machine }) => {
  expect(draw(machine.sys, false)).toBe(0);
  const { findings } = machine.system;
  expect(findings.all.map(({ text }) => text)).toEqual([
    expect.stringMatching(
      /^dma-direct read old bytes: line 0 .* was written by the CPU .* in the access that ioctl\(1, DMA_BUF_IOCTL_SYNC\) of task 1 .* began/,
    ),
  ]);
  findings.expect('coherency-stale-read');
});
