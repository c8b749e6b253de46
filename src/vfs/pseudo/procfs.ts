/** fs/proc: what the kernel tells about itself and its tasks, at /proc. */
import { Errno } from '../../abi/index.ts';
import { PROC_SUPER_MAGIC } from '../../abi/uapi/index.ts';
import { type FileOperations, MemoryFileSystem, type Stat, type System } from '../../kernel/index.ts';
import { registerFileSystem } from '../file-system-types.ts';
import type { TreeInode } from '../tree-inode.ts';
import { ListedDirectory } from './listed-directory.ts';
import { linesOperations, ProcSymlink, procDirectoryOperations, procStat, RegisteredFile } from './proc-file.ts';
import { TaskFolders } from './proc-task.ts';

export class Procfs extends MemoryFileSystem {
  readonly type = 'proc';
  readonly magic = PROC_SUPER_MAGIC;
  readonly root: ProcDirectory;

  constructor(system: System) {
    super(system, system.vfs.takeDev());
    this.root = new ProcRoot(this);
  }
}

/** A folder of /proc, as drivers fill it. Shorter names are listed first. */
export class ProcDirectory extends ListedDirectory {
  readonly operations: FileOperations = procDirectoryOperations;
  override readonly isFixed = true;
  protected readonly procfs: Procfs;

  constructor(fs: Procfs) {
    super(fs, fs.takeIno(), 0o555);
    this.procfs = fs;
  }

  override stat(): Stat {
    return procStat(super.stat());
  }

  override entries(): Iterable<readonly [string, TreeInode]> {
    return [...this.names].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
  }

  /** proc_mkdir. @throws Errno EEXIST */
  createDirectory(name: string): ProcDirectory {
    return this.add(name, new ProcDirectory(this.procfs));
  }

  /** proc_create. @throws Errno EEXIST */
  createFile(name: string, mode: number, operations: FileOperations): void {
    this.add(name, new RegisteredFile(this.procfs, mode, operations));
  }

  /** A file of lines, each with its newline. */
  createLines(name: string, mode: number, lines: () => readonly string[]): void {
    this.createFile(name, mode, linesOperations(lines));
  }

  /** proc_symlink. */
  createSymlink(name: string, target: string): void {
    this.add(name, new ProcSymlink(this.procfs, () => target, Buffer.byteLength(target)));
  }

  /** remove_proc_subtree. Who has a file of it open gets EIO from now on. */
  remove(name: string): void {
    const node = this.names.get(name);
    if (node === undefined) throw new Error(`there is no ${name} to remove from /proc`);
    this.names.delete(name);
    if (node instanceof ProcDirectory) {
      node.forgetUnseen();
      for (const inner of [...node.names.keys()]) node.remove(inner);
    }
    node.nlink = 0;
    this.procfs.system.vfs.onChange?.();
  }

  /** A node of any kind. @throws Errno EEXIST */
  add<N extends TreeInode>(name: string, node: N): N {
    if (this.names.has(name)) throw new Errno('EEXIST', `there is a ${name} in /proc already`);
    this.names.set(name, node);
    this.procfs.system.vfs.onChange?.();
    return node;
  }
}

/** /proc itself: the kernel's files, the caller, and a folder for each process. */
class ProcRoot extends ProcDirectory {
  readonly #tasks: TaskFolders;
  readonly #self: ProcSymlink;

  constructor(fs: Procfs) {
    super(fs);
    this.#tasks = new TaskFolders(fs);
    this.#self = new ProcSymlink(fs, (task) => `${task.tgid}`);
  }

  override stat(): Stat {
    const stat = super.stat();
    return { ...stat, nlink: stat.nlink + this.#tasks.processes().length };
  }

  override lookup(name: string): TreeInode | undefined {
    if (name === 'self') return this.#self;
    return super.lookup(name) ?? this.#tasks.lookup(name);
  }

  override *entries(): Iterable<readonly [string, TreeInode]> {
    yield* super.entries();
    yield ['self', this.#self];
    yield* this.#tasks.processes();
  }
}

function makeProcfs(system: System): ProcDirectory {
  const { root } = new Procfs(system);
  registerFileSystem(system, { name: 'proc', mount: () => root });
  return root;
}

/** The top of a machine's /proc. */
export const procfs = (system: System): ProcDirectory => system.single(makeProcfs);
