import type { DmaFence } from './dma-fence.ts';
import type { DmaResv, DmaResvEntry } from './dma-resv.ts';
import type { DmaResvUsage } from './dma-resv-usage.ts';

/**
 * A walk over the fences that have not signalled, without the lock: `struct dma_resv_iter` of dma_resv_for_each_fence_unlocked.
 *
 * Holds a reference to the fence that it gave last, until it goes on or ends. A walk that takes its time does not come to fences that were
 * appended since it began; when a new list had to be made for them, it begins again, and who collects must do so, too.
 */
export class PendingFences implements IterableIterator<DmaFence> {
  readonly #resv: DmaResv;
  readonly #query: DmaResvUsage;
  #list: readonly DmaResvEntry[] | undefined;
  /** Slots that were in use when the walk of this list began. */
  #end = 0;
  #at = 0;
  #current: DmaResvEntry | undefined;
  #isRestarted = true;

  /** dma_resv_iter_begin. */
  constructor(resv: DmaResv, query: DmaResvUsage) {
    this.#resv = resv;
    this.#query = query;
  }

  /** dma_resv_iter_is_restarted: whether the fence that was given last is the first of a list. */
  get isRestarted(): boolean {
    return this.#isRestarted;
  }

  /** dma_resv_iter_usage: of the fence that was given last. */
  get usage(): DmaResvUsage {
    return (this.#current as DmaResvEntry).usage;
  }

  /** Slots in use when the walk of this list began. */
  get length(): number {
    return this.#end;
  }

  next(): IteratorResult<DmaFence> {
    this.#isRestarted = false;
    this.#drop();
    for (;;) {
      if (this.#list !== this.#resv.list) {
        this.#list = this.#resv.list;
        this.#end = this.#list.length;
        this.#at = 0;
        this.#isRestarted = true;
      }
      const entry = this.#at < this.#end ? this.#list[this.#at++] : undefined;
      if (entry === undefined) return { done: true, value: undefined };
      if (entry.usage > this.#query) continue;
      entry.fence.get();
      if (!entry.fence.isSignaled && this.#list === this.#resv.list) {
        this.#current = entry;
        return { done: false, value: entry.fence };
      }
      entry.fence.put();
    }
  }

  /** dma_resv_iter_end, of a walk that is not finished. */
  return(): IteratorResult<DmaFence> {
    this.#drop();
    return { done: true, value: undefined };
  }

  #drop(): void {
    const held = this.#current;
    this.#current = undefined;
    held?.fence.put();
  }

  [Symbol.iterator](): this {
    return this;
  }
}
