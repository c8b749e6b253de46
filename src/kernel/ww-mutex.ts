/** Locks of which one may hold several without an order among them: kernel/locking/ww_mutex.h, wait-die. */
import { Errno } from '../abi/index.ts';
import type { Kernel } from './colour.ts';
import type { HeldLock } from './lockdep.ts';
import { ALL_KEYS, type Wait, type WaitMode, WaitQueue, waitOn } from './wait.ts';
import type { WwAcquireContext, WwClass } from './ww-acquire.ts';

export interface WwLockOptions {
  /** In which other locks of the class are held or will be; a plain lock without. */
  readonly context?: WwAcquireContext;
  /** Uninterruptible when left out. */
  readonly mode?: WaitMode;
}

interface Contender {
  readonly context: WwAcquireContext | undefined;
  readonly woken: WaitQueue;
}

/**
 * A lock, as `struct ww_mutex`. Of two contexts that want each other's locks the older one waits and the younger one dies: it is told
 * EDEADLK, gives back all it holds, takes the contended lock by {@link lockSlow}, and then the others again.
 *
 * Invariants: (1) contenders with a context stand in the order of their stamps, oldest first; (2) one with locks never waits for an
 * older context, whether that holds this lock or wants it; (3) a contender that was woken in vain gets the lock at the next unlock.
 */
export class WwMutex {
  readonly class: WwClass;
  readonly name: string;
  #isLocked = false;
  #held: HeldLock | undefined;
  #context: WwAcquireContext | undefined;
  // Most locks never have a contender.
  #contenders: Contender[] | undefined;
  /** Whether the first contender has been woken in vain: MUTEX_FLAG_HANDOFF. */
  #owesFirst = false;
  /** To whom the lock was handed, until it runs: MUTEX_FLAG_PICKUP. */
  #heir: Contender | undefined;

  constructor(wwClass: WwClass, name: string) {
    this.class = wwClass;
    this.name = name;
  }

  /** For findings. */
  describe(): string {
    return this.name;
  }

  get isLocked(): boolean {
    return this.#isLocked;
  }

  /** lockdep_is_held: whether it was the caller that took it. */
  get isHeldByCaller(): boolean {
    return this.#held !== undefined && this.class.lockClass.isHeldByCaller(this.#held);
  }

  /** dma_resv_locking_ctx: of the holder; undefined when nobody holds it or it was taken as a plain lock. */
  get context(): WwAcquireContext | undefined {
    return this.#context;
  }

