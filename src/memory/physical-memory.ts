import { Errno } from '../abi/index.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, MemoryRange } from '../kernel/index.ts';

/** Blocks have 2^order pages; the largest is 4 MiB, as MAX_PAGE_ORDER. */
export const MAX_PAGE_ORDER = 10;

/** A block that somebody has, and the bytes behind it if somebody has said which. */
interface Block {
  readonly order: number;
  memory: MemoryObject | undefined;
  offset: number;
}

/**
 * The machine's RAM: a buddy allocator of page blocks, and what bytes stand behind each address. Of the free blocks of an order the
 * one that has been free longest goes first, so the same history gives the same addresses.
 */
export class PhysicalMemory {
  /** First address, in bytes. */
  readonly base: number;
  /** In bytes. */
  readonly size: number;
  /** Free blocks by order, as page frame numbers counted from `base`. */
  readonly #free: Set<number>[] = Array.from({ length: MAX_PAGE_ORDER + 1 }, () => new Set<number>());
  /** Allocated blocks by their first page frame. */
  readonly #blocks = new Map<number, Block>();
  #freePages: number;
  readonly #fails: () => boolean;

  /**
   * @param size a multiple of 4 MiB
   * @param base the address of the first byte, a multiple of 4 MiB
   * @param fails asked before each allocation: whether it is to fail
   */
  constructor(size: number, base = 0, fails = () => false) {
    const block = PAGE_SIZE << MAX_PAGE_ORDER;
    if (size % block !== 0 || base % block !== 0)
      throw new RangeError(`RAM of ${size} bytes at ${base} does not consist of ${block} byte blocks`);
    this.#fails = fails;
    this.base = base;
    this.size = size;
    this.#freePages = size / PAGE_SIZE;
    for (let pfn = 0; pfn < size / PAGE_SIZE; pfn += 1 << MAX_PAGE_ORDER) (this.#free[MAX_PAGE_ORDER] as Set<number>).add(pfn);
  }

  get freeBytes(): number {
    return this.#freePages * PAGE_SIZE;
  }

  /** alloc_pages. @returns the block's address @throws Errno ENOMEM when no block of that size is free */
  allocate(order: number): number {
    const address = this.tryAllocate(order);
    if (address === undefined) throw new Errno('ENOMEM', `no block of ${PAGE_SIZE << order} bytes is free`);
    return address;
  }

  /** alloc_pages with __GFP_NOWARN: undefined instead of an error. */
  tryAllocate(order: number): number | undefined {
    if (this.#fails()) return undefined;
    let from = order;
    while (from <= MAX_PAGE_ORDER && (this.#free[from] as Set<number>).size === 0) from++;
    if (from > MAX_PAGE_ORDER) return undefined;
    const [pfn] = this.#free[from] as Set<number>;
    (this.#free[from] as Set<number>).delete(pfn as number);
    while (from > order) {
      from--;
      (this.#free[from] as Set<number>).add((pfn as number) + (1 << from));
    }
    this.#freePages -= 1 << order;
    this.#blocks.set(pfn as number, { order, memory: undefined, offset: 0 });
    return this.base + (pfn as number) * PAGE_SIZE;
  }

  /** __free_pages: the block joins its neighbour if that is free too. */
  free(address: number, order: number): void {
    this.#blockAt(address, order, 'free');
    let pfn = this.#pfn(address);
    this.#blocks.delete(pfn);
    this.#freePages += 1 << order;
    let joined = order;
    while (joined < MAX_PAGE_ORDER && (this.#free[joined] as Set<number>).delete(pfn ^ (1 << joined))) {
      pfn &= ~(1 << joined);
      joined++;
    }
    (this.#free[joined] as Set<number>).add(pfn);
  }

  /** Says which bytes an allocated block shows, until it is freed. */
  back(address: number, order: number, memory: MemoryObject, offset: number): void {
    const block = this.#blockAt(address, order, 'backing');
    block.memory = memory;
    block.offset = offset;
  }

  /** The bytes behind an address, up to the end of their block; undefined when nothing is there. */
  resolve(address: number): MemoryRange | undefined {
    if (address < this.base || address >= this.base + this.size) return undefined;
    const pfn = this.#pfn(address);
    for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
      const first = (pfn >>> order) << order;
      const block = this.#blocks.get(first);
      if (block === undefined || block.order < order) continue;
      if (block.memory === undefined) return undefined;
      const within = address - this.base - first * PAGE_SIZE;
      return { memory: block.memory, offset: block.offset + within, length: (PAGE_SIZE << block.order) - within };
    }
    return undefined;
  }

  /** A misuse stops here, not when the page has been given out twice. */
  #blockAt(address: number, order: number, what: string): Block {
    const block = this.#blocks.get(this.#pfn(address));
    if (block?.order === order) return block;
    throw new Error(`${what} of ${PAGE_SIZE << order} bytes at 0x${address.toString(16)}, which nobody has`);
  }

  #pfn(address: number): number {
    return Math.floor((address - this.base) / 2 ** PAGE_SHIFT);
  }
}
