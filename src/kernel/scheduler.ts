import type { Clock, ScheduledEvent } from './clock.ts';
import type { Kernel } from './colour.ts';
import type { HeldLock } from './lockdep.ts';
import type { Random } from './random.ts';
import type { Task } from './task.ts';
import type { Wait, Waiter, Wake } from './wait.ts';

/** Whoever can hold locks: a coroutine, or all code outside of coroutines. */
export interface LockHolder {
  /** In the order they were taken; undefined until the first. */
  locks: HeldLock[] | undefined;
}

/** Something under way that must not wait: an event, or the callbacks of a fence. */
export interface Atomic {
  describe(): string;
}

/** How a thread of control ended. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/**
 * One generator under way: a task's program, one call of a native program, or work of the kernel itself.
 *
 * Invariant: it is registered with the queues of its wait exactly while its state is `waiting`.
 */
export class Coroutine<T = unknown> implements Waiter, LockHolder {
  readonly name: string;
  /** Whose signals interrupt it and who `current` is meanwhile; undefined for the kernel's own work. */
  readonly task: Task | undefined;
  state: 'ready' | 'running' | 'waiting' | 'ended' = 'ready';
  outcome: Outcome<T> | undefined;
  waitingFor: Wait | undefined;
  locks: HeldLock[] | undefined;
  readonly #generator: Kernel<T>;
  readonly #scheduler: Scheduler;
  readonly #onEnd: ((outcome: Outcome<T>) => void) | undefined;
  #timer: ScheduledEvent | undefined;
  #wake: Wake = 'woken';

  constructor(
    scheduler: Scheduler,
    name: string,
    task: Task | undefined,
    generator: Kernel<T>,
    onEnd: ((outcome: Outcome<T>) => void) | undefined,
  ) {
    this.#scheduler = scheduler;
    this.name = name;
    this.task = task;
    this.#generator = generator;
    this.#onEnd = onEnd;
  }

  wake(_key?: number): void {
    this.#resume('woken');
  }

  /** A signal came for the task. */
  interrupt(fatal: boolean): void {
    const mode = this.waitingFor?.mode;
    if (mode === 'interruptible' || (mode === 'killable' && fatal)) this.#resume('signal');
  }

  #resume(wake: Wake): void {
    if (this.state !== 'waiting') return;
    const wait = this.waitingFor as Wait;
    for (const { queue } of wait.queues) queue.remove(this);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.waitingFor = undefined;
    this.#wake = wake;
    this.#scheduler.makeReady(this);
  }

  /** Runs until the next wait or the end. */
  step(): void {
    this.state = 'running';
    if (this.task !== undefined) this.task.signals.target = this;
    const wake = this.#wake;
    this.#wake = 'woken';
    let result: IteratorResult<Wait, T>;
    try {
      result = this.#generator.next(wake);
    } catch (error) {
      this.#end({ ok: false, error });
      return;
    }
    if (result.done) this.#end({ ok: true, value: result.value });
    else this.#park(result.value);
  }

  #end(outcome: Outcome<T>): void {
    this.state = 'ended';
    this.outcome = outcome;
    this.#scheduler.ended(this);
    this.#onEnd?.(outcome);
  }

  #park(wait: Wait): void {
    this.state = 'waiting';
    this.waitingFor = wait;
    const signals = this.task?.signals;
    if (signals !== undefined && wait.mode !== 'uninterruptible' && (wait.mode === 'killable' ? signals.fatalPending : signals.pending)) {
      this.#resume('signal');
      return;
    }
    if (wait.mode === 'interruptible' && this.task !== undefined && this.#scheduler.interrupts?.(this.task, wait.what) === true) {
      this.#resume('signal');
      return;
    }
    if (wait.timeout_ns === 0) {
      this.#resume(wait.queues.length === 0 ? 'woken' : 'timeout');
      return;
    }
    for (const { queue, key } of wait.queues) queue.add(this, key);
    if (wait.timeout_ns !== Number.POSITIVE_INFINITY) {
      const clock = this.#scheduler.clock;
      wait.deadline_ns ??= clock.now() + wait.timeout_ns;
      this.#timer = clock.schedule(Math.max(0, wait.deadline_ns - clock.now()), `timeout of ${wait.what}`, () => this.#resume('timeout'));
    }
  }
}

/** Nothing can run any more, and no event is left that could change that. */
export class Deadlock extends Error {
  override readonly name = 'Deadlock';
  /** One line per waiting thread of control. */
  readonly waiting: readonly string[];

  constructor(now_ns: number, who: string, waiting: readonly string[]) {
    super(
      `${who} can never end: at t=${formatTime(now_ns)} nothing is left that could happen.\n${waiting.map((line) => `  ${line}`).join('\n')}`,
    );
    this.waiting = waiting;
  }
}

/** Virtual time for people: seconds with nine digits. */
export function formatTime(ns: number): string {
  const seconds = Math.floor(ns / 1e9);
  return `${seconds}.${String(Math.round(ns - seconds * 1e9)).padStart(9, '0')} s`;
}

/**
 * Runs coroutines one at a time. Where several could go on, the seed chooses; a coroutine keeps running until it waits, so there
 * is no choice anywhere else.
 */
