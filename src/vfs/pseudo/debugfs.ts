/** fs/debugfs/inode.c: files that drivers show to whoever debugs them, at /sys/kernel/debug. */
import { Errno } from '../../abi/index.ts';
import { DEBUGFS_MAGIC, POLLHUP, S_IFLNK, S_IFREG } from '../../abi/uapi/index.ts';
import { type FileOperations, type MaybeKernel, MemoryFileSystem, type Stat, type System, type Task } from '../../kernel/index.ts';
import { directoryOperations } from '../directory-file.ts';
import { registerFileSystem } from '../file-system-types.ts';
import { Symlink, TreeInode } from '../tree-inode.ts';
import { ListedDirectory } from './listed-directory.ts';
import { type Gone, proxied } from './removable-file.ts';
import { type ShowRecord, seqOperations, single } from './seq-file.ts';

class Debugfs extends MemoryFileSystem {
  readonly type = 'debugfs';
  readonly magic = DEBUGFS_MAGIC;
  readonly root: DebugfsDirectory;

  constructor(system: System) {
    super(system, system.vfs.takeDev());
    this.root = new DebugfsDirectory(this, 0o700);
  }
}

const GONE: Gone = { llseek: 'EIO', ioctl: 'EIO', poll: POLLHUP };

/** A file: its length is what truncate(2) made it, and means nothing. */
class DebugfsFile extends TreeInode {
  readonly operations: FileOperations;
  #size = 0;

  constructor(fs: Debugfs, mode: number, operations: FileOperations) {
    super(fs, { ino: fs.takeIno(), mode: S_IFREG | mode });
    this.operations = proxied(operations, () => this.nlink === 0, GONE);
  }

  override get size(): number {
    return this.#size;
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: 0 };
  }

  override truncate(length: number): void {
    this.#size = length;
  }
}

class DebugfsSymlink extends Symlink {
  readonly #target: string;

  constructor(fs: Debugfs, target: string) {
    super(fs, { ino: fs.takeIno(), mode: S_IFLNK | 0o777 });
    this.#target = target;
  }

  override get size(): number {
    return Buffer.byteLength(this.#target);
  }

  target(): string {
    return this.#target;
  }
}

/** A folder, as drivers fill it and programs read it. */
export class DebugfsDirectory extends ListedDirectory {
  readonly operations: FileOperations = directoryOperations;
  readonly #fs: Debugfs;

  constructor(fs: Debugfs, mode: number) {
    super(fs, fs.takeIno(), mode);
    this.#fs = fs;
  }

  /** debugfs_create_dir. @throws Errno EEXIST */
  createDirectory(name: string): DebugfsDirectory {
    return this.#add(name, new DebugfsDirectory(this.#fs, 0o755));
  }

  /** debugfs_create_file. @throws Errno EEXIST */
  createFile(name: string, mode: number, operations: FileOperations): void {
    this.#add(name, new DebugfsFile(this.#fs, mode, operations));
  }

  /** A file that shows text made when it is read from its beginning. */
  createText(name: string, mode: number, show: (task: Task) => MaybeKernel<string>): void {
    this.createFile(
      name,
      mode,
      seqOperations(() => single(show)),
    );
  }

  /** A file that shows records one after the other. */
  createRecords(name: string, mode: number, show: ShowRecord): void {
    this.createFile(
      name,
      mode,
      seqOperations(() => show),
    );
  }

  /** debugfs_create_symlink. @throws Errno EEXIST */
  createSymlink(name: string, target: string): void {
    this.#add(name, new DebugfsSymlink(this.#fs, target));
  }

  /** debugfs_remove, recursively. Who has a file of it open gets EIO from now on. */
  remove(name: string): void {
    const node = this.names.get(name);
    if (node === undefined) throw new Error(`there is no ${name} to remove from debugfs`);
    this.names.delete(name);
    this.modified();
    if (node instanceof DebugfsDirectory) for (const inner of [...node.names.keys()]) node.remove(inner);
    node.nlink = 0;
  }

  #add<N extends TreeInode>(name: string, node: N): N {
    if (this.names.has(name)) throw new Errno('EEXIST', `there is a ${name} in debugfs already`);
    this.names.set(name, node);
    this.modified();
    return node;
  }
}

function makeDebugfs(system: System): DebugfsDirectory {
  const { root } = new Debugfs(system);
  registerFileSystem(system, { name: 'debugfs', mount: () => root });
  return root;
}

/** The top of a machine's debugfs. */
export const debugfs = (system: System): DebugfsDirectory => system.single(makeDebugfs);
