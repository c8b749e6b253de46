/** fs/proc/base.c: /proc/PID. */
import { Errno } from '../../abi/index.ts';
import { S_IFDIR } from '../../abi/uapi/index.ts';
import { FdTable, type FileOperations, type Stat, type System, type Task } from '../../kernel/index.ts';
import type { Dentry } from '../dentry.ts';
import { Directory, type TreeInode } from '../tree-inode.ts';
import { FdFolder, FdinfoFolder } from './proc-fd.ts';
import { assertMayLookInto, ProcSymlink, procDirectoryOperations, procStat, TaskFile } from './proc-file.ts';
import type { Procfs } from './procfs.ts';
import { seqOperations, single } from './seq-file.ts';

/** Bytes of a command's name. */
const COMM_MAX = 15;
/** Visitors whose folders are kept. */
const VISITORS_MAX = 64;

/** A link to a place in the tree that a task has: `cwd`, `root`. */
class PlaceLink extends ProcSymlink {
  readonly #owner: Task;
  readonly #place: () => Dentry;

  constructor(fs: Procfs, owner: Task, place: () => Dentry) {
    super(fs, () => place().path);
    this.#owner = owner;
    this.#place = place;
  }

  override target(task: Task): string {
    assertMayLookInto(task.credentials, this.#owner);
    return super.target(task);
  }

  override jump(task: Task): Dentry {
    assertMayLookInto(task.credentials, this.#owner);
    return this.#place();
  }
}

const isListed = (task: Task) => task.system.tasks.get(task.pid) === task;

/** Who calls, if its door has not listed it: such a task is there for the call. */
function visitor(system: System): Task | undefined {
  const { current } = system.scheduler;
  return current === undefined || system.tasks.get(current.pid) !== undefined ? undefined : current;
}

/** Whether the task is still there: it is listed, or its process calls. */
const isAlive = (owner: Task) => isListed(owner) || visitor(owner.system)?.pid === owner.pid;

/** @throws Errno ESRCH */
function assertAlive(owner: Task): void {
  if (!isAlive(owner)) throw new Errno('ESRCH', `${owner.describe()} has ended`);
}

const text = (owner: Task, show: () => string): FileOperations =>
  seqOperations(() =>
    single(() => {
      assertAlive(owner);
      return show();
    }),
  );

const lines = (list: () => Iterable<string>): FileOperations => seqOperations(() => (index) => [...list()][index]);

/** comm_write: threads of the process may name each other. What is too long is cut off. */
const commOperations = (owner: Task): FileOperations => ({
  ...text(owner, () => `${owner.comm}\n`),
  *write(_file, from, _at, task) {
    const length = from.remaining;
    const bytes = yield* from.take(Math.min(length, COMM_MAX));
    assertAlive(owner);
    if (task.tgid !== owner.tgid) throw new Errno('EINVAL', 'only the process itself changes its name');
    const [name = ''] = Buffer.from(bytes).toString('latin1').split('\0');
    owner.comm = name;
    return length;
  },
});

/** proc_pid_status, as far as tasks here have it. */
function status(task: Task): string {
  const { uid, gid, groups } = task.credentials;
  const { tasks, scheduler } = task.system;
  const ids = (id: number) => Array(4).fill(id).join('\t');
  const fields: readonly (readonly [string, string | number])[] = [
    ['Name', task.comm],
    ['Umask', task.fs.umask.toString(8).padStart(4, '0')],
    ['State', scheduler.current?.pid === task.pid ? 'R (running)' : 'S (sleeping)'],
    ['Tgid', task.tgid],
    ['Ngid', 0],
    ['Pid', task.pid],
    ['PPid', task.parent?.tgid === task.tgid ? (task.parent.parent?.pid ?? 0) : (task.parent?.pid ?? 0)],
    ['TracerPid', 0],
    ['Uid', ids(uid)],
    ['Gid', ids(gid)],
    ['Groups', `${groups.map((group) => `${group} `).join('')}`],
    ['Threads', Math.max(1, tasks.all().filter(({ tgid }) => tgid === task.tgid).length)],
  ];
  return fields.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

/** The folder of one task. */
class TaskFolder extends Directory {
  readonly operations: FileOperations = procDirectoryOperations;
  override readonly isFixed = true;
  readonly #owner: Task;
  readonly #nodes: ReadonlyMap<string, TreeInode>;

  constructor(fs: Procfs, owner: Task) {
    super(fs, { ino: fs.takeIno(), mode: S_IFDIR | 0o555 });
    this.#owner = owner;
    const { system } = owner;
    const file = (mode: number, operations: FileOperations) => new TaskFile(fs, mode, operations);
    const root = (system.vfs.initialContext().cwd as Dentry).mountRoot;
    const nodes: [string, TreeInode][] = [
      // The descriptors of a visitor are its door's.
      ...(owner.files instanceof FdTable && isListed(owner)
        ? ([
            ['fd', new FdFolder(fs, owner, owner.files)],
            ['fdinfo', new FdinfoFolder(fs, owner, owner.files)],
          ] as [string, TreeInode][])
        : []),
      [
        'status',
        file(
          0o444,
          text(owner, () => status(owner)),
        ),
      ],
      ['comm', file(0o644, commOperations(owner))],
      [
        'cmdline',
        file(
          0o444,
          text(owner, () => `${owner.comm}\0`),
        ),
      ],
      ['cwd', new PlaceLink(fs, owner, () => owner.fs.cwd as Dentry)],
      ['root', new PlaceLink(fs, owner, () => root)],
      [
        'mounts',
        file(
          0o444,
          lines(() => system.vfs.describeMounts()),
        ),
      ],
      [
        'mountinfo',
        file(
          0o444,
          lines(() => system.vfs.describeMountInfo()),
        ),
      ],
    ];
    this.#nodes = new Map(nodes);
  }

  override stat(): Stat {
    const directories = [...this.#nodes.values()].filter(({ isDirectory }) => isDirectory).length;
    return { ...procStat(super.stat()), nlink: 2 + directories };
  }

  lookup(name: string): TreeInode | undefined {
    return isAlive(this.#owner) ? this.#nodes.get(name) : undefined;
  }

  entries(): Iterable<readonly [string, TreeInode]> {
    assertAlive(this.#owner);
    return this.#nodes;
  }

  /** The task's user is the files' owner, whoever that is by now. */
  refresh(): this {
    const { uid, gid } = this.#owner.credentials;
    for (const node of [this, ...this.#nodes.values()]) Object.assign(node, { uid, gid });
    return this;
  }
}

/** Folders of tasks, made when they are first looked at. */
export class TaskFolders {
  readonly #fs: Procfs;
  readonly #folders = new WeakMap<Task, TaskFolder>();
  /** By number, those who came last at the end: each call of a visitor may be a task of its own, but all have one folder. */
  readonly #visitors = new Map<number, Task>();

  constructor(fs: Procfs) {
    this.#fs = fs;
  }

  /** Of a task, be it a process or a thread. @param name its number */
  lookup(name: string): TreeInode | undefined {
    if (!/^[1-9][0-9]*$/.test(name)) return undefined;
    const calling = this.#visitor();
    const task = this.#fs.system.tasks.get(Number(name)) ?? (calling?.pid === Number(name) ? calling : undefined);
    return task === undefined ? undefined : this.#folderOf(task);
  }

  /** All processes by number. */
  processes(): readonly (readonly [string, TreeInode])[] {
    const calling = this.#visitor();
    return [...this.#fs.system.tasks.all(), ...(calling === undefined ? [] : [calling])]
      .filter(({ pid, tgid }) => pid === tgid)
      .sort((a, b) => a.pid - b.pid)
      .map((task) => [`${task.pid}`, this.#folderOf(task)]);
  }

  #visitor(): Task | undefined {
    const calling = visitor(this.#fs.system);
    if (calling === undefined) return undefined;
    const known = this.#visitors.get(calling.pid);
    const task = known?.comm === calling.comm ? known : calling;
    this.#visitors.delete(task.pid);
    this.#visitors.set(task.pid, task);
    for (const [oldest] of this.#visitors) if (this.#visitors.size > VISITORS_MAX) this.#visitors.delete(oldest);
    return task;
  }

  #folderOf(task: Task): TaskFolder {
    let folder = this.#folders.get(task);
    if (folder === undefined) {
      folder = new TaskFolder(this.#fs, task);
      this.#folders.set(task, folder);
    }
    return folder.refresh();
  }
}
