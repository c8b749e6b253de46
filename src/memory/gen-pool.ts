/** lib/genalloc.c: an allocator over memory that is special, as SRAM. */

/** genpool_algo_t: the first gap that fits, the smallest that does, the first at a multiple, or one at a place that is asked for. */
export type GenPoolAlgorithm =
  | { readonly by: 'first-fit' }
  | { readonly by: 'best-fit' }
  | { readonly by: 'aligned'; readonly alignment: number }
  | { readonly by: 'fixed'; readonly offset: number };

interface Span {
  readonly first: number;
  readonly count: number;
}

/** A run of addresses, as gen_pool_add adds. */
interface Chunk {
  readonly base: number;
  readonly granules: number;
  /** By place. */
  readonly taken: Span[];
}

export class GenPool {
  readonly granule: number;
  readonly algorithm: GenPoolAlgorithm;
  readonly #chunks: Chunk[] = [];
  /** Allocations that found no gap. */
  failures = 0;

  /** @param granule in bytes, a power of two: 32 for the generic SRAM driver */
  constructor(granule = 32, algorithm: GenPoolAlgorithm = { by: 'first-fit' }) {
    this.granule = granule;
    this.algorithm = algorithm;
  }

  /** gen_pool_add_virt. @param size in bytes; what is no whole granule is not used */
  add(base: number, size: number): void {
    this.#chunks.push({ base, granules: Math.floor(size / this.granule), taken: [] });
  }

  get freeBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + this.#gaps(chunk).reduce((all, { count }) => all + count, 0), 0) * this.granule;
  }

  get largestFreeBytes(): number {
    return Math.max(0, ...this.#chunks.flatMap((chunk) => this.#gaps(chunk).map(({ count }) => count))) * this.granule;
  }

  /**
   * gen_pool_alloc.
   *
   * @param size in bytes, rounded up to granules
   * @param algorithm the pool's when left out: gen_pool_alloc_algo
   * @returns an address; undefined when it does not fit, or for 0 bytes
   */
  allocate(size: number, algorithm = this.algorithm): number | undefined {
    const count = Math.ceil(size / this.granule);
    if (count === 0) return undefined;
    for (const chunk of this.#chunks) {
      const first = this.#place(chunk, count, algorithm);
      if (first === undefined) continue;
      const at = chunk.taken.findIndex((span) => span.first > first);
      chunk.taken.splice(at < 0 ? chunk.taken.length : at, 0, { first, count });
      return chunk.base + first * this.granule;
    }
    this.failures++;
    return undefined;
  }

  /** gen_pool_free: all that one allocation gave. */
  free(address: number): void {
    for (const { base, granules, taken } of this.#chunks) {
      if (address < base || address >= base + granules * this.granule) continue;
      const at = taken.findIndex(({ first }) => base + first * this.granule === address);
      if (at < 0) break;
      taken.splice(at, 1);
      return;
    }
    throw new Error(`free at 0x${address.toString(16)} in a gen_pool, where no allocation begins`);
  }

  #place(chunk: Chunk, count: number, algorithm: GenPoolAlgorithm): number | undefined {
    const gaps = this.#gaps(chunk).filter((gap) => gap.count >= count);
    switch (algorithm.by) {
      case 'first-fit':
        return gaps[0]?.first;
      case 'best-fit':
        return gaps.reduce<Span | undefined>((best, gap) => (best === undefined || gap.count < best.count ? gap : best), undefined)?.first;
      case 'aligned': {
        // Of the offset in the chunk, as the kernel's is.
        const step = Math.max(1, Math.ceil(algorithm.alignment / this.granule));
        const starts = gaps.map((gap) => ({ gap, first: Math.ceil(gap.first / step) * step }));
        return starts.find(({ gap, first }) => first + count <= gap.first + gap.count)?.first;
      }
      case 'fixed': {
        const first = Math.floor(algorithm.offset / this.granule);
        return gaps.some((gap) => first >= gap.first && first + count <= gap.first + gap.count) ? first : undefined;
      }
    }
  }

  #gaps({ granules, taken }: Chunk): Span[] {
    const gaps: Span[] = [];
    let at = 0;
    for (const { first, count } of [...taken, { first: granules, count: 0 }]) {
      if (first > at) gaps.push({ first: at, count: first - at });
      at = first + count;
    }
    return gaps;
  }
}
