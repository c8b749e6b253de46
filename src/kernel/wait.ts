import { Errno } from '../abi/index.ts';
import type { Kernel } from './colour.ts';

/** Why a waiting generator runs again. */
export type Wake = 'woken' | 'timeout' | 'signal';

/** Which signals end a wait: any, only fatal ones, or none. */
export type WaitMode = 'interruptible' | 'killable' | 'uninterruptible';

/** Something that a queue wakes: a waiting generator, a poll, a door's mirror of a file's readiness. */
export interface Waiter {
  /**
   * @param key which events, as `POLLIN`; all ones when the queue's owner does not tell
   * @returns of an exclusive waiter: whether it took the wake, so that no other needs it
   */
  wake(key: number): boolean | void;
}

/** What a generator yields to wait. The scheduler keeps it until one of its queues wakes, its time is up or a signal comes. */
export interface Wait {
  queues: readonly QueuedWait[];
  readonly mode: WaitMode;
  /** For people: what is waited for. */
  what: string;
  /** From now, in virtual nanoseconds; Infinity for none. Counted from the first time the scheduler sees this object. */
  readonly timeout_ns: number;
  /** Set by the scheduler when it first sees the object, so that a wait that begins again keeps its end. */
  deadline_ns?: number;
}

/** One of the places where a waiter stands. */
export interface QueuedWait {
  readonly queue: WaitQueue;
  /** Only wakes with a bit in common count. */
  readonly key: number;
}

/** A key that every wake fits. */
export const ALL_KEYS = 0xffffffff;

/** A place to wait, as `wait_queue_head`. Waking it twice before a waiter runs wakes once: waiters check their condition again. */
export class WaitQueue {
  /** For people: what one waits for here. */
  readonly name: string;
  // Most queues never have a waiter.
  #waiters: Map<Waiter, number> | undefined;
  #exclusive: Set<Waiter> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Registers a waiter until {@link remove}; twice adds the keys up. */
  add(waiter: Waiter, key: number = ALL_KEYS): void {
    this.#waiters ??= new Map();
    this.#waiters.set(waiter, ((this.#waiters.get(waiter) ?? 0) | key) >>> 0);
  }

  /** Registers one of those of whom a wake needs only one: add_wait_queue_exclusive. */
  addExclusive(waiter: Waiter): void {
    this.#exclusive ??= new Set();
    this.#exclusive.add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
    this.#exclusive?.delete(waiter);
  }

  get waiters(): number {
    return (this.#waiters?.size ?? 0) + (this.#exclusive?.size ?? 0);
  }

  /** wake_up: everyone whose key fits, who came last first, and of the exclusive ones the first that takes it. */
  wake(key: number = ALL_KEYS): void {
    this.#wakeShared(key);
    for (const waiter of this.#exclusive ?? []) if (waiter.wake(key) === true) return;
  }

  /** wake_up_all: the exclusive ones, too. */
  wakeAll(key: number = ALL_KEYS): void {
    this.#wakeShared(key);
    for (const waiter of [...(this.#exclusive ?? [])]) waiter.wake(key);
  }

  #wakeShared(key: number): void {
    if (this.#waiters === undefined || this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    for (let i = waiters.length - 1; i >= 0; i--) {
      const [waiter, mask] = waiters[i] as [Waiter, number];
      if ((mask & key) !== 0) waiter.wake(key);
    }
  }

  /** Wakes the one that has waited longest. */
  wakeOne(key: number = ALL_KEYS): void {
    for (const [waiter, mask] of this.#waiters ?? []) {
      if ((mask & key) === 0) continue;
      waiter.wake(key);
      return;
    }
  }
}

export interface WaitOptions {
  readonly mode?: WaitMode;
  /** Virtual nanoseconds from now. */
  readonly timeout_ns?: number;
  /** For people; the queue's name when left out. */
  readonly what?: string;
}

/**
 * Waits until a condition holds, as `wait_event_interruptible_timeout`. The condition is looked at first and after each wake, so
 * one that already holds wins over a pending signal, and both over the time.
 *
 * @returns whether the condition holds; false only when the time is up
 * @throws Errno ERESTARTSYS when a signal comes first: the call starts again or fails with EINTR, as sigaction(2) decides
 */
export function* wait(queue: WaitQueue, condition: () => boolean, options: WaitOptions = {}): Kernel<boolean> {
  if (condition()) return true;
  const request = waitOn([{ queue, key: ALL_KEYS }], options);
  for (;;) {
    const wake = yield request;
    if (condition()) return true;
    if (wake === 'timeout') return false;
    if (wake === 'signal') throw new Errno('ERESTARTSYS', `a signal came while waiting for ${request.what}`);
  }
}

/** A wait on several queues at once, for callers that write their own loop around `yield`. */
export function waitOn(queues: readonly QueuedWait[], options: WaitOptions = {}): Wait {
  return {
    queues,
    mode: options.mode ?? 'interruptible',
    what: options.what ?? queues.map(({ queue }) => queue.name).join(', '),
    timeout_ns: options.timeout_ns ?? Number.POSITIVE_INFINITY,
  };
}

/** Lets other tasks go first, as sched_yield(2). */
export function* yieldNow(): Kernel<void> {
  yield waitOn([], { mode: 'uninterruptible', timeout_ns: 0, what: 'its turn' });
}

/** Sleeps in virtual time. Nothing but the time ends it. */
export function* sleep(duration_ns: number): Kernel<void> {
  yield waitOn([], { mode: 'uninterruptible', timeout_ns: duration_ns, what: `${duration_ns} ns to pass` });
}