  /** ww_mutex_trylock. */
  tryLock(context?: WwAcquireContext): boolean {
    if (this.#isLocked) return false;
    this.#isLocked = true;
    this.#acquired(context);
    return true;
  }

  /**
   * ww_mutex_lock, ww_mutex_lock_interruptible.
   *
   * @throws Errno EALREADY when the context has it; EDEADLK when the context holds locks and an older one has or wants this lock;
   *   EINTR when the wait may be interrupted and a signal comes
   */
  *lock({ context, mode = 'uninterruptible' }: WwLockOptions = {}): Kernel<void> {
    if (context !== undefined && context === this.#context) throw new Errno('EALREADY', `${context.describe()} holds ${this.name}`);
    this.class.lockClass.wanted(this, context !== undefined);
    if (this.tryLock(context)) return;
    const contender: Contender = { context, woken: new WaitQueue(this.name) };
    this.#enqueue(contender);
    try {
      const request: Wait = waitOn([{ queue: contender.woken, key: ALL_KEYS }], { mode });
      for (;;) {
        this.#dieIfYounger(contender);
        const wake = yield request;
        if (this.#takes(contender)) break;
        if (wake === 'signal') throw new Errno('EINTR', `a signal came while waiting for ${this.name}`);
      }
    } finally {
      this.#leave(contender);
    }
    this.#acquired(context);
  }

  /**
   * ww_mutex_lock_slow: takes the lock that said EDEADLK, now that all others have been given back.
   *
   * @throws Errno EINTR when the wait may be interrupted and a signal comes
   */
  *lockSlow(context: WwAcquireContext, mode: WaitMode = 'uninterruptible'): Kernel<void> {
    if (context.contended === undefined)
      this.class.system.findings.report('ww-slow-without-deadlock', `nothing said EDEADLK to ${context.describe()} before ${this.name}`);
    yield* this.lock({ context, mode });
  }

  unlock(): void {
    if (!this.#isLocked || this.#heir !== undefined) throw new Error(`unlock of ${this.name}, which nobody holds`);
    if (this.#held !== undefined) this.class.lockClass.gaveBack(this.#held);
    this.#held = undefined;
    this.#context?.lockReleased();
    this.#context = undefined;
    this.#release();
  }

  #release(): void {
    const first = this.#contenders?.[0];
    if (first !== undefined && this.#owesFirst) {
      this.#owesFirst = false;
      this.#heir = first;
    } else {
      this.#isLocked = false;
    }
    first?.woken.wake();
  }

  /** Of a contender that was woken. */
  #takes(contender: Contender): boolean {
    if (this.#heir === contender) {
      this.#heir = undefined;
      return true;
    }
    if (!this.#isLocked) {
      this.#isLocked = true;
      return true;
    }
    if (this.#contenders?.[0] === contender && this.#heir === undefined) this.#owesFirst = true;
    return false;
  }

  #acquired(context: WwAcquireContext | undefined): void {
    this.#held = this.class.lockClass.taken(this);
    this.#context = context;
    if (context === undefined) return;
    context.lockAcquired(this);
    // It may have come before those who waited already.
    this.#killYounger(context);
  }

  /** __ww_mutex_add_waiter: those without a context stand where they came, so that others cannot starve them. */
  #enqueue(contender: Contender): void {
    this.#contenders ??= [];
    const { context } = contender;
    let at = this.#contenders.length;
    if (context !== undefined) {
      for (let before = at - 1; before >= 0; before--) {
        const other = this.#contenders[before]?.context;
        if (other === undefined) continue;
        if (context.isYoungerThan(other)) {
          // Behind an older one that waits it would have to die as soon as that one has the lock.
          this.#die(context);
          break;
        }
        at = before;
      }
      this.#killYounger(context);
    }
    this.#contenders.splice(at, 0, contender);
  }

  /** __ww_mutex_die: contenders that hold locks and are younger wake up and see for themselves. */
  #killYounger(than: WwAcquireContext): void {
    if (this.#contenders === undefined) return;
    for (const { context, woken } of this.#contenders)
      if (context !== undefined && context.acquired > 0 && context.isYoungerThan(than)) woken.wake();
  }

  /** __ww_mutex_check_kill. @throws Errno EDEADLK */
  #dieIfYounger(contender: Contender): void {
    const { context } = contender;
    if (context === undefined) return;
    if (this.#context !== undefined && context.isYoungerThan(this.#context)) this.#die(context);
    for (const before of this.#contenders ?? []) {
      if (before === contender) return;
      if (before.context !== undefined) this.#die(context);
    }
  }

  /** __ww_mutex_kill: who holds nothing is in nobody's way and may wait. @throws Errno EDEADLK */
  #die(context: WwAcquireContext): void {
    if (context.acquired === 0) return;
    context.die(this);
    throw new Errno('EDEADLK', `an older context than ${context.describe()} has or wants ${this.name}`);
  }

  #leave(contender: Contender): void {
    const contenders = this.#contenders as Contender[];
    const wasFirst = contenders[0] === contender;
    contenders.splice(contenders.indexOf(contender), 1);
    if (wasFirst) this.#owesFirst = false;
    // A program that was ended took neither what had been handed to it nor what it was woken for.
    if (this.#heir === contender) {
      this.#heir = undefined;
      this.#release();
    } else if (!this.#isLocked) {
      contenders[0]?.woken.wake();
    }
  }
}
