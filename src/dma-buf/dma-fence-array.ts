import type { Kernel, System } from '../kernel/index.ts';
import { DmaFence, type DmaFenceOps } from './dma-fence.ts';
import { allocateFenceContexts } from './dma-fence-stub.ts';

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

/** When an array signals: with the last of its members, or with the first. */
export type DmaFenceArrayKind = 'all' | 'any';

/**
 * A fence that signals when all of its members have, or any, as `struct dma_fence_array`. Owns a reference to each.
 *
 * Its error is the first that its members had when it signalled, but only if somebody asked for its signal before.
 */
export class DmaFenceArray extends DmaFence {
  readonly fences: readonly DmaFence[];
  /** Signals to come before its own; below 0 when more came than were needed. */
  #pending: number;
  /** Set when it is about to signal: from then on the errors of members do not count. */
  #isDecided = false;

  /**
   * dma_fence_array_create.
   *
   * @param fences whose references become the array's; at least one, and no array or chain among them
   * @throws Errno ENOMEM; the references stay the caller's then
   */
  constructor(system: System, fences: readonly DmaFence[], kind: DmaFenceArrayKind = 'all') {
    system.kmalloc('struct dma_fence_array');
    super(system, { ops: arrayOps, context: allocateFenceContexts(system), seqno: 1 });
    this.fences = fences;
    this.#pending = kind === 'any' ? 1 : fences.length;
    if (fences.length === 0) system.findings.report('fence-array-misused', `${this.describe()} has no members`, this);
    for (const member of fences) {
      if (member.isContainer)
        system.findings.report('fence-array-misused', `${this.describe()} was made of ${member.describe()}`, this, member);
    }
  }

  override get isContainer(): boolean {
    return true;
  }

  /** Hooks every member. @returns false when enough have signalled already */
  arm(): boolean {
    for (const member of this.fences) {
      // A member keeps the array alive until it signals.
      this.get();
      if (!member.addCallback((signaled) => this.#memberSignaled(signaled))) {
        this.#takeError(member);
        this.put();
        if (--this.#pending === 0) {
          this.#isDecided = true;
          return false;
        }
      }
    }
    return true;
  }

  /** Whether enough members have signalled: asks each, until the array is armed and they tell. */
  look(): boolean {
    let pending = this.#pending;
    if (!this.isArmed) for (const member of this.fences) if (pending > 0 && member.isSignaled) pending--;
    if (pending > 0) return false;
    this.#isDecided = true;
    return true;
  }

  #memberSignaled(member: DmaFence): void {
    this.#takeError(member);
    // Signalling waits until the member's own callbacks are through, as the kernel does it from deferred work.
    if (--this.#pending === 0) this.system.scheduler.spawn('signal of an array of fences', undefined, this.#signalAndPut());
    else this.put();
  }

  *#signalAndPut(): Kernel<void> {
    this.#isDecided = true;
    this.signal();
    this.put();
  }

  #takeError(member: DmaFence): void {
    if (!this.#isDecided && this.error === 0) this.error = member.error;
  }
}

/** A fence for all of several, whose references are taken whether it can be made or not. @throws Errno ENOMEM */
export function fenceArrayOf(system: System, fences: readonly DmaFence[]): DmaFenceArray {
  try {
    return new DmaFenceArray(system, fences);
  } catch (error) {
    for (const fence of fences) fence.put();
    throw error;
  }
}

/** dma_fence_match_context: whether a fence, or every member of an array, is of a context. */
export function matchesContext(fence: DmaFence, context: number): boolean {
  if (!(fence instanceof DmaFenceArray)) return fence.context === context;
  return fence.fences.every((member) => member.context === context);
}
