import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, MemoryRange } from '../kernel/index.ts';

/** A part of the memory map with an allocator of its own: a CMA area, or memory that is reserved for devices. */
export interface RegionDescription {
  readonly name: string;
  /** Physical address of the first byte, a multiple of the page size. */
  readonly base: number;
  /** In bytes, a multiple of the page size. */
  readonly size: number;
}

/** CONFIG_CMA_ALIGNMENT: the largest order to whose size allocations are aligned. */
const CMA_ALIGNMENT = 8;

/** How the kernel aligns what it takes of a CMA area: to its size, rounded up to a power of two, within limits. @param length in bytes */
export function cmaAlignment(length: number): number {
  return Math.min(PAGE_SIZE * 2 ** Math.ceil(Math.log2(length / PAGE_SIZE)), PAGE_SIZE << CMA_ALIGNMENT);
}

interface Block {
  readonly address: number;
  readonly length: number;
  backing: { readonly memory: MemoryObject; readonly offset: number } | undefined;
}

/** Gives out contiguous memory of a region: the first place where it fits, as the bitmap of cma_alloc does. */
export class ContiguousRegion implements RegionDescription {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  /** By address. */
  readonly #blocks: Block[] = [];
  #usedBytes = 0;

  constructor({ name, base, size }: RegionDescription) {
    if (base % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0 || size <= 0)
      throw new RangeError(`region ${name} of ${size} bytes at 0x${base.toString(16)} does not consist of pages`);
    this.name = name;
    this.base = base;
    this.size = size;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * cma_alloc.
   *
   * @param length in bytes, a multiple of the page size
   * @param alignment of the physical address, in bytes
   * @returns the address of the first byte
   * @throws Errno ENOMEM when no gap is large enough
   */
  allocate(length: number, alignment = PAGE_SIZE): number {
    const align = (address: number) => Math.ceil(address / alignment) * alignment;
    let address = align(this.base);
    let at = 0;
    for (; at < this.#blocks.length; at++) {
      const block = this.#blocks[at] as Block;
      if (address + length <= block.address) break;
      address = align(block.address + block.length);
    }
    if (address + length > this.base + this.size)
      throw new Errno('ENOMEM', `region ${this.name} has no ${length} contiguous bytes, of ${this.size - this.#usedBytes} that are free`);
    this.#blocks.splice(at, 0, { address, length, backing: undefined });
    this.#usedBytes += length;
    return address;
  }

  /** cma_release: all that one allocation gave. */
  free(address: number): void {
    const { length } = this.#blockAt(address, 'free');
    this.#blocks.splice(this.#indexOf(address), 1);
    this.#usedBytes -= length;
  }

  /** Says which bytes an allocation shows, until it is freed. */
  back(address: number, memory: MemoryObject, offset: number): void {
    this.#blockAt(address, 'backing').backing = { memory, offset };
  }

  includes(address: number): boolean {
    return address >= this.base && address < this.base + this.size;
  }

  /** The bytes behind an address, up to the end of their allocation; undefined when nothing is there. */
  resolve(address: number): MemoryRange | undefined {
    const block = this.#blocks[this.#indexOf(address)];
    if (block?.backing === undefined || address >= block.address + block.length) return undefined;
    const within = address - block.address;
    return { memory: block.backing.memory, offset: block.backing.offset + within, length: block.length - within };
  }

  /** A misuse stops here, not when the memory has been given out twice. */
  #blockAt(address: number, what: string): Block {
    const block = this.#blocks[this.#indexOf(address)];
    if (block?.address === address) return block;
    throw new Error(`${what} at 0x${address.toString(16)} in region ${this.name}, where no allocation begins`);
  }

  /** Of the last block that begins at or before an address; -1 without one. */
  #indexOf(address: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle] as Block).address <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
