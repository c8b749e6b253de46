import { Errno, IOC_READ, IOC_WRITE, iocDirection, iocNr, iocSize } from '../abi/index.ts';
import {
  DMA_HEAP_IOCTL_ALLOC,
  DMA_HEAP_VALID_FD_FLAGS,
  DMA_HEAP_VALID_HEAP_FLAGS,
  dma_heap_allocation_data,
  O_CLOEXEC,
  PAGE_SIZE,
} from '../abi/uapi/index.ts';
import { copyFromUser, copyToUser, type File, type FileOperations, type Kernel, type System, type Task } from '../kernel/index.ts';
import { type DmaBuf, dmaBufFd, liveDmaBufs } from './dma-buf.ts';
import { getStubFence } from './dma-fence-stub.ts';

/** A pool that buffers come from, as `struct dma_heap`. */
export interface DmaHeap {
  /** The node is /dev/dma_heap/NAME. */
  readonly name: string;
  /**
   * Makes a buffer of zeros.
   *
   * @param length in bytes, a multiple of the page size
   * @param flags of the buffer's file
   * @throws Errno ENOMEM
   */
  allocate(length: number, flags: number): DmaBuf<any>;
}

/** NUM_HEAP_MINORS: how many the class has numbers for. */
const HEAPS_MAX = 128;

class DmaHeaps {
  readonly #system: System;
  readonly #region;
  readonly #names = new Set<string>();

  constructor(system: System) {
    this.#system = system;
    this.#region = system.devices.allocateRegion('dma_heap');
    liveDmaBufs(system);
    // Heaps come at boot, and so does the fence that buffers without work show.
    getStubFence(system).put();
  }

  add(heap: DmaHeap): void {
    const { name } = heap;
    if (name === '') throw new Errno('EINVAL', 'a heap has a name');
    if (this.#names.size >= HEAPS_MAX) throw new Errno('EBUSY', `there are ${HEAPS_MAX} heaps already`);
    if (this.#names.has(name)) throw new Errno('EINVAL', `there is a heap ${name} already`);
    this.#system.devices.add(this.#region, this.#names.size, `dma_heap/${name}`, operationsOf(heap));
    this.#names.add(name);
  }
}

const dmaHeaps = (system: System) => new DmaHeaps(system);

/** dma_heap_add: makes the node of a heap. Heaps are never removed. @throws Errno EINVAL without a name or for one that is taken; EBUSY */
export function addDmaHeap(system: System, heap: DmaHeap): void {
  system.single(dmaHeaps).add(heap);
}

/** Size of the kernel's own struct: a request may carry a shorter or longer one. */
const STRUCT_SIZE = dma_heap_allocation_data.size;

function operationsOf(heap: DmaHeap): FileOperations {
  return {
    open(file) {
      file.makeNonseekable();
    },

    requests: [DMA_HEAP_IOCTL_ALLOC],

    /**
     * Only the number selects the request; its size and direction say what is copied, whatever they are. The struct goes back also
     * when the request failed, and a fault then is what the program hears of.
     */
    *ioctl(_file: File, request, address, task) {
      if (iocNr(request) >= 1) throw new Errno('EINVAL', 'a heap knows only request 0');
      const length = iocSize(request);
      const copiedIn = (iocDirection(request) & IOC_WRITE) !== 0 ? length : 0;
      const copiedOut = (iocDirection(request) & IOC_READ) !== 0 ? length : 0;
      const bytes = new Uint8Array(Math.max(copiedIn, copiedOut, STRUCT_SIZE));
      if (copiedIn > 0) bytes.set(yield* copyFromUser(task.memory, address, copiedIn));
      const view = new DataView(bytes.buffer);
      let failure: unknown;
      try {
        const length = pageAlign(view.getBigUint64(0, true));
        const fd = yield* allocate(heap, length, dma_heap_allocation_data.decode(view, 0), task);
        dma_heap_allocation_data.assign(view, 0, { fd });
      } catch (error) {
        failure = error;
      }
      if (copiedOut > 0) yield* copyToUser(task.memory, address, bytes.subarray(0, copiedOut));
      if (failure !== undefined) throw failure;
      return 0;
    },
  };
}

interface Allocation {
  readonly fd: number;
  readonly fd_flags: number;
  readonly heap_flags: number;
}

/** PAGE_ALIGN of 64 bits: what rounds up to 2^64 is 0. */
function pageAlign(length: bigint): number {
  const page = BigInt(PAGE_SIZE);
  return Number(BigInt.asUintN(64, ((length + page - 1n) / page) * page));
}

/** @param length the wanted one, rounded up to pages @returns the descriptor @throws Errno EINVAL, ENOMEM, EMFILE */
function* allocate(heap: DmaHeap, length: number, wanted: Allocation, task: Task): Kernel<number> {
  if (wanted.fd !== 0) throw new Errno('EINVAL', 'fd is not 0');
  if ((wanted.fd_flags & ~DMA_HEAP_VALID_FD_FLAGS) !== 0) throw new Errno('EINVAL', 'fd_flags has more than an access mode and O_CLOEXEC');
  if (wanted.heap_flags !== DMA_HEAP_VALID_HEAP_FLAGS) throw new Errno('EINVAL', 'heap_flags is not 0');
  if (length === 0) throw new Errno('EINVAL', 'len rounds to 0 pages');
  const dmabuf = heap.allocate(length, wanted.fd_flags);
  try {
    return yield* dmaBufFd(dmabuf, (wanted.fd_flags & O_CLOEXEC) !== 0, task);
  } catch (error) {
    dmabuf.put();
    throw error;
  }
}
