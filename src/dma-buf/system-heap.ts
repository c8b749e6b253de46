import { Errno } from '../abi/index.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, System } from '../kernel/index.ts';
import { sliceRanges } from '../kernel/index.ts';
import type { PhysicalMemory } from '../memory/index.ts';
import { DmaBuf, type DmaBufOps } from './dma-buf.ts';
import { addDmaHeap, type DmaHeap } from './dma-heap.ts';

/** Block sizes that the heap asks for, as page orders: 1 MiB, 64 KiB, 4 KiB. */
const ORDERS = [8, 4, 0];

interface Block {
  readonly address: number;
  readonly order: number;
}

/** What stands behind a buffer of the system heap: RAM in blocks, and one memory object that shows them in a row. */
interface SystemHeapBuffer {
  readonly ram: PhysicalMemory;
  readonly blocks: readonly Block[];
  readonly memory: MemoryObject;
}

const operations: DmaBufOps<SystemHeapBuffer> = {
  mmap(dmabuf, vma) {
    // 6.12 maps page by page, and a private mapping of more than one page cannot be made that way.
    if (!vma.shared && vma.length > PAGE_SIZE) throw new Errno('EINVAL', 'a private mapping of a system buffer has one page');
    const whole = { memory: dmabuf.private.memory, offset: 0, length: dmabuf.size };
    vma.backing = sliceRanges([whole], vma.offset, vma.length);
  },

  release(dmabuf) {
    freeBlocks(dmabuf.private.ram, dmabuf.private.blocks);
    dmabuf.private.memory.put();
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
      if (address !== undefined) block = { address, order };
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
  readonly name = 'system';
  readonly #system: System;
  readonly #ram: PhysicalMemory;

  constructor(system: System, ram: PhysicalMemory) {
    this.#system = system;
    this.#ram = ram;
  }

  allocate(length: number, flags: number): DmaBuf<SystemHeapBuffer> {
    const ram = this.#ram;
    this.#system.kmalloc('struct system_heap_buffer');
    const blocks = allocateBlocks(ram, length);
    let memory: MemoryObject | undefined;
    try {
      this.#system.kmalloc('struct sg_table');
      memory = this.#system.memory.allocate(length, 'a system heap buffer');
      return this.#export(blocks, memory, length, flags);
    } catch (error) {
      freeBlocks(ram, blocks);
      memory?.put();
      throw error;
    }
  }

  #export(blocks: readonly Block[], memory: MemoryObject, length: number, flags: number): DmaBuf<SystemHeapBuffer> {
    const ram = this.#ram;
    let offset = 0;
    for (const { address, order } of blocks) {
      ram.back(address, order, memory, offset);
      offset += 2 ** (PAGE_SHIFT + order);
    }
    return new DmaBuf(this.#system, {
      exporterName: 'system',
      ops: operations,
      size: length,
      flags,
      private: { ram, blocks, memory },
      memory,
    });
  }
}

/** Adds the system heap to a machine. */
export function addSystemHeap(system: System, ram: PhysicalMemory): void {
  addDmaHeap(system, new SystemHeap(system, ram));
}
