import { readFileSync } from 'node:fs';
import { Errno, errno, isErrno } from '../../abi/index.ts';
import { SIGKILL } from '../../abi/uapi/index.ts';
import {
  type CallArguments,
  FdTable,
  type FsContext,
  isKernel,
  type Kernel,
  type MaybeKernel,
  ROOT,
  settle,
  Task,
} from '../../kernel/index.ts';
import type { Machine, Pacer } from '../../machine/index.ts';
import { BufferMemory } from './buffer-memory.ts';
import { INTERRUPTED, PID, type Shim, WORDS } from './shim.ts';

/** Open files of the mount at a time. */
const FILES_MAX = 2 ** 20;
/** How often an interrupted caller is looked at whose call goes on, in milliseconds. */
const LOOK_AGAIN_MS = 20;

/** What the kernel asks for, as a call of the machine's kernel. */
export interface Call<T> {
  readonly name: string;
  readonly args: CallArguments;
  readonly begin: (task: Task) => MaybeKernel<T>;
  /** What a read fills or a write brings. */
  readonly bytes?: Uint8Array;
}

/** Takes the outcome of a request: an errno, 0 for none, and what the call returned. */
export type Answer<T> = (code: number, value: T | undefined) => void;

function textOf(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return undefined;
  }
}

/** Whether a thread has a signal that nothing can hold back, or is gone. */
function isKilled(pid: number): boolean {
  const pending = textOf(pid, 'status')?.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)/gm);
  return pending === undefined || [...pending].some(([, mask]) => ((BigInt(`0x${mask}`) >> BigInt(SIGKILL - 1)) & 1n) !== 0n);
}

/** One request that has not been answered: a thread's call on the mount, with a task of its own. */
class Request {
  readonly number: number;
  readonly pid: number;
  readonly task: Task;
  readonly memory: BufferMemory;
  #answer: Answer<any> | undefined;

  constructor(number: number, task: Task, memory: BufferMemory, answer: Answer<any>) {
    this.number = number;
    this.pid = task.pid;
    this.task = task;
    this.memory = memory;
    this.#answer = answer;
  }

  /** Answers, once. */
  answer(code: number, value: unknown): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.memory.drop();
    answer?.(code, value);
  }
}

/**
 * The requests of the mount that are under way. Each runs as a task of the machine; a signal to the caller ends the driver's wait as it
 * would on Linux.
 */
export class Requests {
  readonly files = new FdTable(FILES_MAX);
  readonly #machine: Machine;
  readonly #pacer: Pacer;
  readonly #shim: Shim;
  /** The kernel has taken the permissions of a new file out of its own umask. */
  readonly #fs: FsContext;
  readonly #underWay = new Map<number, Request>();
  #comm = { pid: 0, name: '' };
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(machine: Machine, pacer: Pacer, shim: Shim) {
    this.#machine = machine;
    this.#pacer = pacer;
    this.#shim = shim;
    this.#fs = { ...machine.system.vfs.initialContext(), umask: 0 };
  }

  get count(): number {
    return this.#underWay.size;
  }

  word(number: number, word: number): number {
    return this.#shim.words[number * WORDS + word] as number;
  }

  setWord(number: number, word: number, value: number): void {
    this.#shim.words[number * WORDS + word] = value;
  }

  /** Runs a request's call. It may be answered before this returns. */
  serve<T>(number: number, call: Call<T>, answer: Answer<T>): void {
    if (this.#isClosed) {
      answer(errno.ENODEV, undefined);
      return;
    }
    this.#pacer.catchUp();
    const { system } = this.#machine;
    const memory = new BufferMemory(call.bytes);
    const task = this.#makeTask(this.word(number, PID), memory);
    const request = new Request(number, task, memory, answer);
    const before = system.scheduler.enter(task);
    task.callName = call.name;
    task.callSubject = call.args[0] as number;
    task.callDetail = call.args[1] as number;
    try {
      const begun = call.begin(task);
      if (isKernel(begun) || system.hasDeferred) this.#run(request, call, begun);
      else this.#finish(request, call, begun, undefined);
    } catch (error) {
      this.#finish(request, call, undefined, error);
    } finally {
      system.scheduler.enter(before);
    }
    if (system.scheduler.ready > 0) system.scheduler.runReady();
  }

