import { type Credentials, Deadlock, type Kernel, Killed, type Outcome, ROOT, type Task, TaskTable } from '../../kernel/index.ts';
import { type Board, Machine, type MachineOptions } from '../../machine/index.ts';
import { AsyncCaller, SyncCaller, TaskCaller } from './caller.ts';
import { type Program, type ProgramStarter, type Running, Sys } from './sys/index.ts';

/** RLIMIT_NOFILE of programs in process. */
const FILE_LIMIT = 1024;

export interface ProgramOptions {
  /** The command's name; `task` when left out. */
  readonly comm?: string;
  /** Root when left out. */
  readonly credentials?: Credentials;
}

class RunningProgram<T> implements Running<T> {
  readonly pid: number;
  outcome: Outcome<T> | undefined;
  /** Whether somebody has seen how it ended. */
  isSeen = false;

  constructor(pid: number) {
    this.pid = pid;
  }

  result(): T {
    if (this.outcome === undefined) throw new Error(`task ${this.pid} has not ended`);
    this.isSeen = true;
    if (!this.outcome.ok) throw this.outcome.error;
    return this.outcome.value;
  }
}

/** A machine that TypeScript code uses: calls of its own, and programs. */
export class InProcessMachine extends Machine implements ProgramStarter {
  /** The calls of the outermost code: synchronous, and they run the machine when they wait. Stepped machines only. */
  readonly sys: Sys<'sync'>;
  /** The same task's calls as promises, for code that lets other code of Node run while it waits. */
  readonly async: Sys<'async'>;
  readonly #root: Task;
  readonly #programs = new Set<RunningProgram<any>>();

  constructor(board: Board, options: MachineOptions = {}) {
    super(board, options);
    // What the outermost code leaves open is a leak; that it exists is not.
    this.#root = this.#makeTask('main', ROOT, false);
    this.sys = new Sys(new SyncCaller(this.#root), this);
    this.async = new Sys(new AsyncCaller(this.#root, () => this.system.scheduler.runReady()), this);
  }

  /** Starts a program: a task of its own with an empty descriptor table. It runs when the machine runs. */
  spawn<T>(program: Program<T>, options: ProgramOptions = {}): Running<T> {
    return this.start(this.#makeTask(options.comm ?? 'task', options.credentials ?? ROOT), program);
  }

  start<T>(task: Task, program: Program<T>): Running<T> {
    const running = new RunningProgram<T>(task.pid);
    this.#programs.add(running);
    const body = program(new Sys(new TaskCaller(task), this)) as Kernel<T>;
    this.system.scheduler.spawn(task.describe(), task, body, (outcome) => {
      running.outcome = outcome;
      this.system.tasks.end(task, outcome.ok ? { code: 0 } : TaskTable.statusOf(outcome.error));
    });
    return running;
  }

  /**
   * Runs the machine until every program has ended. Promises of the outside get their turn whenever the machine would move its
   * time, and once more before it gives up.
   *
   * @throws Deadlock when no program can go on; what a program threw, unless somebody has asked for its result
   */
  async run(): Promise<void> {
    const { scheduler, clock } = this.system;
    for (scheduler.runReady(); !this.#isDone(); scheduler.runReady()) {
      await null;
      if (scheduler.ready > 0 || clock.runNext()) continue;
      await new Promise(setImmediate);
      if (scheduler.ready === 0 && clock.pending === 0) throw new Deadlock(clock.now(), 'run()', scheduler.describeWaiting());
    }
    const ended = [...this.#programs];
    this.#programs.clear();
    for (const running of ended) {
      if (running.outcome?.ok === false && !running.isSeen && !(running.outcome.error instanceof Killed)) throw running.outcome.error;
    }
  }

  /** Asked between any two events, so it stops at the first that goes on. */
  #isDone(): boolean {
    for (const { outcome } of this.#programs) if (outcome === undefined) return false;
    return true;
  }

  #makeTask(comm: string, credentials: Credentials, isTracked = true): Task {
    return this.system.tasks.create({ comm, credentials, fs: this.system.vfs.initialContext(), fileLimit: FILE_LIMIT, isTracked });
  }
}
