import { Errno } from '../abi/index.ts';
import { type Kernel, type System, type WaitOptions, WwClass, WwMutex } from '../kernel/index.ts';
import { type DmaFence, isLaterOrSame } from './dma-fence.ts';
import { fenceArrayOf } from './dma-fence-array.ts';
import { PendingFences } from './dma-resv-pending.ts';
import { DMA_RESV_USAGE_BOOKKEEP, DMA_RESV_USAGE_READ, type DmaResvUsage } from './dma-resv-usage.ts';

/** A slot of the list that is in use. */
export interface DmaResvEntry {
  readonly fence: DmaFence;
  readonly usage: DmaResvUsage;
}

/** Slots of the first list that is made for one fence. */
const FIRST_SLOTS = 4;
/** Bytes of `struct dma_resv_list` before its slots, and of a slot. */
const LIST_HEADER = 24;
const SLOT = 8;

/** Sizes of kmalloc that are no powers of two, and those around them. */
const KMALLOC_SIZES = [32, 64, 96, 128, 192, 256];

const powerOfTwo = (atLeast: number) => 2 ** Math.ceil(Math.log2(atLeast));

/** How many slots a list really gets: it uses all that kmalloc gives for those that were wanted. */
function slotsGiven(wanted: number): number {
  const bytes = LIST_HEADER + wanted * SLOT;
  const given = KMALLOC_SIZES.find((size) => size >= bytes) ?? powerOfTwo(bytes);
  return (given - LIST_HEADER) / SLOT;
}

const makeReservationClass = (system: System) => new WwClass(system, 'reservation');

/** reservation_ww_class: that of all locks of a machine's buffers. Contexts of it take several of them together. */
export const reservationClass = (system: System): WwClass => system.single(makeReservationClass);

/**
 * The fences of a buffer and the lock that guards adding to them, as `struct dma_resv`.
 *
 * Invariants: (1) a slot is only overwritten by {@link addFence} and {@link replaceFences}, so the order of slots is what debugfs shows;
 * (2) a list only ever becomes longer, until {@link reserveFences} finds it full and puts another in its place, with the pending fences in
 * their order.
 */
export class DmaResv {
  readonly lock: WwMutex;
  readonly #system: System;
  #list: DmaResvEntry[] = [];
  /** Slots of the list, those in use included. */
  #slots = 0;
  /** Slots that {@link reserveFences} promised; void when the lock is given back. */
  #reserved = 0;

  constructor(system: System, name: string) {
    this.#system = system;
    this.lock = new WwMutex(reservationClass(system), `the lock of the fences of ${name}`);
  }

  /** The slots in use. Another list when it was replaced: compare by identity. */
  get list(): readonly DmaResvEntry[] {
    return this.#list;
  }

