import { SA_RESTART, SIGCHLD, SIGCONT, SIGKILL, SIGURG, SIGWINCH } from '../abi/uapi/index.ts';
import type { Coroutine } from './scheduler.ts';

/** What a task wants done when a signal comes. */
export interface SignalAction {
  readonly handler: (signal: number) => void;
  /** Of sigaction(2); only SA_RESTART changes what calls answer. */
  readonly flags?: number;
}

const IGNORED_BY_DEFAULT: ReadonlySet<number> = new Set([SIGCHLD, SIGCONT, SIGURG, SIGWINCH]);

/** A signal ended the task: thrown through its program so that `finally` blocks run. */
export class Killed extends Error {
  override readonly name = 'Killed';
  readonly signal: number;

  constructor(signal: number) {
    super(`killed by signal ${signal}`);
    this.signal = signal;
  }
}

const NONE: ReadonlySet<number> = new Set();

/** Pending signals of a task and what it does about them. */
export class Signals {
  readonly #pending: number[] = [];
  #isInterrupted = false;
  /** Whether the interrupted call fails with EINTR, whatever handlers say. */
  #refusesRestart = false;
  #blocked: ReadonlySet<number> = NONE;
  readonly #actions = new Map<number, SignalAction | 'ignore'>();
  /** The coroutine that a signal interrupts: the one that ran last on behalf of the task. */
  target: Coroutine<any> | undefined;

  get pending(): boolean {
    return this.#isInterrupted || this.#pending.some((signal) => !this.#blocked.has(signal));
  }

  /** Whether one is pending that ends the task. */
  get fatalPending(): boolean {
    return this.#pending.some((signal) => !this.#blocked.has(signal) && this.#isFatal(signal));
  }

  setAction(signal: number, action: SignalAction | 'ignore' | 'default'): void {
    if (action === 'default') this.#actions.delete(signal);
    else this.#actions.set(signal, action);
  }

  /** Sends a signal. One that is ignored vanishes. */
  send(signal: number): void {
    const action = this.#actions.get(signal);
    if (signal !== SIGKILL && (action === 'ignore' || (action === undefined && IGNORED_BY_DEFAULT.has(signal)))) return;
    this.#pending.push(signal);
    if (!this.#blocked.has(signal)) this.target?.interrupt(this.#isFatal(signal));
  }

  /** Which signals only become pending from now on. SIGKILL is never among them. @returns those until now */
  block(signals: Iterable<number>): ReadonlySet<number> {
    const before = this.#blocked;
    this.#blocked = new Set([...signals].filter((signal) => signal !== SIGKILL));
    return before;
  }

  /** A handler runs elsewhere, in the program itself: the waits of its call end as if a signal were pending. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.target?.interrupt(false);
  }

  /** The interrupted call has ended. */
  endInterrupt(): void {
    this.#isInterrupted = false;
  }

  /** The call that was interrupted fails with EINTR, as by a handler without SA_RESTART, though none runs. */
  refuseRestart(): void {
    this.#refusesRestart = true;
  }

  /** Whether that was said of the call that ends now. */
  takeRefusal(): boolean {
    const refuses = this.#refusesRestart;
    this.#refusesRestart = false;
    return refuses;
  }

  /**
   * Runs the handlers of all pending signals, as the way back to the program does.
   *
   * @returns whether an interrupted call may start again: every handler that ran had SA_RESTART
   * @throws Killed when a signal's default action ends the task
   */
  deliver(): boolean {
    let restart = !this.takeRefusal();
    for (let signal = this.#next(); signal !== undefined; signal = this.#next()) {
      if (this.#isFatal(signal)) throw new Killed(signal);
      const action = this.#actions.get(signal) as SignalAction;
      if (((action.flags ?? 0) & SA_RESTART) === 0) restart = false;
      action.handler(signal);
    }
    return restart;
  }

  #next(): number | undefined {
    const at = this.#pending.findIndex((signal) => !this.#blocked.has(signal));
    return at < 0 ? undefined : this.#pending.splice(at, 1)[0];
  }

  #isFatal(signal: number): boolean {
    return signal === SIGKILL || !this.#actions.has(signal);
  }
}