  /** Signals have come for callers: their waits end. */
  lookForInterrupted(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const request of this.#underWay.values()) {
      if (this.word(request.number, INTERRUPTED) !== 0) this.#interrupt(request);
    }
    const { scheduler } = this.#machine.system;
    if (scheduler.ready > 0) scheduler.runReady();
    // The kernel tells of the first signal only; a wait that nothing but death ends must hear of that, too.
    const goOn = [...this.#underWay.values()].some(({ number }) => this.word(number, INTERRUPTED) !== 0);
    if (goOn) this.#timer = setTimeout(() => this.lookForInterrupted(), LOOK_AGAIN_MS);
  }

  /** Every request is answered by ENODEV now, and whatever its driver still does is ended. */
  abandonAll(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const request of [...this.#underWay.values()]) {
      this.#underWay.delete(request.number);
      request.answer(errno.ENODEV, undefined);
      request.task.signals.send(SIGKILL);
    }
    this.#machine.system.scheduler.runReady();
  }

  /** Closes every file that is open through the mount. */
  releaseAll(): void {
    const { scheduler } = this.#machine.system;
    for (const [fd, file] of [...this.files.entries()]) {
      file.inode.locks?.dropOwner(this.files);
      this.files.remove(fd).put();
    }
    scheduler.spawn('the end of the mount', undefined, this.#machine.system.doDeferred());
    scheduler.runReady();
  }

  #makeTask(pid: number, memory: BufferMemory): Task {
    const { system } = this.#machine;
    if (this.#comm.pid !== pid) this.#comm = { pid, name: textOf(pid, 'comm')?.trimEnd() ?? '?' };
    return new Task(system, { pid, comm: this.#comm.name, credentials: ROOT, files: this.files, memory, fs: { ...this.#fs } });
  }

  #run<T>(request: Request, call: Call<T>, begun: MaybeKernel<T>): void {
    const { scheduler, tracer } = this.#machine.system;
    const { task } = request;
    this.#underWay.set(request.number, request);
    const whole = settle(task, begun) as Kernel<T>;
    const coroutine = scheduler.start(task.describe(), task, whole, (outcome) => {
      if (this.#underWay.get(request.number) === request) this.#underWay.delete(request.number);
      if (outcome.ok) this.#finish(request, call, outcome.value, undefined);
      else this.#finish(request, call, undefined, outcome.error);
    });
    if (coroutine.waitingFor !== undefined) tracer?.waiting(task, call.name, call.args, coroutine.waitingFor.what);
    if (coroutine.state !== 'ended' && this.word(request.number, INTERRUPTED) !== 0) this.lookForInterrupted();
  }

  #finish<T>(request: Request, call: Call<T>, value: T | undefined, error: unknown): void {
    const { tracer, log } = this.#machine.system;
    tracer?.finished(request.task, call.name, call.args, error ?? value);
    request.task.callName = '';
    if (error === undefined) request.answer(0, value);
    // FUSE has no word for a call that starts again.
    else if (isErrno(error, 'ERESTARTSYS') || isErrno(error, 'ERESTARTNOHAND')) request.answer(errno.EINTR, undefined);
    else if (error instanceof Errno) request.answer(error.errno, undefined);
    else {
      if (!this.#isClosed)
        log.print('err', `${call.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      request.answer(errno.EIO, undefined);
    }
  }

  #interrupt({ task, pid }: Request): void {
    if (!isKilled(pid)) task.signals.interrupt();
    else if (!task.signals.fatalPending) task.signals.send(SIGKILL);
  }
}
