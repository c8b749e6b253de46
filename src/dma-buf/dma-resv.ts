import { Errno } from '../abi/index.ts';
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
  readonly fence: DmaFence;
  readonly usage: DmaResvUsage;
}

/** Slots of the first list that is made for one fence. */
const FIRST_SLOTS = 4;
/** Bytes of `struct dma_resv_list` before its slots, and of a slot. */
const LIST_HEADER = 24;
const SLOT = 8;

/** Sizes of kmalloc that are no powers of two, and those around them. */
const KMALLOC_SIZES = [64, 96, 128, 192, 256];

const powerOfTwo = (atLeast: number) => 2 ** Math.ceil(Math.log2(atLeast));

/** How many slots a list really gets: it uses all that kmalloc gives for those that were wanted. */
function slotsGiven(wanted: number): number {
  const bytes = LIST_HEADER + wanted * SLOT;
  const given = KMALLOC_SIZES.find((size) => size >= bytes) ?? powerOfTwo(bytes);
  return (given - LIST_HEADER) / SLOT;
}

/**
 * The fences of a buffer and the lock that guards adding to them, as `struct dma_resv`.
 *
 * Invariants: (1) a slot is only overwritten by {@link addFence}, so the order of slots is what debugfs shows; (2) a list only ever
 * becomes longer, until {@link reserveFences} finds it full and puts another in its place, with the pending fences in their order.
 */
export class DmaResv {
  readonly lock: Mutex;
  readonly #system: System;
  #list: Entry[] = [];
  /** Slots of the list, those in use included. */
  #slots = 0;
  /** Slots that {@link reserveFences} promised; void when the lock is given back. */
  #reserved = 0;

  constructor(system: System, name: string) {
    this.#system = system;
    this.lock = new Mutex(`the fences of ${name}`, () => system.scheduler.coroutine);
  }

  /**
   * dma_resv_reserve_fences: makes sure that so many fences can be added before the lock is given back.
   *
   * @throws Errno EINVAL for 0
   */
  reserveFences(count: number): void {
    this.#assertLocked('reserve');
    if (count === 0) {
      this.#system.findings.report('resv-nothing-reserved', 'room was wanted for no fence');
      throw new Errno('EINVAL', 'room for no fence');
    }
    this.#reserved = Math.max(this.#reserved, count);
    const needed = this.#list.length + count;
    if (needed <= this.#slots) return;
    this.#slots = slotsGiven(this.#slots === 0 ? Math.max(FIRST_SLOTS, powerOfTwo(count)) : Math.max(needed, 2 * this.#slots));
    const done: Entry[] = [];
    const kept: Entry[] = [];
    for (const entry of this.#list) (entry.fence.isSignaled ? done : kept).push(entry);
    this.#list = kept;
    for (const { fence } of done) fence.put();
  }

  /** dma_resv_add_fence: the fence takes the slot of one that it makes superfluous, else a new one. Takes a reference. */
  addFence(fence: DmaFence, usage: DmaResvUsage): void {
    this.#assertLocked('add');
    if (fence instanceof DmaFenceArray) this.#system.findings.report('resv-container-fence', `${fence.describe()} was added whole`);
    fence.get();
    for (const [slot, old] of this.#list.entries()) {
      const isSuperseded = old.fence.context === fence.context && old.usage >= usage && (old.fence === fence || isLater(fence, old.fence));
      if (!isSuperseded && !old.fence.isSignaled) continue;
      this.#list[slot] = { fence, usage };
      old.fence.put();
      return;
    }
    if (this.#reserved === 0) this.#system.findings.report('resv-slot-not-reserved', `no slot was reserved for ${fence.describe()}`);
    this.#reserved = Math.max(0, this.#reserved - 1);
    this.#list.push({ fence, usage });
  }

  unlock(): void {
    this.#reserved = 0;
    this.lock.unlock();
  }

  /** dma_resv_for_each_fence, under the lock: fences of a usage or stronger, signalled ones too, in slot order. */
  *fences(usage: DmaResvUsage): Generator<DmaFence> {
    for (const entry of this.#list) if (entry.usage <= usage) yield entry.fence;
  }

  /**
   * dma_resv_for_each_fence_unlocked: unsignalled fences of a usage or stronger, in slot order. The references stay the list's.
   *
   * A walk that takes its time does not come to fences that were appended since it began; when a new list had to be made for them,
   * it begins again.
   */
  *pending(usage: DmaResvUsage): Generator<DmaFence> {
    for (let list: Entry[] | undefined; list !== this.#list; ) {
      list = this.#list;
      const end = list.length;
      for (let slot = 0; slot < end && list === this.#list; slot++) {
        const entry = list[slot] as Entry;
        if (entry.usage <= usage && !entry.fence.isSignaled) yield entry.fence;
      }
    }
  }

  /** dma_resv_test_signaled. */
  testSignaled(usage: DmaResvUsage): boolean {
    for (const entry of this.#list) if (entry.usage <= usage && !entry.fence.isSignaled) return false;
    return true;
  }

  /** dma_resv_get_singleton: one fence for all pending ones, the stub when there are none. With a reference for the caller. */
  getSingleton(usage: DmaResvUsage): DmaFence {
    const fences = [...this.pending(usage)].map((fence) => fence.get());
    if (fences.length === 0) return getStubFence(this.#system);
    return fences.length === 1 ? (fences[0] as DmaFence) : new DmaFenceArray(this.#system, fences);
  }

  /**
   * dma_resv_wait_timeout: waits for the fences of a usage or stronger that are there, see {@link pending}.
   *
   * @param options whose time counts for all of them together
   * @returns false when the time is up
   * @throws Errno ERESTARTSYS when a signal comes first
   */
  *wait(usage: DmaResvUsage, options: WaitOptions = {}): Kernel<boolean> {
    const { timeout_ns = Number.POSITIVE_INFINITY, ...rest } = options;
    const end_ns = this.#system.now() + timeout_ns;
    for (const fence of this.pending(usage)) {
      fence.get();
      try {
        if (!(yield* fence.wait({ ...rest, timeout_ns: end_ns - this.#system.now() }))) return false;
      } finally {
        fence.put();
      }
    }
    return true;
  }

  /** The lines of debugfs: usages up to READ. */
  describe(): string[] {
    const names = ['kernel', 'write', 'read'];
    return this.#list
      .filter((entry) => entry.usage <= DMA_RESV_USAGE_READ)
      .map((entry) => `${names[entry.usage]} fence:${entry.fence.describeState()}`);
  }

  /** dma_resv_fini: drops all fences. */
  finish(): void {
    const list = this.#list;
    this.#list = [];
    this.#slots = 0;
    for (const { fence } of list) fence.put();
  }

  #assertLocked(what: string): void {
    if (!this.lock.isLocked) this.#system.findings.report('resv-not-locked', `${what} without the lock`);
  }
}
