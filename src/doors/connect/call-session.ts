import { Errno, isErrno } from '../../abi/index.ts';
import { SIGKILL, SIGUSR1 } from '../../abi/uapi/index.ts';
import { ROOT, type System, Task } from '../../kernel/index.ts';
import { AsyncCaller, type ProgramStarter, Sys } from '../in-process/index.ts';
import { type CallName, isCall, type MemoryCallName } from './call-table.ts';
import type { Ask, Caller } from './protocol.ts';
import type { Session, SessionContext } from './session.ts';
import type { Value } from './values.ts';

/** RLIMIT_NOFILE of the task. */
const FILE_LIMIT = 1024;
/** Calls of a connection at a time. */
const CALLS_MAX = 1024;

const NO_PROGRAMS: ProgramStarter = {
  start() {
    throw new Error('a connection starts no programs');
  },
};

/** One of the threads of the connection's task: it makes one call at a time. */
class Thread {
  readonly task: Task;
  readonly sys: Sys<'async'>;

  constructor(task: Task) {
    this.task = task;
    // A signal without SA_RESTART is what cuts a call.
    task.signals.setAction(SIGUSR1, { handler: () => undefined });
    this.sys = new Sys(new AsyncCaller(task, () => task.system.scheduler.runReady()), NO_PROGRAMS);
  }
}

/** The memory calls, by name. */
const memoryCalls: Readonly<Record<MemoryCallName, (sys: Sys<'async'>, ...args: any[]) => Value | Promise<Value>>> = {
  ioctl: (sys, fd: number, request: number, argument: number) => sys.ioctl(fd, request, argument),
  ioctlBytes: (sys, fd: number, request: number, bytes: Uint8Array) => sys.ioctlBytes(fd, request, bytes),
  mmap: async (sys, fd: number, options: { length: number }) => {
    const { address, length } = await sys.mmap(fd, options);
    return { address, length };
  },
  allocate: (sys, length: number) => {
    const memory = sys.allocate(length);
    return { address: memory.address, length };
  },
  free: (sys, memory: { address: number; length: number }) => sys.free(memory),
  peek: (sys, address: number, length: number) => sys.peek(address, length),
  poke: (sys, address: number, bytes: Uint8Array) => sys.poke(address, bytes),
};

/**
 * A connection whose client makes calls: a task of the machine, with a thread for each call that is under way. It ends with the
 * connection, and nothing that it held stays.
 */
export class CallSession implements Session {
  readonly #system: System;
  readonly #context: SessionContext;
  readonly #main: Task;
  readonly #idle: Thread[] = [];
  readonly #underWay = new Map<number, Thread>();
  #hasEnded = false;

  constructor(caller: Caller, context: SessionContext) {
    this.#context = context;
    this.#system = context.system;
    this.#main = this.#system.tasks.create({
      ...caller,
      credentials: ROOT,
      fs: this.#system.vfs.initialContext(),
      fileLimit: FILE_LIMIT,
      isTracked: true,
    });
  }

  ask(ask: Ask): void {
    if ('cut' in ask) this.#cut(ask.id, ask.cut);
    else void this.#serve(ask.id, ask.name, ask.args);
  }

  end(): void {
    this.#hasEnded = true;
    const { scheduler, tasks } = this.#system;
    for (const { task } of this.#underWay.values()) task.signals.send(SIGKILL);
    scheduler.runReady();
    tasks.end(this.#main, { code: 0 });
    scheduler.runReady();
  }

  #cut(id: number, how: 'signal' | 'kill'): void {
    this.#underWay.get(id)?.task.signals.send(how === 'kill' ? SIGKILL : SIGUSR1);
    this.#system.scheduler.runReady();
  }

  async #serve(id: number, name: string, given: readonly Value[]): Promise<void> {
    // JSON has no undefined.
    const args = Array.isArray(given) ? given.map((value) => value ?? undefined) : given;
    if (!isCall(name, args)) return this.#fail(id, new Errno('EINVAL', `no call ${name} with such arguments`));
    if (this.#underWay.has(id)) return this.#fail(id, new Errno('EINVAL', `question ${id} has been asked already`));
    if (this.#underWay.size === CALLS_MAX) return this.#fail(id, new Errno('EAGAIN', `${CALLS_MAX} calls are under way`));
    const thread = this.#idle.pop() ?? this.#makeThread();
    this.#underWay.set(id, thread);
    try {
      const value = await this.#begin(thread.sys, name, args);
      if (!this.#hasEnded) this.#context.answer(value === undefined ? { id } : { id, value });
    } catch (error) {
      this.#fail(id, error);
    } finally {
      this.#underWay.delete(id);
      // A cut that came too late is no business of the next call.
      if (!this.#hasEnded && !thread.task.signals.fatalPending) {
        thread.task.signals.deliver();
        this.#idle.push(thread);
      }
    }
  }

  #begin(sys: Sys<'async'>, name: CallName | MemoryCallName, args: readonly any[]): Value | Promise<Value> {
    if (name in memoryCalls) return memoryCalls[name as MemoryCallName](sys, ...args);
    return (sys[name as CallName] as (...args: readonly any[]) => Promise<Value>)(...args);
  }

  #fail(id: number, error: unknown): void {
    if (this.#hasEnded) return;
    if (isErrno(error)) this.#context.answer({ id, failed: error.code, reason: error.reason });
    else this.#context.answer({ id, failed: 'EIO', reason: this.#context.complain(error) });
  }

  #makeThread(): Thread {
    const { pid, comm, credentials, files, space, memory, fs } = this.#main;
    return new Thread(new Task(this.#system, { pid, comm, credentials, files, memory: space ?? memory, fs }));
  }
}
