import { errno } from '../abi/index.ts';
import { Counted, isKernel, type Kernel, type System, type WaitOptions, WaitQueue, wait } from '../kernel/index.ts';

/** What kind of fence it is, as `struct dma_fence_ops`. */
export interface DmaFenceOps {
  readonly driverName: (fence: DmaFence) => string;
  readonly timelineName: (fence: DmaFence) => string;
  /** Asks for the signal to come. False: it has come already, and the core signals. */
  readonly enableSignaling?: (fence: DmaFence) => boolean;
  /** A cheap look at whether it has happened; once true, always true. */
  readonly signaled?: (fence: DmaFence) => boolean;
  /** Wants to be ready by then. Called several times; the earliest counts. */
  readonly setDeadline?: (fence: DmaFence, at_ns: number) => void;
  /** The last reference is gone. */
  readonly release?: (fence: DmaFence) => void;
}

/** Called once, when the fence signals. Must not wait. */
export type DmaFenceCallback = (fence: DmaFence) => void;

export interface DmaFenceDescription {
  readonly ops: DmaFenceOps;
  /** From {@link allocateFenceContexts}: fences are ordered only within one. */
  readonly context: number;
  readonly seqno: number;
  /** Whether seqnos are compared as 64 bits, or as 32 bits that wrap. */
  readonly is64bit?: boolean;
}

/**
 * Something that will happen once, as `struct dma_fence`.
 *
 * Invariants: (1) unsignalled becomes signalled and never goes back; (2) callbacks run once, in the order they were added, at that
 * moment; (3) `error` is only meaningful once signalled and never changes after; (4) `timestamp_ns` is set exactly when signalled.
 */
export class DmaFence extends Counted {
  readonly kind = 'fence';
  readonly system: System;
  readonly ops: DmaFenceOps;
  readonly context: number;
  readonly seqno: number;
  readonly is64bit: boolean;
  /** 0, or a negative errno. */
  error = 0;
  timestamp_ns = 0;
  #signaled = false;
  /** Whether its driver has signalled it. What the core signals on the way (a peek, a refused arming) does not count. */
  #signaledByDriver = false;
  #signalingEnabled = false;
  #callbacks: Set<DmaFenceCallback> | undefined;
  readonly #tracked: boolean;

  /** dma_fence_init. @param tracked whether it counts as a leak when it is left at shutdown */
  constructor(system: System, description: DmaFenceDescription, tracked = true) {
    super();
    this.system = system;
    this.ops = description.ops;
    this.context = description.context;
    this.seqno = description.seqno;
    this.is64bit = description.is64bit ?? false;
    this.#tracked = tracked;
    if (tracked) system.ledger.add(this);
    system.history?.note(this, 'was made');
  }

