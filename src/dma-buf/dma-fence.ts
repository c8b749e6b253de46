import { Errno, errno } from '../abi/index.ts';
import { Counted, isKernel, type Kernel, type System, type WaitOptions, WaitQueue, wait } from '../kernel/index.ts';

/** What kind of fence it is, as `struct dma_fence_ops`. */
export interface DmaFenceOps {
  readonly driverName: (fence: DmaFence) => string;
  readonly timelineName: (fence: DmaFence) => string;
  /** Asks for the signal to come. False: it has come already, and the core signals. */
  readonly enableSignaling?: (fence: DmaFence) => boolean;
  /** A cheap look at whether it has happened; once true, always true. */
  readonly signaled?: (fence: DmaFence) => boolean;
  /** Waits in a way of its own; the same promises as {@link DmaFence.wait}. The fence has been armed. */
  readonly wait?: (fence: DmaFence, options: WaitOptions) => Kernel<boolean>;
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
 * moment; (3) `error` is only meaningful once signalled and never changes after; (4) it has a time exactly when it has signalled.
 *
 * Misuse that a kernel warns about is a finding: `fence-signalled-twice`, `fence-error-misused`, `fence-released-unsignalled`,
 * `fence-without-timestamp`, `fences-without-order`, `fence-contexts-misused`, `fence-wait-misused`.
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
  #timestamp_ns = 0;
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
   * dma_fence_signal, dma_fence_signal_timestamp. A second signal changes nothing, as on Linux, but a driver that does not know whether
   * it has signalled is wrong: a finding.
   *
   * @param timestamp_ns virtual time of the event; now when left out
   * @returns false when it had signalled already, where Linux answers EINVAL
   */
  signal(timestamp_ns = this.system.now()): boolean {
    this.assertHeld('signal');
    if (this.#signaledByDriver) this.system.findings.report('fence-signalled-twice', `${this.describe()} was signalled again`, this);
    this.#signaledByDriver = true;
    return this.#complete(timestamp_ns);
  }

  /** dma_fence_check_and_signal of newer kernels: for who cannot know. @returns whether it had signalled already */
  checkAndSignal(): boolean {
    this.assertHeld('signal');
    this.#signaledByDriver = true;
    return !this.#complete(this.system.now());
  }

  #complete(timestamp_ns: number): boolean {
    if (this.#signaled) return false;
    this.#signaled = true;
    this.#timestamp_ns = timestamp_ns;
    this.system.history?.note(this, 'signalled');
    const callbacks = this.#callbacks;
    if (callbacks === undefined) return true;
    const { scheduler } = this.system;
    const before = scheduler.enterAtomic({ describe: () => `a callback of ${this.describe()}` });
    try {
      for (const callback of callbacks) {
        // One that runs may still remove those behind it.
        callbacks.delete(callback);
        this.#call(callback);
      }
    } finally {
      scheduler.enterAtomic(before);
    }
    this.#callbacks = undefined;
    return true;
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

  /** dma_fence_is_container: whether it is made of other fences, as arrays and chains are. */
  get isContainer(): boolean {
    return false;
  }

  /** dma_fence_test_signaled_flag: without a peek. */
  get signaledFlag(): boolean {
    return this.#signaled;
  }

  /** dma_fence_timestamp: virtual time of the signal. Of a pending fence it is now, and asking a finding. */
  get timestamp_ns(): number {
    if (this.#signaled) return this.#timestamp_ns;
    this.system.findings.report('fence-without-timestamp', `${this.describe()} was asked when it signalled, and has not`);
    return this.system.now();
  }

  /** Whether somebody has asked for its signal: DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT. */
  get isArmed(): boolean {
    return this.#signalingEnabled;
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

  /** dma_fence_set_deadline: tells the driver when the signal is wanted, unless it has come or the driver does not care. */
  setDeadline(at_ns: number): void {
    if (this.ops.setDeadline !== undefined && !this.isSignaled) this.ops.setDeadline(this, at_ns);
  }

  /**
   * dma_fence_wait_timeout: arms the fence and waits for its signal. A fence that has signalled wins over a pending signal of the task,
   * and that over the time.
   *
   * @param options interruptible and without end when left out; no time only looks
   * @returns false when the time is up
   * @throws Errno ERESTARTSYS when a signal comes first; EINVAL for a negative time
   */
  *wait(options: WaitOptions = {}): Kernel<boolean> {
    if ((options.timeout_ns ?? 0) < 0) {
      this.system.findings.report('fence-wait-misused', `a wait of ${options.timeout_ns} ns for ${this.describe()}`, this);
      throw new Errno('EINVAL', 'the time to wait is negative');
    }
    const { lockdep } = this.system;
    lockdep.mightSleep(this.describe());
    lockdep.fenceMap.mightTake();
    this.enableSignaling();
    if (this.ops.wait !== undefined) return yield* this.ops.wait(this, options);
    if (this.#signaled) return true;
    const signaled = new WaitQueue(`fence ${this.name}`);
    const callback = () => signaled.wake();
    this.addCallback(callback);
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

function reportWithoutOrder(a: DmaFence, b: DmaFence): void {
  a.system.findings.report('fences-without-order', `${a.describe()} and ${b.describe()} are of different contexts`, a, b);
}

/** dma_fence_is_later: whether `a` comes after `b` of the same context. Fences of different contexts have no order. */
export function isLater(a: DmaFence, b: DmaFence): boolean {
  if (a.context !== b.context) {
    reportWithoutOrder(a, b);
    return false;
  }
  return a.is64bit ? a.seqno > b.seqno : ((a.seqno - b.seqno) | 0) > 0;
}

/** dma_fence_is_later_or_same: the same fence, or later. */
export function isLaterOrSame(a: DmaFence, b: DmaFence): boolean {
  return a === b || isLater(a, b);
}

/** dma_fence_later: the later of two fences of a context; undefined when that one has signalled, or when they have no order. */
export function laterFence(a: DmaFence, b: DmaFence): DmaFence | undefined {
  if (a.context !== b.context) {
    reportWithoutOrder(a, b);
    return undefined;
  }
  const later = isLater(a, b) ? a : b;
  return later.isSignaled ? undefined : later;
}
