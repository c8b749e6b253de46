import { type CallArguments, complete, isKernel, type Kernel, type MaybeKernel, type System, type Task } from '../../kernel/index.ts';

/**
 * How a program in this process runs its calls:
 * - `sync`: the outermost code of a test. A call that waits runs the machine until it ends. Stepped machines only.
 * - `task`: inside `machine.spawn(function* (sys) {...})`, by `yield*`.
 * - `async`: outside code of a paced machine, by `await`.
 */
export type Mode = 'sync' | 'task' | 'async';

/** What a call gives in each mode. */
export type Result<M extends Mode, T> = M extends 'sync' ? T : M extends 'task' ? Kernel<T> : Promise<T>;

/** Runs calls of one task in one mode. */
export interface Caller<M extends Mode> {
  readonly task: Task;
  /**
   * @param name, args of the call, for traces and messages
   * @param begin starts the call; called again when a signal makes it start again
   * @param end frees what the door took for the call and makes its result
   */
  call<T, R>(name: string, args: CallArguments, begin: () => MaybeKernel<T>, end: (value: T) => R, cleanup?: () => void): Result<M, R>;
}

function enter(task: Task, name: string, args: CallArguments): void {
  task.callName = name;
  task.callSubject = args[0] as number | string | undefined;
  task.callDetail = args[1] as number | string | undefined;
}

/** Whether a call that did not wait is over: nothing is left to do on the way back. */
const isOver = (system: System, task: Task) =>
  !system.hasDeferred && !task.signals.pending && system.lockdep.held === 0 && system.tracer === undefined;

/** The whole of a call that is not over at once. */
function* whole<T>(task: Task, name: string, args: CallArguments, answer: MaybeKernel<T>, begin: () => MaybeKernel<T>): Kernel<T> {
  const { tracer } = task.system;
  try {
    const value = yield* complete(task, answer, begin);
    tracer?.finished(task, name, args, value);
    return value;
  } catch (error) {
    tracer?.finished(task, name, args, error);
    throw error;
  } finally {
    task.callName = '';
  }
}

/** A generator that calls `begin` only when it runs. */
function* beginning<T>(begin: () => MaybeKernel<T>): Kernel<T> {
  const answer = begin();
  return isKernel(answer) ? yield* answer : answer;
}

export class SyncCaller implements Caller<'sync'> {
  readonly task: Task;

  constructor(task: Task) {
    this.task = task;
  }

  call<T, R>(name: string, args: CallArguments, begin: () => MaybeKernel<T>, end: (value: T) => R, cleanup?: () => void): R {
    const { task } = this;
    const { system } = task;
    const { scheduler } = system;
    const before = scheduler.enter(task);
    try {
      if (scheduler.running) throw new Error(`${name}() would stop the machine: inside a task or an event, use yield* with its own sys`);
      enter(task, name, args);
      const answer = begin();
      if (!isKernel(answer) && isOver(system, task)) return end(answer);
      return end(this.#finish(name, args, answer, begin));
    } catch (error) {
      if (task.callName !== '') system.tracer?.finished(task, name, args, error);
      throw error;
    } finally {
      task.callName = '';
      scheduler.enter(before);
      cleanup?.();
    }
  }

  #finish<T>(name: string, args: CallArguments, answer: MaybeKernel<T>, begin: () => MaybeKernel<T>): T {
    const { task } = this;
    const { scheduler, tracer } = task.system;
    const call = scheduler.start(task.describe(), task, whole(task, name, args, answer, begin));
    if (call.waitingFor !== undefined) tracer?.waiting(task, name, args, call.waitingFor.what);
    scheduler.runUntil(() => call.outcome !== undefined, `${task.describe()} in ${name}()`);
    const outcome = call.outcome;
    if (outcome === undefined) throw new Error(`${name}() did not end`);
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }
}

export class TaskCaller implements Caller<'task'> {
  readonly task: Task;

  constructor(task: Task) {
    this.task = task;
  }

  *call<T, R>(name: string, args: CallArguments, begin: () => MaybeKernel<T>, end: (value: T) => R, cleanup?: () => void): Kernel<R> {
    enter(this.task, name, args);
    try {
      return end(yield* whole(this.task, name, args, beginning(begin), begin));
    } finally {
      cleanup?.();
    }
  }
}

export class AsyncCaller implements Caller<'async'> {
  readonly task: Task;
  readonly #afterwards: () => void;

  /** @param afterwards called after each start of a call, so that what it woke runs */
  constructor(task: Task, afterwards: () => void) {
    this.task = task;
    this.#afterwards = afterwards;
  }

  call<T, R>(name: string, args: CallArguments, begin: () => MaybeKernel<T>, end: (value: T) => R, cleanup?: () => void): Promise<R> {
    const { task } = this;
    enter(task, name, args);
    return new Promise((resolve, reject) => {
      const { scheduler, tracer } = task.system;
      const started = scheduler.start(task.describe(), task, whole(task, name, args, beginning(begin), begin), (outcome) => {
        try {
          if (outcome.ok) resolve(end(outcome.value));
          else reject(outcome.error);
        } catch (error) {
          reject(error);
        } finally {
          cleanup?.();
        }
      });
      if (started.waitingFor !== undefined) tracer?.waiting(task, name, args, started.waitingFor.what);
      this.#afterwards();
    });
  }
}
