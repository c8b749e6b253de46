import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, MemoryProvider } from '../kernel/index.ts';
import type { NewPages } from '../memory/index.ts';

/** So many pages of a file have their bytes in a row: 64 MiB. */
const CHUNK = 16_384;

interface Chunk {
  readonly memory: MemoryObject;
  readonly pages: number;
}

/**
 * Where the pages of a memory file have their bytes: in a row as the pages are, as long as each is new, so that a mapping is one
 * stretch of bytes. A page that takes the place of one that was punched gets other bytes, for the old one may be pinned.
 */
export class MemfdMemory {
  readonly #provider: MemoryProvider;
  readonly #name: string;
  readonly #chunks = new Map<number, Chunk>();
  readonly #given = new Set<number>();

  constructor(provider: MemoryProvider, name: string) {
    this.#provider = provider;
    this.#name = name;
  }

  /** @param size of the file, in pages */
  take(first: number, wanted: number, size: number): NewPages {
    const index = Math.floor(first / CHUNK);
    const within = first - index * CHUNK;
    const chunk = this.#chunk(index, Math.min(Math.max(size, first + wanted) - index * CHUNK, CHUNK));
    let count = 0;
    while (count < wanted && within + count < chunk.pages && !this.#given.has(first + count)) this.#given.add(first + count++);
    if (count > 0) return { memory: chunk.memory.get(), offset: within * PAGE_SIZE, count };
    return { memory: this.#provider.allocate(PAGE_SIZE, this.#name), offset: 0, count: 1 };
  }

  /** The file is gone. Pinned pages keep what they need. */
  release(): void {
    for (const { memory } of this.#chunks.values()) memory.put();
    this.#chunks.clear();
  }

  #chunk(index: number, pages: number): Chunk {
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = { memory: this.#provider.allocate(pages * PAGE_SIZE, this.#name), pages };
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }
}
