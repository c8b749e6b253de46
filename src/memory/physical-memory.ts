import { Errno } from '../abi/index.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, MemoryRange } from '../kernel/index.ts';
import { ContiguousRegion, type RegionDescription } from './contiguous-region.ts';

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
  readonly #regions = new Map<string, ContiguousRegion>();
  /** Pages that the buddy allocator has to give, free or not. */
  #managedPages: number;
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
    this.#managedPages = size / PAGE_SIZE;
    this.#freePages = this.#managedPages;
    for (let pfn = 0; pfn < size / PAGE_SIZE; pfn += 1 << MAX_PAGE_ORDER) (this.#free[MAX_PAGE_ORDER] as Set<number>).add(pfn);
  }

  get freeBytes(): number {
    return this.#freePages * PAGE_SIZE;
  }

  /** What somebody has, in pages of the allocator and in regions. */
  get usedBytes(): number {
    let used = (this.#managedPages - this.#freePages) * PAGE_SIZE;
    for (const region of this.#regions.values()) used += region.usedBytes;
    return used;
  }

  /**
   * Sets a region apart, as reserved-memory in a device tree or `cma=` do: of the RAM, whose pages must be free, or beyond it.
   *
   * @throws RangeError when it lies half in the RAM, or over another region, or when its name is taken
   */
  addRegion(description: RegionDescription): ContiguousRegion {
    const region = new ContiguousRegion(description);
    const { name, base, size } = region;
    const where = `region ${name}, ${size} bytes at 0x${base.toString(16)},`;
    if (this.#regions.has(name)) throw new RangeError(`there is a region ${name} already`);
    for (const other of this.#regions.values())
      if (base < other.base + other.size && other.base < base + size) throw new RangeError(`${where} lies over region ${other.name}`);
    if (base < this.base + this.size && this.base < base + size) {
      if (base < this.base || base + size > this.base + this.size) throw new RangeError(`${where} lies half in the RAM`);
      this.#reserve(this.#pfn(base), size / PAGE_SIZE, where);
    }
    this.#regions.set(name, region);
    return region;
  }

  /** @throws RangeError when there is no region of that name */
  region(name: string): ContiguousRegion {
    const region = this.#regions.get(name);
    if (region === undefined) throw new RangeError(`there is no region ${name} in the memory map`);
    return region;
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
    for (const region of this.#regions.values()) if (region.includes(address)) return region.resolve(address);
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

  /** Takes pages out of the allocator for good. */
  #reserve(first: number, count: number, what: string): void {
    const end = first + count;
    const parts: { readonly pfn: number; readonly order: number }[] = [];
    for (const [order, free] of this.#free.entries())
      for (const pfn of free) if (pfn < end && first < pfn + (1 << order)) parts.push({ pfn, order });
    const within = ({ pfn, order }: { pfn: number; order: number }) => Math.min(end, pfn + (1 << order)) - Math.max(first, pfn);
    if (parts.reduce((sum, part) => sum + within(part), 0) !== count) throw new RangeError(`${what} has pages that somebody has`);
    for (const { pfn, order } of parts) (this.#free[order] as Set<number>).delete(pfn);
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const { pfn, order } = part;
      if (within(part) === 1 << order) continue;
      if (within(part) <= 0) (this.#free[order] as Set<number>).add(pfn);
      else parts.push({ pfn, order: order - 1 }, { pfn: pfn + (1 << (order - 1)), order: order - 1 });
    }
    this.#managedPages -= count;
    this.#freePages -= count;
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
