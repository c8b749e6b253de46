import { describe, expect, test } from 'vitest';
import { DMA_HEAP_IOCTL_ALLOC, O_RDWR } from '../../src/abi/uapi/index.ts';
import { boards, boot } from '../../src/index.ts';

const MIB = 2 ** 20;

describe.each(Object.entries(boards))('the board %s', (name, make) => {
  test('boots under its name, and leaves nothing', () => {
    const machine = boot(make());
    expect(machine.board.name).toBe(name);
    expect(machine.board.description).not.toBe('');
    machine.shutdown();
  });
});

test('the area of the board contiguous is 64 MiB of its RAM', () => {
  const machine = boot(boards.contiguous?.());
  const { sys, ram } = machine;
  expect([ram.size - ram.freeBytes, ram.usedBytes]).toEqual([64 * MIB, 0]);
  const heap = sys.open('/dev/dma_heap/reserved', O_RDWR);
  const allocate = (len: number) => sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len }).fd;
  const all = allocate(64 * MIB);
  expect(ram.usedBytes).toBe(64 * MIB);
  expect(() => allocate(1)).toThrow('ENOMEM');
  sys.close(all);
  sys.close(allocate(1));
  sys.close(heap);
  machine.shutdown();
});