  /** The last put of an unsignalled fence that somebody still waits for signals it with EDEADLK, so that nobody hangs. */
  protected released(): void {
    if (!this.#signaled && (this.#callbacks?.size ?? 0) > 0) {
      this.system.findings.report('fence-released-unsignalled', `${this.describe()} was released while somebody waits for it`, this);
      this.error = -errno.EDEADLK;
      this.#complete(this.system.now());
    }
    if (this.#tracked) this.system.ledger.remove(this);
    this.ops.release?.(this);
  }

  get driverName(): string {
    return this.ops.driverName(this);
  }

  get timelineName(): string {
    return this.ops.timelineName(this);
  }

  /**
   * dma_fence_signal_timestamp.
   *
   * @param timestamp_ns virtual time of the event; now when left out
   */
  signal(timestamp_ns = this.system.now()): void {
    this.assertHeld('signal');
    if (this.#signaledByDriver) this.system.findings.report('fence-signalled-twice', `${this.describe()} was signalled again`, this);
    this.#signaledByDriver = true;
    this.#complete(timestamp_ns);
  }

  #complete(timestamp_ns: number): void {
    if (this.#signaled) return;
    this.#signaled = true;
    this.timestamp_ns = timestamp_ns;
    this.system.history?.note(this, 'signalled');
    const callbacks = this.#callbacks;
    if (callbacks === undefined) return;
    const { scheduler } = this.system;
    const before = scheduler.enterAtomic({ describe: () => `a callback of ${this.describe()}` });
    try {
      for (const callback of callbacks) {
        callbacks.delete(callback);
        this.#call(callback);
      }
    } finally {
      scheduler.enterAtomic(before);
    }
    this.#callbacks = undefined;
  }

  #call(callback: (fence: DmaFence) => unknown): void {
    if (!isKernel(callback(this))) return;
    this.system.findings.report('sleep-in-atomic', `a callback of ${this.describe()} is a generator, but callbacks cannot wait`, this);
  }

  left(): void {
    if (!this.#signaled) this.system.findings.report('fence-never-signalled', `${this.describe()} has not signalled, and never will`, this);
  }

  /** dma_fence_set_error. @param code before the signal only */
  setError(code: number): void {
    if (this.#signaled || code >= 0 || code < -4095) {
      this.system.findings.report(
        'fence-error-misused',
        `error ${code} set on ${this.#signaled ? 'a signalled fence' : 'a fence'} ${this.describe()}`,
        this,
      );
    }
    this.error = code;
  }

  /** dma_fence_is_signaled: the flag, or a peek that may signal right here. */
  get isSignaled(): boolean {
    if (this.#signaled) return true;
    if (this.ops.signaled?.(this) !== true) return false;
    this.#complete(this.system.now());
    return true;
  }

  /** dma_fence_get_status: 0 pending, 1 signalled, or the negative error. */
  get status(): number {
    if (!this.isSignaled) return 0;
    return this.error === 0 ? 1 : this.error;
  }

  /** dma_fence_enable_sw_signaling. */
  enableSignaling(): void {
    if (this.#signaled || this.#signalingEnabled) return;
    this.#signalingEnabled = true;
    this.system.history?.note(this, 'was asked to signal');
    if (this.ops.enableSignaling?.(this) === false) this.#complete(this.system.now());
  }

  /** dma_fence_add_callback, which does not peek. @returns false when it has signalled already: the callback will not run */
  addCallback(callback: DmaFenceCallback): boolean {
    this.enableSignaling();
    if (this.#signaled) return false;
    this.#callbacks ??= new Set();
    this.#callbacks.add(callback);
    return true;
  }

  /** dma_fence_remove_callback. @returns whether it was still to run */
  removeCallback(callback: DmaFenceCallback): boolean {
    return this.#callbacks?.delete(callback) ?? false;
  }

  /** dma_fence_set_deadline. */
  setDeadline(at_ns: number): void {
    if (!this.isSignaled) this.ops.setDeadline?.(this, at_ns);
  }

  /**
   * dma_fence_wait.
   *
   * @returns false when the time is up
   * @throws Errno ERESTARTSYS when a signal comes first
   */
  *wait(options: WaitOptions = {}): Kernel<boolean> {
    const { lockdep } = this.system;
    lockdep.mightSleep(this.describe());
    lockdep.fenceMap.mightTake();
    const signaled = new WaitQueue(`fence ${this.name}`);
    const callback = () => signaled.wake();
    if (!this.addCallback(callback)) return true;
    try {
      return yield* wait(signaled, () => this.#signaled, options);
    } finally {
      this.removeCallback(callback);
    }
  }

  /** `<driver>-<timeline><context>-<seqno>`, the name of a sync file that has none. */
  get name(): string {
    return `${this.driverName}-${this.timelineName}${this.context}-${this.seqno}`;
  }

  /** The line of debugfs: `vgem unbound seq 1 unsignalled`. */
  describeState(): string {
    return `${this.driverName} ${this.timelineName} seq ${this.seqno} ${this.isSignaled ? 'signalled' : 'unsignalled'}`;
  }

  describe(): string {
    return `fence ${this.name}`;
  }
}

/** dma_fence_is_later: whether `a` comes after `b` of the same context. Fences of different contexts have no order. */
export function isLater(a: DmaFence, b: DmaFence): boolean {
  if (a.context !== b.context) {
    a.system.findings.report('fences-without-order', `${a.describe()} and ${b.describe()} are of different contexts`, a, b);
    return false;
  }
  return a.is64bit ? a.seqno > b.seqno : ((a.seqno - b.seqno) | 0) > 0;
}

class FenceContexts {
  #next = 1;

  allocate(count: number): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

const fenceContexts = () => new FenceContexts();

/** dma_fence_context_alloc. @returns the first of `count` new contexts */
export function allocateFenceContexts(system: System, count = 1): number {
  return system.single(fenceContexts).allocate(count);
}

const stubOps: DmaFenceOps = { driverName: () => 'stub', timelineName: () => 'stub' };

function bootStub(system: System): DmaFence {
  const stub = new DmaFence(system, { ops: stubOps, context: 0, seqno: 0 }, false);
  stub.signal();
  return stub;
}

/** dma_fence_get_stub: one more reference to the fence that has been signalled since boot, or since the first who asked. */
export function getStubFence(system: System): DmaFence {
  return system.single(bootStub).get();
}

/** dma_fence_allocate_private_stub: a signalled fence of its own time. @throws Errno ENOMEM */
export function makeSignaledFence(system: System, timestamp_ns: number): DmaFence {
  system.kmalloc('struct dma_fence');
  const fence = new DmaFence(system, { ops: stubOps, context: 0, seqno: 0 });
  fence.signal(timestamp_ns);
  return fence;
}
