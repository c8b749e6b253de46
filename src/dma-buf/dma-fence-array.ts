import type { Kernel, System } from '../kernel/index.ts';
import { allocateFenceContexts, DmaFence, type DmaFenceOps, isLater, makeSignaledFence } from './dma-fence.ts';

const arrayOps: DmaFenceOps = {
  driverName: () => 'dma_fence_array',
  timelineName: () => 'unbound',
  enableSignaling: (fence) => (fence as DmaFenceArray).arm(),
  signaled: (fence) => (fence as DmaFenceArray).look(),
  setDeadline: (fence, at_ns) => {
    for (const member of (fence as DmaFenceArray).fences) member.setDeadline(at_ns);
  },
  release: (fence) => {
    for (const member of (fence as DmaFenceArray).fences) member.put();
  },
};

/**
 * A fence that signals when all of its members have, as `struct dma_fence_array`. Owns a reference to each.
 *
 * Its error is the first of its members', but only if somebody asked for its signal before it had signalled.
 */
export class DmaFenceArray extends DmaFence {
  readonly fences: readonly DmaFence[];
  /** Members that have not been seen to signal since the array was armed. */
  #pending: number;
  #isArmed = false;

  /**
   * @param fences whose references become the array's; at least one, and no array among them
   * @throws Errno ENOMEM; the references stay the caller's then
   */
  constructor(system: System, fences: readonly DmaFence[]) {
    system.kmalloc('struct dma_fence_array');
    super(system, { ops: arrayOps, context: allocateFenceContexts(system), seqno: 1 });
    this.fences = fences;
    this.#pending = fences.length;
    if (fences.length === 0) system.findings.report('fence-array-misused', `${this.describe()} has no members`, this);
    for (const member of fences) {
      if (member instanceof DmaFenceArray)
        system.findings.report('fence-array-misused', `${this.describe()} was made of ${member.describe()}`, this, member);
    }
  }

  /** Hooks every member. @returns false when all have signalled already */
  arm(): boolean {
    this.#isArmed = true;
    for (const member of this.fences) {
      // A member keeps the array alive until it signals.
      this.get();
      if (!member.addCallback((signaled) => this.#memberSignaled(signaled))) {
        this.#takeError(member);
        this.put();
        if (--this.#pending === 0) return false;
      }
    }
    return true;
  }

  /** Whether all members have signalled: asks each, until the array is armed and they tell. */
  look(): boolean {
    return this.#isArmed ? this.#pending === 0 : this.fences.filter((member) => member.isSignaled).length === this.fences.length;
  }

  #memberSignaled(member: DmaFence): void {
    this.#takeError(member);
    // Signalling waits until the member's own callbacks are through, as the kernel does it from deferred work.
    if (--this.#pending > 0) this.put();
    else this.system.scheduler.spawn(`signal of ${this.describe()}`, undefined, this.#signalAndPut());
  }

  *#signalAndPut(): Kernel<void> {
    this.signal();
    this.put();
  }

  #takeError(member: DmaFence): void {
    if (this.error === 0) this.error = member.error;
  }
}

/** The single fences inside a fence: the members of an array, else itself. Signalled ones too. */
export function unwrapFence(fence: DmaFence): readonly DmaFence[] {
  return fence instanceof DmaFenceArray ? fence.fences : [fence];
}

/**
 * dma_fence_unwrap_merge: one fence for all of several, with a reference for the caller. Signalled ones are dropped, and of each
 * context only the latest stays.
 *
 * @throws Errno ENOMEM
 */
export function mergeFences(system: System, fences: readonly DmaFence[]): DmaFence {
  const single = fences.flatMap(unwrapFence);
  const pending = single.filter((fence) => !fence.isSignaled);
  if (pending.length === 0) return makeSignaledFence(system, Math.max(...single.map((fence) => fence.timestamp_ns)));
  const latest = new Map<number, DmaFence>();
  for (const fence of pending) {
    const known = latest.get(fence.context);
    if (known === undefined || (known !== fence && isLater(fence, known))) latest.set(fence.context, fence);
  }
  const kept = [...latest.values()].sort((a, b) => a.context - b.context);
  for (const fence of kept) fence.get();
  if (kept.length === 1) return kept[0] as DmaFence;
  try {
    return new DmaFenceArray(system, kept);
  } catch (error) {
    for (const fence of kept) fence.put();
    throw error;
  }
}