  /**
   * dma_resv_reserve_fences: makes sure that so many fences can be added before the lock is given back.
   *
   * @throws Errno EINVAL for 0, ENOMEM
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
    this.#system.kmalloc('struct dma_resv_list');
    this.#slots = slotsGiven(this.#slots === 0 ? Math.max(FIRST_SLOTS, powerOfTwo(count)) : Math.max(needed, 2 * this.#slots));
    const done: DmaResvEntry[] = [];
    const kept: DmaResvEntry[] = [];
    for (const entry of this.#list) (entry.fence.isSignaled ? done : kept).push(entry);
    this.#list = kept;
    for (const { fence } of done) fence.put();
  }

  /** dma_resv_add_fence: the fence takes the slot of one that it makes superfluous, else a new one. Takes a reference. */
  addFence(fence: DmaFence, usage: DmaResvUsage): void {
    this.#assertLocked('add');
    if (fence.isContainer) this.#system.findings.report('resv-container-fence', `${fence.describe()} was added whole`, fence);
    fence.get();
    this.#system.history?.note(fence, `added to ${this.lock.name}`);
    for (let slot = 0; slot < this.#list.length; slot++) {
      const old = this.#list[slot] as DmaResvEntry;
      const isSuperseded = old.fence.context === fence.context && old.usage >= usage && isLaterOrSame(fence, old.fence);
      if (!isSuperseded && !old.fence.isSignaled) continue;
      this.#list[slot] = { fence, usage };
      old.fence.put();
      return;
    }
    if (this.#reserved === 0) this.#system.findings.report('resv-slot-not-reserved', `no slot was reserved for ${fence.describe()}`, fence);
    this.#reserved = Math.max(0, this.#reserved - 1);
    this.#list.push({ fence, usage });
  }

  /**
   * dma_resv_replace_fences: puts a fence in the place of every one of a context, whatever their usage was. Only right if the accesses
   * of those are over when it signals, as for the fence of a preemption. Takes references.
   */
  replaceFences(context: number, fence: DmaFence, usage: DmaResvUsage): void {
    this.#assertLocked('replace');
    for (let slot = 0; slot < this.#list.length; slot++) {
      const old = this.#list[slot] as DmaResvEntry;
      if (old.fence.context !== context) continue;
      this.#list[slot] = { fence: fence.get(), usage };
      old.fence.put();
    }
  }

  /** dma_resv_copy_fences: takes over the pending fences of another, with their usages, in place of all that were here. */
  copyFences(from: DmaResv): void {
    this.#assertLocked('copy');
    let copied: DmaResvEntry[] = [];
    const pending = from.pending(DMA_RESV_USAGE_BOOKKEEP);
    for (const fence of pending) {
      if (pending.isRestarted) {
        putAll(copied);
        copied = [];
      }
      copied.push({ fence: fence.get(), usage: pending.usage });
    }
    const before = this.#list;
    this.#list = copied;
    this.#slots = copied.length === 0 ? 0 : slotsGiven(pending.length);
    putAll(before);
  }

  unlock(): void {
    this.#reserved = 0;
    this.lock.unlock();
  }

  /** dma_resv_for_each_fence, under the lock: slots of a usage or stronger, those of signalled fences too, in their order. */
  *entries(usage: DmaResvUsage): Generator<DmaResvEntry> {
    this.#assertLocked('iterate');
    for (const entry of this.#list) if (entry.usage <= usage) yield entry;
  }

  /** dma_resv_for_each_fence_unlocked: fences of a usage or stronger that have not signalled, in slot order. */
  pending(usage: DmaResvUsage): PendingFences {
    return new PendingFences(this, usage);
  }

  /** dma_resv_test_signaled. */
  testSignaled(usage: DmaResvUsage): boolean {
    for (const entry of this.#list) if (entry.usage <= usage && !entry.fence.isSignaled) return false;
    return true;
  }

  /** dma_resv_get_fences: the pending ones, with a reference to each for the caller. @throws Errno ENOMEM */
  getFences(usage: DmaResvUsage): DmaFence[] {
    this.#system.kmalloc('fences of a dma_resv');
    const fences: DmaFence[] = [];
    const pending = this.pending(usage);
    for (const fence of pending) {
      if (pending.isRestarted) for (const one of fences.splice(0)) one.put();
      fences.push(fence.get());
    }
    return fences;
  }

  /**
   * dma_resv_get_singleton: one fence for all pending ones, with a reference for the caller; undefined when there are none. It must not
   * be added here again.
   *
   * @throws Errno ENOMEM
   */
  getSingleton(usage: DmaResvUsage): DmaFence | undefined {
    const fences = this.getFences(usage);
    return fences.length > 1 ? fenceArrayOf(this.#system, fences) : fences[0];
  }

  /**
   * dma_resv_wait_timeout: waits for the fences of a usage or stronger, as {@link pending} comes to them.
   *
   * @param options whose time counts for all of them together
   * @returns false when the time is up
   * @throws Errno ERESTARTSYS when a signal comes first
   */
  *wait(usage: DmaResvUsage, options: WaitOptions = {}): Kernel<boolean> {
    const { timeout_ns = Number.POSITIVE_INFINITY, ...rest } = options;
    const end_ns = this.#system.now() + timeout_ns;
    for (const fence of this.pending(usage)) {
      if (!(yield* fence.wait({ ...rest, timeout_ns: end_ns - this.#system.now() }))) return false;
    }
    return true;
  }

  /** dma_resv_set_deadline: tells the drivers of all pending fences when they are wanted. */
  setDeadline(usage: DmaResvUsage, at_ns: number): void {
    for (const fence of this.pending(usage)) fence.setDeadline(at_ns);
  }

  /** dma_resv_describe, under the lock: the lines of debugfs, usages up to READ. */
  describe(): string[] {
    const names = ['kernel', 'write', 'read'];
    return [...this.entries(DMA_RESV_USAGE_READ)].map(({ fence, usage }) => `${names[usage]} fence:${fence.describeState()}`);
  }

  /** dma_resv_fini: drops all fences. */
  finish(): void {
    const list = this.#list;
    this.#list = [];
    this.#slots = 0;
    putAll(list);
  }

  #assertLocked(what: string): void {
    if (!this.lock.isLocked) this.#system.findings.report('resv-not-locked', `${what} without the lock`);
  }
}

function putAll(entries: readonly DmaResvEntry[]): void {
  for (const { fence } of entries) fence.put();
}
