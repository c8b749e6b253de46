import { type Kernel, Mutex, type System, type WaitOptions } from '../kernel/index.ts';
import { type DmaFence, getStubFence, isLater } from './dma-fence.ts';
import { DmaFenceArray } from './dma-fence-array.ts';

/** What a fence on a buffer is for, and so who must wait for it: `enum dma_resv_usage`. A query means this class and those below. */
export const DMA_RESV_USAGE_KERNEL = 0;
/** Implicit-sync writer. */
export const DMA_RESV_USAGE_WRITE = 1;
/** Implicit-sync reader. */
export const DMA_RESV_USAGE_READ = 2;
/** Tracked, but outside implicit sync. */
export const DMA_RESV_USAGE_BOOKKEEP = 3;

export type DmaResvUsage = 0 | 1 | 2 | 3;

/** dma_resv_usage_rw: which fences somebody must wait for who is about to write, or to read. */
export function usageToWaitFor(write: boolean): DmaResvUsage {
  return write ? DMA_RESV_USAGE_READ : DMA_RESV_USAGE_WRITE;
}

interface Entry {
  fence: DmaFence;
  usage: DmaResvUsage;
}

/**
 * The fences of a buffer and the lock that guards adding to them, as `struct dma_resv`.
 *
 * Invariant: a slot is only overwritten by {@link addFence}, so the order of slots is what debugfs shows.
 */
export class DmaResv {
  readonly lock: Mutex;
  readonly #system: System;
  readonly #entries: Entry[] = [];
  /** Slots that {@link reserveFences} promised; void when the lock is given back. */
  #reserved = 0;

  constructor(system: System, name: string) {
    this.#system = system;
    this.lock = new Mutex(`the fences of ${name}`);
  }

  /** dma_resv_reserve_fences: makes sure that so many fences can be added before the lock is given back. */
  reserveFences(count: number): void {
    this.#assertLocked('reserve');
    this.#reserved = Math.max(this.#reserved, count);
  }

  /** dma_resv_add_fence: the fence takes the slot of one that it makes superfluous, else a new one. Takes a reference. */
  addFence(fence: DmaFence, usage: DmaResvUsage): void {
    this.#assertLocked('add');
    if (fence instanceof DmaFenceArray) this.#system.findings.report('resv-container-fence', `${fence.describe()} was added whole`);
    fence.get();
    for (const entry of this.#entries) {
      const superseded =
        entry.fence.context === fence.context && entry.usage >= usage && (entry.fence === fence || isLater(fence, entry.fence));
      if (!superseded && !entry.fence.isSignaled) continue;
      const old = entry.fence;
      entry.fence = fence;
      entry.usage = usage;
      old.put();
      return;
    }
    if (this.#reserved === 0) this.#system.findings.report('resv-slot-not-reserved', `no slot was reserved for ${fence.describe()}`);
    this.#reserved = Math.max(0, this.#reserved - 1);
    this.#entries.push({ fence, usage });
  }

  unlock(): void {
    this.#reserved = 0;
    this.lock.unlock();
  }

  /** Unsignalled fences of a usage or stronger, in slot order. The references stay the list's. */
  *pending(usage: DmaResvUsage): Generator<DmaFence> {
    for (const entry of this.#entries) if (entry.usage <= usage && !entry.fence.isSignaled) yield entry.fence;
  }

  /** dma_resv_test_signaled. */
  testSignaled(usage: DmaResvUsage): boolean {
    for (const entry of this.#entries) if (entry.usage <= usage && !entry.fence.isSignaled) return false;
    return true;
  }

  /** dma_resv_get_singleton: one fence for all pending ones, the stub when there are none. With a reference for the caller. */
  getSingleton(usage: DmaResvUsage): DmaFence {
    const fences = [...this.pending(usage)].map((fence) => fence.get());
    if (fences.length === 0) return getStubFence(this.#system);
    return fences.length === 1 ? (fences[0] as DmaFence) : new DmaFenceArray(this.#system, fences);
  }

  /** dma_resv_wait_timeout, without an end of time. @throws Errno ERESTARTSYS when a signal comes first */
  *wait(usage: DmaResvUsage, options: WaitOptions = {}): Kernel<void> {
    for (let fence = this.#firstPending(usage); fence !== undefined; fence = this.#firstPending(usage)) {
      fence.get();
      try {
        yield* fence.wait(options);
      } finally {
        fence.put();
      }
    }
  }

  /** The lines of debugfs: usages up to READ. */
  describe(): string[] {
    const names = ['kernel', 'write', 'read'];
    return this.#entries
      .filter((entry) => entry.usage <= DMA_RESV_USAGE_READ)
      .map((entry) => `${names[entry.usage]} fence:${entry.fence.describeState()}`);
  }

  /** dma_resv_fini: drops all fences. */
  finish(): void {
    for (const { fence } of this.#entries.splice(0)) fence.put();
  }

  #firstPending(usage: DmaResvUsage): DmaFence | undefined {
    for (const fence of this.pending(usage)) return fence;
    return undefined;
  }

  #assertLocked(what: string): void {
    if (!this.lock.isLocked) this.#system.findings.report('resv-not-locked', `${what} without the lock`);
  }
}
