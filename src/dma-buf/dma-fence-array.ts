import type { System } from '../kernel/index.ts';
import { allocateFenceContexts, DmaFence, type DmaFenceOps, isLater, makeSignaledFence } from './dma-fence.ts';

const arrayOps: DmaFenceOps = {
  driverName: () => 'dma_fence_array',
  timelineName: () => 'unbound',
  enableSignaling: (fence) => (fence as DmaFenceArray).arm(),
  signaled: (fence) => (fence as DmaFenceArray).fences.every((member) => member.isSignaled),
  setDeadline: (fence, at_ns) => {
    for (const member of (fence as DmaFenceArray).fences) member.setDeadline(at_ns);
  },
  release: (fence) => {
    for (const member of (fence as DmaFenceArray).fences) member.put();
  },
};

/** A fence that signals when all of its members have, as `struct dma_fence_array`. Owns a reference to each. */
export class DmaFenceArray extends DmaFence {
  readonly fences: readonly DmaFence[];
  #pending: number;

  /** @param fences whose references become the array's; no array among them */
  constructor(system: System, fences: readonly DmaFence[]) {
    super(system, { ops: arrayOps, context: allocateFenceContexts(system), seqno: 1 });
    this.fences = fences;
    this.#pending = fences.length;
  }

  /** Hooks every member. @returns false when all have signalled already */
  arm(): boolean {
    for (const member of this.fences) {
      // A member keeps the array alive until it signals.
      this.get();
      if (!member.addCallback((signaled) => this.#memberSignaled(signaled))) {
        this.put();
        if (--this.#pending === 0) return false;
      }
    }
    return true;
  }

  #memberSignaled(member: DmaFence): void {
    if (member.error !== 0 && this.error === 0) this.error = member.error;
    // Signalling waits until the member's own callbacks are through, as the kernel does it from deferred work.
    if (--this.#pending > 0) {
      this.put();
      return;
    }
    this.system.clock.schedule(0, `signal of ${this.describe()}`, () => {
      if (!this.isSignaled) this.signal();
      this.put();
    });
  }
}

/** The single fences inside a fence: the members of an array, else itself. Signalled ones too. */
export function unwrapFence(fence: DmaFence): readonly DmaFence[] {
  return fence instanceof DmaFenceArray ? fence.fences : [fence];
}

/**
 * dma_fence_unwrap_merge: one fence for all of several, with a reference for the caller. Signalled ones are dropped, and of each
 * context only the latest stays.
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
  return kept.length === 1 ? (kept[0] as DmaFence) : new DmaFenceArray(system, kept);
}
