import { isErrno } from '../../src/abi/index.ts';
import { SyncCaller, Sys } from '../../src/doors/in-process/index.ts';
import { type Credentials, ROOT, type Task } from '../../src/kernel/index.ts';
import { type Board, Machine } from '../../src/machine/index.ts';

/** Somebody without rights. */
export const STRANGER: Credentials = { uid: 1000, gid: 1000, groups: [] };

const BARE: Board = { name: 'bare', description: 'a machine without devices', ram: 2 ** 22, setUp() {} };

/** A machine without devices and programs of its own, and calls as whoever asks. */
export class Fixture {
  readonly machine = new Machine(BARE);
  readonly #tasks = new WeakMap<Sys<'sync'>, Task>();
  readonly sys: Sys<'sync'> = this.sysAs(ROOT);

  get volume() {
    return this.machine.volume;
  }

  /** The calls of a new task. */
  sysAs(credentials: Credentials): Sys<'sync'> {
    const { system, tree } = this.machine;
    const task = system.tasks.create({ comm: 'test', credentials, fs: tree.initialContext(), fileLimit: 1024, isTracked: false });
    const sys = new Sys(new SyncCaller(task), {
      start() {
        throw new Error('these tests start no programs');
      },
    });
    this.#tasks.set(sys, task);
    return sys;
  }

  /** The task whose calls those are. */
  taskOf(sys: Sys<'sync'>): Task {
    return this.#tasks.get(sys) as Task;
  }

  /** The error's name, or `ok`. */
  errorOf(call: () => unknown): string {
    try {
      call();
      return 'ok';
    } catch (error) {
      if (isErrno(error)) return error.code;
      throw error;
    }
  }

  /** Which times of an open file a call sets: `m` and `c` for a write, say. One second passes before it. */
  timesSetBy(fd: number, call: () => unknown): string {
    const before = this.sys.fstat(fd);
    this.sys.nanosleep(1e9);
    call();
    const after = this.sys.fstat(fd);
    const names = { atime: 'a', mtime: 'm', ctime: 'c' } as const;
    return (['atime', 'mtime', 'ctime'] as const)
      .filter((name) => after[name].sec !== before[name].sec)
      .map((name) => names[name])
      .join('');
  }
}
