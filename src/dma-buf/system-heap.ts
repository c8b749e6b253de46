import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { System } from '../kernel/index.ts';
import type { PhysicalMemory } from '../memory/index.ts';
import type { DmaBuf } from './dma-buf.ts';
import type { DmaBufOps } from './dma-buf-ops.ts';
import { addDmaHeap, type DmaHeap } from './dma-heap.ts';
import { exportHeapBuffer, type HeapBuffer, type HeapPiece, heapOperations, mapHeapBuffer } from './heap-buffer.ts';

/** Block sizes that the heap asks for, as page orders: 1 MiB, 64 KiB, 4 KiB. */
const ORDERS = [8, 4, 0];

interface Block extends HeapPiece {
  readonly order: number;
}

const operations: DmaBufOps<HeapBuffer> = {
  ...heapOperations,

  mmap(dmabuf, vma) {
    // 6.12 maps page by page, and a private mapping of more than one page cannot be made that way.
    if (!vma.shared && vma.length > PAGE_SIZE) throw new Errno('EINVAL', 'a private mapping of a system buffer has one page');
    mapHeapBuffer(dmabuf, vma);
  },
};

function freeBlocks(ram: PhysicalMemory, blocks: readonly Block[]): void {
  for (const { address, order } of blocks) ram.free(address, order);
}

/** The largest blocks that fit, none larger than the one before. @throws Errno ENOMEM */
function allocateBlocks(ram: PhysicalMemory, length: number): Block[] {
  const blocks: Block[] = [];
  let remaining = length / PAGE_SIZE;
  if (length > ram.freeBytes) throw new Errno('ENOMEM', `${length} bytes are more than the ${ram.freeBytes} that are free`);
  let largest = 0;
  while (remaining > 0) {
    let block: Block | undefined;
    for (let at = largest; at < ORDERS.length && block === undefined; at++) {
      const order = ORDERS[at] as number;
      if (1 << order > remaining) continue;
      const address = ram.tryAllocate(order);
      largest = at;
      if (address !== undefined) block = { address, order, length: PAGE_SIZE << order };
    }
    if (block === undefined) {
      freeBlocks(ram, blocks);
      throw new Errno('ENOMEM', 'no page is free');
    }
    blocks.push(block);
    remaining -= 1 << block.order;
  }
  return blocks;
}

/** The heap of ordinary pages (drivers/dma-buf/heaps/system_heap.c): `/dev/dma_heap/system`. */
class SystemHeap implements DmaHeap {
  readonly name: string;
  readonly #isUncached: boolean;
  readonly #system: System;
  readonly #ram: PhysicalMemory;

  constructor(system: System, ram: PhysicalMemory, name: string, isUncached: boolean) {
    this.name = name;
    this.#isUncached = isUncached;
    this.#system = system;
    this.#ram = ram;
  }

  allocate(length: number, flags: number): DmaBuf<HeapBuffer> {
    const ram = this.#ram;
    this.#system.kmalloc('struct system_heap_buffer');
    const blocks = allocateBlocks(ram, length);
    return exportHeapBuffer(
      this.#system,
      { name: this.name, ops: operations, flags, isUncached: this.#isUncached },
      {
        pieces: blocks,
        back: ({ address, order }, memory, offset) => ram.back(address, order, memory, offset),
        free: () => freeBlocks(ram, blocks),
      },
    );
  }
}

/** Adds the system heap to a machine. */
export function addSystemHeap(system: System, ram: PhysicalMemory): void {
  addDmaHeap(system, new SystemHeap(system, ram, 'system', false));
}

/** The same whose buffers the CPU maps write-combined, so that nothing of them is ever in its caches: `system-uncached`, as Android has it. */
export function addUncachedHeap(system: System, ram: PhysicalMemory): void {
  addDmaHeap(system, new SystemHeap(system, ram, 'system-uncached', true));
}
