import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { System } from '../kernel/index.ts';
import { type ContiguousRegion, cmaAlignment } from '../memory/index.ts';
import type { DmaBuf } from './dma-buf.ts';
import type { DmaBufOps } from './dma-buf-ops.ts';
import { addDmaHeap, type DmaHeap } from './dma-heap.ts';
import { exportHeapBuffer, type HeapBuffer, heapOperations, mapHeapBuffer } from './heap-buffer.ts';

const operations: DmaBufOps<HeapBuffer> = {
  ...heapOperations,

  mmap(dmabuf, vma) {
    if (!vma.shared) throw new Errno('EINVAL', 'a contiguous buffer cannot be mapped privately');
    mapHeapBuffer(dmabuf, vma);
  },
};

const cmaOperations: DmaBufOps<HeapBuffer> = {
  ...operations,

  mapDmaBuf(attachment, direction) {
    try {
      return heapOperations.mapDmaBuf(attachment, direction);
    } catch (error) {
      throw new Errno('ENOMEM', (error as Error).message);
    }
  },
};

/** The buffers are contiguous pieces of one region, whose name is the heap's. */
class RegionHeap implements DmaHeap {
  readonly name: string;
  readonly #system: System;
  readonly #region: ContiguousRegion;
  readonly #ops: DmaBufOps<HeapBuffer>;
  readonly #alignmentOf: (length: number) => number;

  constructor(system: System, region: ContiguousRegion, ops: DmaBufOps<HeapBuffer>, alignmentOf: (length: number) => number) {
    this.name = region.name;
    this.#system = system;
    this.#region = region;
    this.#ops = ops;
    this.#alignmentOf = alignmentOf;
  }

  allocate(length: number, flags: number): DmaBuf<HeapBuffer> {
    const region = this.#region;
    this.#system.kmalloc('struct cma_heap_buffer');
    if (this.#system.faults.fails('page', this.name) !== undefined) throw new Errno('ENOMEM', `${this.name} has no pages to give`);
    const address = region.allocate(length, this.#alignmentOf(length));
    return exportHeapBuffer(
      this.#system,
      { name: this.name, ops: this.#ops, flags },
      {
        pieces: [{ address, length }],
        back: (_piece, memory, offset) => region.back(address, memory, offset),
        free: () => region.free(address),
      },
    );
  }
}

/**
 * The heap of a CMA area (drivers/dma-buf/heaps/cma_heap.c): `/dev/dma_heap/NAME` with the area's name, which in 6.12 is `reserved` for
 * the default area of a kernel that was given `cma=`, and the node's name in a device tree (`linux,cma`, say).
 */
export function addCmaHeap(system: System, region: ContiguousRegion): void {
  addDmaHeap(system, new RegionHeap(system, region, cmaOperations, cmaAlignment));
}

/** The heap of memory that is reserved for devices, a carveout: its allocator (genalloc) knows pages only, and errors stay what they are. */
export function addReservedHeap(system: System, region: ContiguousRegion): void {
  addDmaHeap(system, new RegionHeap(system, region, operations, () => PAGE_SIZE));
}