export class Scheduler {
  readonly clock: Clock;
  readonly #random: Random;
  readonly #ready: Coroutine<any>[] = [];
  readonly #alive = new Set<Coroutine<any>>();
  #running: Coroutine<any> | undefined;
  #current: Task | undefined;
  #atomic: Atomic | undefined;
  /** Holds what the part of a call takes that runs before its coroutine. */
  readonly plainCall: LockHolder = { locks: undefined };
  /** Holds what events and code outside the machine take. */
  readonly #outside: LockHolder = { locks: undefined };
  /** Asked before a wait that signals end: whether one comes at once. */
  interrupts: ((task: Task, what: string) => boolean) | undefined;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.#random = random;
  }

  /** The task on whose behalf code runs now, as `current`; undefined in events and kernel work. */
  get current(): Task | undefined {
    return this.#current;
  }

  /** Whether code runs inside a coroutine, where synchronous calls of the door would stop the machine. */
  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Who takes a lock that is taken now. */
  get context(): LockHolder {
    return this.#running ?? (this.#current === undefined ? this.#outside : this.plainCall);
  }

  /** What runs now, if that must not wait. */
  get atomic(): Atomic | undefined {
    return this.#atomic ?? (this.#running === undefined ? this.clock.running : undefined);
  }

  /** Code that must not wait begins; the caller puts back what this returns when it ends. */
  enterAtomic(atomic: Atomic | undefined): Atomic | undefined {
    const before = this.#atomic;
    this.#atomic = atomic;
    return before;
  }

  get ready(): number {
    return this.#ready.length;
  }

  /** Coroutines that have not ended. */
  get alive(): ReadonlySet<Coroutine<unknown>> {
    return this.#alive;
  }

  /** Makes a coroutine that runs when its turn comes. */
  spawn<T>(name: string, task: Task | undefined, generator: Kernel<T>, onEnd?: (outcome: Outcome<T>) => void): Coroutine<T> {
    const coroutine = new Coroutine(this, name, task, generator, onEnd);
    this.#alive.add(coroutine);
    this.#ready.push(coroutine);
    return coroutine;
  }

  /** The same, but it runs at once until its first wait: for a door that just received a call. */
  start<T>(name: string, task: Task | undefined, generator: Kernel<T>, onEnd?: (outcome: Outcome<T>) => void): Coroutine<T> {
    const coroutine = new Coroutine(this, name, task, generator, onEnd);
    this.#alive.add(coroutine);
    this.#step(coroutine);
    return coroutine;
  }

  makeReady(coroutine: Coroutine<any>): void {
    coroutine.state = 'ready';
    this.#ready.push(coroutine);
  }

  ended(coroutine: Coroutine<any>): void {
    this.#alive.delete(coroutine);
  }

  /** Runs a plain call on behalf of a task. */
  as<T>(task: Task, call: () => T): T {
    const before = this.#current;
    this.#current = task;
    try {
      return call();
    } finally {
      this.#current = before;
    }
  }

  /** Sets `current` without a closure, for the hot path of a door; the caller puts back what this returns. */
  enter(task: Task | undefined): Task | undefined {
    const before = this.#current;
    this.#current = task;
    return before;
  }

  /** Lets everything run that can, without moving the time. */
  runReady(): void {
    while (this.#ready.length > 0) this.#step(this.#choose());
  }

  /**
   * A stepped machine's main loop: runs coroutines, and moves the time when none can run, until `done`.
   *
   * @param who for the message
   * @throws Deadlock when nothing is left to run or to happen
   */
  runUntil(done: () => boolean, who: string): void {
    // Events are nobody's doing, whoever waits for them.
    const before = this.enter(undefined);
    try {
      while (!done()) {
        if (this.#ready.length > 0) this.#step(this.#choose());
        else if (!this.clock.runNext()) throw new Deadlock(this.clock.now(), who, this.describeWaiting());
      }
    } finally {
      this.enter(before);
    }
  }

  /**
   * Does work of the kernel to its end, whatever else that lets happen: for boards that bring devices up. What it returns or throws is
   * the caller's.
   */
  complete<T>(what: string, work: Kernel<T>): T {
    const coroutine = this.start(what, undefined, work);
    this.runUntil(() => coroutine.state === 'ended', what);
    const { outcome } = coroutine;
    if (outcome?.ok !== true) throw outcome?.error;
    return outcome.value;
  }

  /** Lets so much time pass, and everything happen that is due then. @param duration_ns virtual nanoseconds */
  runFor(duration_ns: number): void {
    const end_ns = this.clock.now() + duration_ns;
    for (this.runReady(); this.clock.nextAt_ns <= end_ns; this.runReady()) this.clock.runNext();
    this.clock.runUntil(end_ns);
  }

  /** Lets happen what will, however long it takes, until nothing is left or `isSettled` between two events. */
  settle(isSettled: () => boolean = () => false): void {
    for (this.runReady(); !isSettled() && this.clock.runNext(); ) this.runReady();
  }

  /** Who waits for what, in the order they started. */
  describeWaiting(): string[] {
    return [...this.#alive]
      .filter((coroutine) => coroutine.waitingFor !== undefined)
      .map((coroutine) => {
        const wait = coroutine.waitingFor as Wait;
        const doing = coroutine.task?.doing;
        return `${coroutine.name}${doing === undefined ? '' : ` in ${doing}`} waits for ${wait.what}`;
      });
  }

  #choose(): Coroutine<any> {
    const ready = this.#ready;
    const at = ready.length === 1 ? 0 : this.#random.below(ready.length);
    const [chosen] = ready.splice(at, 1);
    return chosen as Coroutine<any>;
  }

  #step(coroutine: Coroutine<any>): void {
    const before = this.#running;
    const currentBefore = this.#current;
    const atomicBefore = this.#atomic;
    this.#running = coroutine;
    this.#current = coroutine.task;
    this.#atomic = undefined;
    try {
      coroutine.step();
    } finally {
      this.#running = before;
      this.#current = currentBefore;
      this.#atomic = atomicBefore;
    }
  }
}
