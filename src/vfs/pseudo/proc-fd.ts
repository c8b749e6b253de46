/** fs/proc/fd.c: /proc/PID/fd and /proc/PID/fdinfo. */
import { Errno } from '../../abi/index.ts';
import { O_CLOEXEC, S_IFDIR, S_IFLNK } from '../../abi/uapi/index.ts';
import {
  type Credentials,
  type FdTable,
  type File,
  type FileOperations,
  FMODE_READ,
  FMODE_WRITE,
  type Inode,
  type Stat,
  type Task,
} from '../../kernel/index.ts';
import { type Dentry, dentryOf } from '../dentry.ts';
import { Directory, TreeInode } from '../tree-inode.ts';
import { assertMayLookInto, ProcSymlink, procDirectoryOperations, procStat, TaskFile } from './proc-file.ts';
import type { Procfs } from './procfs.ts';
import { seqOperations, single } from './seq-file.ts';

/** st_size of every link. */
const LINK_SIZE = 64;

/** A file without a name, found through its link: it can be looked at, not opened again. */
class Nameless extends TreeInode {
  readonly #inode: Inode;

  constructor(inode: Inode) {
    super(inode.fs, inode);
    this.#inode = inode;
  }

  get operations(): FileOperations {
    throw new Errno('ENXIO', 'a file without a name cannot be opened again');
  }

  override stat(): Stat {
    return this.#inode.stat();
  }
}

/** What leads from a descriptor to its file, whatever the file's name has become. */
class FdLink extends ProcSymlink {
  readonly #owner: Task;
  readonly #file: File;

  constructor(fs: Procfs, owner: Task, file: File) {
    super(fs, () => file.path, LINK_SIZE);
    this.#owner = owner;
    this.#file = file;
    const rights = ((file.mode & FMODE_READ) !== 0 ? 0o500 : 0) | ((file.mode & FMODE_WRITE) !== 0 ? 0o300 : 0);
    this.mode = S_IFLNK | rights;
  }

  override target(task: Task): string {
    assertMayLookInto(task.credentials, this.#owner);
    return super.target(task);
  }

  override jump(task: Task): Dentry | TreeInode {
    assertMayLookInto(task.credentials, this.#owner);
    return dentryOf(this.#file) ?? new Nameless(this.#file.inode);
  }
}

/** A folder with one node for each descriptor. */
abstract class DescriptorFolder extends Directory {
  readonly operations: FileOperations = procDirectoryOperations;
  override readonly isFixed = true;
  protected readonly procfs: Procfs;
  protected readonly owner: Task;
  protected readonly table: FdTable;
  readonly #nodes = new WeakMap<File, Map<number, TreeInode>>();

  constructor(fs: Procfs, owner: Task, table: FdTable, mode: number) {
    super(fs, { ino: fs.takeIno(), mode: S_IFDIR | mode });
    this.procfs = fs;
    this.owner = owner;
    this.table = table;
  }

  protected abstract make(fd: number, file: File): TreeInode;

  override stat(): Stat {
    return { ...procStat(super.stat()), nlink: 2 };
  }

  lookup(name: string): TreeInode | undefined {
    const file = /^(0|[1-9][0-9]*)$/.test(name) ? this.table.at(Number(name)) : undefined;
    return file === undefined ? undefined : this.#nodeOf(Number(name), file);
  }

  *entries(): Iterable<readonly [string, TreeInode]> {
    for (const [fd, file] of this.table.entries()) yield [`${fd}`, this.#nodeOf(fd, file)];
  }

  #nodeOf(fd: number, file: File): TreeInode {
    let nodes = this.#nodes.get(file);
    if (nodes === undefined) {
      nodes = new Map();
      this.#nodes.set(file, nodes);
    }
    let node = nodes.get(fd);
    if (node === undefined) {
      node = this.make(fd, file);
      nodes.set(fd, node);
    }
    return Object.assign(node, { uid: this.owner.credentials.uid, gid: this.owner.credentials.gid });
  }
}

export class FdFolder extends DescriptorFolder {
  constructor(fs: Procfs, owner: Task, table: FdTable) {
    super(fs, owner, table, 0o500);
  }

  /** How many descriptors are open. */
  override get size(): number {
    return [...this.table.entries()].length;
  }

  protected make(_fd: number, file: File): TreeInode {
    return new FdLink(this.procfs, this.owner, file);
  }
}

export class FdinfoFolder extends DescriptorFolder {
  constructor(fs: Procfs, owner: Task, table: FdTable) {
    super(fs, owner, table, 0o555);
  }

  /** proc_permission_fdinfo: the mode alone would let everybody in. */
  override permit(credentials: Credentials, mask: number): void {
    assertMayLookInto(credentials, this.owner);
    super.permit(credentials, mask);
  }

  protected make(fd: number): TreeInode {
    const { owner, table } = this;
    const show = () => {
      const file = table.at(fd);
      if (file === undefined) throw new Errno('ENOENT', `descriptor ${fd} is not open`);
      const flags = file.flags | (table.closeOnExec(fd) ? O_CLOEXEC : 0);
      const mount = owner.system.vfs.mountIdOf(file);
      const lines = `pos:\t${file.position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${mount}\nino:\t${file.inode.ino}\n`;
      return lines + (file.ops.showFdinfo?.(file) ?? '');
    };
    const { open, ...rest } = seqOperations(() => single(show));
    return new TaskFile(this.procfs, 0o444, {
      ...rest,
      open(file, task) {
        assertMayLookInto(task.credentials, owner);
        return open?.(file, task);
      },
    });
  }
}
