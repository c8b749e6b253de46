import { Errno, errno, isErrno } from '../../abi/index.ts';
import { SIGKILL } from '../../abi/uapi/index.ts';
import { FdTable, type FsContext, isKernel, type Kernel, type MaybeKernel, ROOT, type System, settle, Task } from '../../kernel/index.ts';
import { BufferMemory } from './buffer-memory.ts';
import { type Call, type Step, stepOf } from './mount-calls.ts';

/** Open files of the mount at a time. */
const FILES_MAX = 2 ** 20;

/** Who calls through a mount. */
export interface Caller {
  readonly pid: number;
  readonly comm: string;
}

/** Takes the outcome of a request: an errno, 0 for none, and what the call returned. */
export type Answer<T> = (code: number, value: T | undefined) => void;

/** Who serves what the kernel asks of a mount: a machine, in this process or behind a connection. */
export interface Serving {
  /** Runs a request's call. It may be answered before this returns. @param number of its own until it is answered */
  serve<T>(number: number, caller: Caller, call: Call, answer: Answer<T>): void;
  /** A signal has come for a request's caller: its wait ends. */
  interrupt(number: number, how: 'signal' | 'kill'): void;
  /** Ends what is under way without an answer, and closes every file that is open through the mount. */
  end(): void;
}

/** One request that has not been answered: a thread's call on the mount, with a task of its own. */
class Request {
  readonly number: number;
  readonly task: Task;
  readonly memory: BufferMemory;
  #answer: Answer<any> | undefined;

  constructor(number: number, task: Task, memory: BufferMemory, answer: Answer<any>) {
    this.number = number;
    this.task = task;
    this.memory = memory;
    this.#answer = answer;
  }

  /** Answers, once. */
  answer(code: number, value: unknown): void {
    const answer = this.#answer;
    this.drop();
    answer?.(code, value);
  }

  /** Nobody waits for the answer any more. */
  drop(): void {
    this.#answer = undefined;
    this.memory.drop();
  }
}

/**
 * The requests of a mount that are under way on a machine. Each runs as a task; a signal to the caller ends the driver's wait as it
 * would on Linux.
 */
export class Requests implements Serving {
  readonly #files = new FdTable(FILES_MAX);
  readonly #system: System;
  readonly #before: () => void;
  /** The kernel has taken the permissions of a new file out of its own umask. */
  readonly #fs: FsContext;
  readonly #underWay = new Map<number, Request>();
  #hasEnded = false;

  /** @param before called before each call: the machine's time comes to the host's */
  constructor(system: System, before: () => void) {
    this.#system = system;
    this.#before = before;
    this.#fs = { ...system.vfs.initialContext(), umask: 0 };
  }

  serve<T>(number: number, { pid, comm }: Caller, call: Call, answer: Answer<T>): void {
    this.#before();
    const system = this.#system;
    const memory = new BufferMemory(call.bytes);
    const task = new Task(system, { pid, comm, credentials: ROOT, files: this.#files, memory, fs: { ...this.#fs } });
    const request = new Request(number, task, memory, answer);
    const before = system.scheduler.enter(task);
    let step: Step = { ...call, begin: () => undefined };
    try {
      step = stepOf(this.#files, call);
      task.callName = step.name;
      task.callSubject = step.args[0] as number;
      task.callDetail = step.args[1] as number;
      const begun = step.begin(task);
      if (isKernel(begun) || system.hasDeferred) this.#run(request, step, begun);
      else this.#finish(request, step, begun, undefined);
    } catch (error) {
      this.#finish(request, step, undefined, error);
    } finally {
      system.scheduler.enter(before);
    }
    if (system.scheduler.ready > 0) system.scheduler.runReady();
  }

  interrupt(number: number, how: 'signal' | 'kill'): void {
    const signals = this.#underWay.get(number)?.task.signals;
    if (signals === undefined) return;
    if (how === 'signal') signals.interrupt();
    else if (!signals.fatalPending) signals.send(SIGKILL);
    const { scheduler } = this.#system;
    if (scheduler.ready > 0) scheduler.runReady();
  }

  end(): void {
    this.#hasEnded = true;
    const { scheduler } = this.#system;
    for (const request of this.#underWay.values()) {
      request.drop();
      request.task.signals.send(SIGKILL);
    }
    this.#underWay.clear();
    scheduler.runReady();
    for (const [fd, file] of [...this.#files.entries()]) {
      file.inode.locks?.dropOwner(this.#files);
      this.#files.remove(fd).put();
    }
    scheduler.spawn('the end of the mount', undefined, this.#system.doDeferred());
    scheduler.runReady();
  }

  #run(request: Request, step: Step, begun: MaybeKernel<unknown>): void {
    const { scheduler, tracer } = this.#system;
    const { task } = request;
    this.#underWay.set(request.number, request);
    const whole = settle(task, begun) as Kernel<unknown>;
    const coroutine = scheduler.start(task.describe(), task, whole, (outcome) => {
      if (this.#underWay.get(request.number) === request) this.#underWay.delete(request.number);
      if (outcome.ok) this.#finish(request, step, outcome.value, undefined);
      else this.#finish(request, step, undefined, outcome.error);
    });
    if (coroutine.waitingFor !== undefined) tracer?.waiting(task, step.name, step.args, coroutine.waitingFor.what);
  }

  #finish(request: Request, { name, args }: Step, value: unknown, error: unknown): void {
    const { tracer, log } = this.#system;
    tracer?.finished(request.task, name, args, error ?? value);
    request.task.callName = '';
    if (error === undefined) request.answer(0, value);
    // FUSE has no word for a call that starts again.
    else if (isErrno(error, 'ERESTARTSYS') || isErrno(error, 'ERESTARTNOHAND')) request.answer(errno.EINTR, undefined);
    else if (error instanceof Errno) request.answer(error.errno, undefined);
    else {
      if (!this.#hasEnded) log.print('err', `${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      request.answer(errno.EIO, undefined);
    }
  }
}
