import { Errno } from '../abi/index.ts';
import { AddressSpace } from './address-space.ts';
import type { Kernel } from './colour.ts';
import type { Credentials } from './credentials.ts';
import { FdTable } from './fd-table.ts';
import { Killed } from './signal.ts';
import type { System } from './system.ts';
import { Task, type TaskDescription } from './task.ts';
import type { FsContext } from './vfs.ts';
import { WaitQueue, wait } from './wait.ts';

/** How a task ended, as wait(2) tells. */
export type ExitStatus = { readonly code: number } | { readonly signal: number } | { readonly error: unknown };

export interface NewProgram {
  /** Its number, if nobody has that; a free one when left out. */
  readonly pid?: number;
  readonly comm: string;
  readonly credentials: Credentials;
  readonly fs: FsContext;
  /** RLIMIT_NOFILE. */
  readonly fileLimit: number;
  /** Whether it is a leak when it has not ended at shutdown. */
  readonly isTracked: boolean;
}

const FIRST_PID = 1;

/** All tasks of a machine, by pid. In-process ones are made and ended here; a door registers those of its programs. */
export class TaskTable {
  readonly #system: System;
  readonly #byPid = new Map<number, Task>();
  readonly #ended = new Map<number, ExitStatus>();
  readonly #changed = new WaitQueue('a task to end');
  #nextPid = FIRST_PID;

  constructor(system: System) {
    this.#system = system;
  }

  get(pid: number): Task | undefined {
    return this.#byPid.get(pid);
  }

  /** Every task that has not ended, newest first. */
  all(): Task[] {
    return [...this.#byPid.values()].reverse();
  }

  /** A new in-process program with an empty descriptor table and fresh memory. */
  create(program: NewProgram): Task {
    return this.add({
      pid: this.#takePid(program.pid),
      comm: program.comm,
      credentials: program.credentials,
      files: new FdTable(program.fileLimit, this.#system.faults),
      memory: new AddressSpace(this.#system.ledger),
      fs: program.fs,
      isTracked: program.isTracked,
    });
  }

  /** fork(2) of an in-process task: descriptors and memory are copied, mappings stay shared. */
  fork(parent: Task): Task {
    if (!(parent.files instanceof FdTable) || parent.space === undefined) throw new Error(`${parent.describe()} is not in process`);
    return this.add({
      pid: this.#takePid(),
      comm: parent.comm,
      credentials: parent.credentials,
      files: parent.files.copy(),
      memory: parent.space.copy(),
      fs: { ...parent.fs },
      parent,
    });
  }

  /** A thread: it shares everything with the task. */
  thread(of: Task): Task {
    return this.add({
      pid: this.#takePid(),
      tgid: of.tgid,
      comm: of.comm,
      credentials: of.credentials,
      files: of.files,
      memory: of.space ?? of.memory,
      fs: of.fs,
      parent: of,
    });
  }

  #takePid(wanted?: number): number {
    if (wanted !== undefined && !this.#byPid.has(wanted)) return wanted;
    while (this.#byPid.has(this.#nextPid)) this.#nextPid++;
    return this.#nextPid++;
  }

  add(description: TaskDescription): Task {
    const task = new Task(this.#system, description);
    this.#byPid.set(task.pid, task);
    if (task.isTracked) this.#system.ledger.add(task);
    return task;
  }

  /** The end of a task. The last thread of an in-process program closes its descriptors and unmaps its memory. */
  end(task: Task, status: ExitStatus): void {
    if (!this.#byPid.delete(task.pid)) return;
    if (task.isTracked) this.#system.ledger.remove(task);
    const shared = [...this.#byPid.values()].some((other) => other.files === task.files);
    if (!shared && task.files instanceof FdTable) {
      for (const [fd, file] of [...task.files.entries()]) {
        file.inode.locks?.dropOwner(task.lockOwner);
        task.files.remove(fd).put();
      }
    }
    if (!shared) task.space?.clear();
    // Nobody is left to do what the last close put off.
    if (this.#system.hasDeferred) this.#system.scheduler.spawn(`the end of ${task.describe()}`, undefined, this.#system.doDeferred());
    if (task.parent !== undefined) this.#ended.set(task.pid, status);
    this.#changed.wake();
  }

  /** waitpid(2). @throws Errno ECHILD when there is no such task and never was; ERESTARTSYS */
  *wait(pid: number): Kernel<ExitStatus> {
    if (!this.#byPid.has(pid) && !this.#ended.has(pid)) throw new Errno('ECHILD', `there is no task ${pid}`);
    yield* wait(this.#changed, () => this.#ended.has(pid), { what: `task ${pid} to end` });
    const status = this.#ended.get(pid) as ExitStatus;
    this.#ended.delete(pid);
    return status;
  }

  /** What an exception that ended a program says. */
  static statusOf(error: unknown): ExitStatus {
    return error instanceof Killed ? { signal: error.signal } : { error };
  }
}
