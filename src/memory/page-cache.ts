import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import { Counted, type MemoryObject, type PageRange, type PinnedPages } from '../kernel/index.ts';
import type { PhysicalMemory } from './physical-memory.ts';

/** A page frame and the bytes it shows. Held by the cache that has it, and once for each pin. */
class Page extends Counted {
  readonly kind = 'pages';
  readonly address: number;
  readonly memory: MemoryObject;
  readonly offset: number;
  readonly #ram: PhysicalMemory;

  constructor(ram: PhysicalMemory, address: number, memory: MemoryObject, offset: number) {
    super();
    this.#ram = ram;
    this.address = address;
    this.memory = memory.get();
    this.offset = offset;
    ram.back(address, 0, memory, offset);
  }

  protected released(): void {
    this.#ram.free(this.address, 0);
    this.memory.put();
  }

  describe(): string {
    return `page at 0x${this.address.toString(16)}`;
  }
}

/** Where the bytes of new pages are. */
export interface NewPages {
  /** With a reference, which becomes the caller's. */
  readonly memory: MemoryObject;
  readonly offset: number;
  /** At least one, and not more than were wanted. */
  readonly count: number;
}

/** Gives bytes to new pages: to `first`, and to as many of those behind as it likes. */
export type PageSource = (first: number, wanted: number) => NewPages;

/** Neighbours that lie side by side in memory and in RAM, as one range. */
function joined(pages: Iterable<Page>): PageRange[] {
  const ranges: { memory: MemoryObject; offset: number; address: number; length: number }[] = [];
  for (const { memory, offset, address } of pages) {
    const last = ranges.at(-1);
    if (last?.memory === memory && last.offset + last.length === offset && last.address + last.length === address) {
      last.length += PAGE_SIZE;
    } else ranges.push({ memory, offset, address, length: PAGE_SIZE });
  }
  return ranges;
}

/** The pages of a file that are in memory, by their number in the file: `struct address_space`. */
export class PageCache {
  readonly #ram: PhysicalMemory;
  readonly #source: PageSource;
  readonly #pages = new Map<number, Page>();

  constructor(ram: PhysicalMemory, source: PageSource) {
    this.#ram = ram;
    this.#source = source;
  }

  /** How many there are. */
  get count(): number {
    return this.#pages.size;
  }

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  /** Whether somebody keeps a page that the file still has. */
  get isPinned(): boolean {
    for (const page of this.#pages.values()) if (page.count > 1) return true;
    return false;
  }

  /** The bytes of one page, if the file has it. */
  bytesOf(page: number): Uint8Array | undefined {
    const known = this.#pages.get(page);
    return known?.memory.bytes().subarray(known.offset, known.offset + PAGE_SIZE);
  }

  /** The pages from `first` up to, but not including, `end`; those that are missing are made. @throws Errno ENOMEM */
  ranges(first: number, end: number): readonly PageRange[] {
    return joined(this.#all(first, end));
  }

  /** The same, to be kept whatever becomes of the file. @throws Errno ENOMEM */
  pin(first: number, end: number): PinnedPages {
    const pages = this.#all(first, end).map((page) => page.get());
    return {
      ranges: joined(pages),
      unpin() {
        for (const page of pages) page.put();
      },
    };
  }

  /** The file loses pages: a hole, or its end. */
  drop(first: number, end = Number.POSITIVE_INFINITY): void {
    for (const [number, page] of this.#pages) {
      if (number < first || number >= end) continue;
      this.#pages.delete(number);
      page.put();
    }
  }

  #all(first: number, end: number): Page[] {
    for (let number = first; number < end; number++) if (!this.#pages.has(number)) number = this.#make(number, end);
    return Array.from({ length: end - first }, (_, index) => this.#pages.get(first + index) as Page);
  }

  /** Makes the missing pages from one on. @returns the last of them */
  #make(first: number, limit: number): number {
    let end = first + 1;
    while (end < limit && !this.#pages.has(end)) end++;
    if ((end - first) * PAGE_SIZE > this.#ram.freeBytes) throw new Errno('ENOMEM', `no ${end - first} pages are free`);
    for (let next = first; next < end; ) {
      const { memory, offset, count } = this.#source(next, end - next);
      try {
        for (let index = 0; index < count; index++) {
          this.#pages.set(next + index, new Page(this.#ram, this.#ram.allocate(0), memory, offset + index * PAGE_SIZE));
        }
      } finally {
        memory.put();
      }
      next += count;
    }
    return end - 1;
  }
}
