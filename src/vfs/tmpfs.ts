import { Errno } from '../abi/index.ts';
import { S_IFDIR, S_IFMT, TMPFS_MAGIC } from '../abi/uapi/index.ts';
import { type FileOperations, type FileSystem, MemoryFileSystem, type Stat, type System } from '../kernel/index.ts';
import { directoryOperations } from './directory-file.ts';
import type { NameCount, Storage } from './storage.ts';
import { TmpfsFile } from './tmpfs-file.ts';
import { Directory, type NewInode, Symlink, type TreeInode } from './tree-inode.ts';

/** What each name adds to the size of its directory (BOGO_DIRENT_SIZE of mm/shmem.c); `.` and `..` count. */
const NAME_SIZE = 20;
/** Targets of so many bytes, the NUL included, take no page of their own (SHORT_SYMLINK_LEN). */
const SHORT_TARGET_MAX = 128;

/** A file system in memory, as far as all of them are alike: mm/shmem.c. */
export abstract class Tmpfs extends MemoryFileSystem {
  readonly keepsBirth = true;
  readonly xattrs = ['trusted.', 'security.', 'user.'];
  readonly magic = TMPFS_MAGIC;
  protected readonly storage: Storage;

  constructor(system: System, storage: Storage, dev: number) {
    super(system, dev);
    this.storage = storage;
  }

  /** A new file without a name. */
  newFile(attributes: NewInode): TreeInode {
    const file = new TmpfsFile(this, this.takeIno(), attributes, this.storage, this.storage.createFile());
    file.nlink = 0;
    return file;
  }

  abstract newDirectory(attributes: NewInode): TmpfsDirectory;

  /** A new symlink without a name. */
  newSymlink(target: string, attributes: NewInode): TreeInode {
    const symlink = new TmpfsSymlink(this, this.takeIno(), attributes, target);
    symlink.nlink = 0;
    return symlink;
  }
}

export class TmpfsSymlink extends Symlink {
  readonly #target: string;
  readonly #length: number;

  constructor(fs: FileSystem, ino: number, attributes: NewInode, target: string) {
    super(fs, { ino, ...attributes });
    this.#target = target;
    this.#length = Buffer.byteLength(target);
  }

  override get size(): number {
    return this.#length;
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: this.#length < SHORT_TARGET_MAX ? 0 : 8 };
  }

  target(): string {
    return this.#target;
  }
}

/** A directory of tmpfs, which lists its newest name first. Where the names are kept is left to the file system. */
export abstract class TmpfsDirectory extends Directory {
  readonly #tmpfs: Tmpfs;

  constructor(fs: Tmpfs, attributes: NewInode) {
    super(fs, { ino: fs.takeIno(), ...attributes });
    this.#tmpfs = fs;
  }

  /** Puts an inode behind a name that is free. */
  protected abstract insert(name: string, inode: TreeInode): void;
  protected abstract drop(name: string): void;
  /** Of what {@link insert} put there. */
  protected abstract count(): NameCount;

  get operations(): FileOperations {
    return directoryOperations;
  }

  override get size(): number {
    return NAME_SIZE * (2 + this.count().names + this.#mountPointsOnly());
  }

  override stat(): Stat {
    const nlink = this.nlink === 0 ? 0 : 2 + this.count().directories + this.#mountPointsOnly();
    return { ...super.stat(), nlink, blocks: 0 };
  }

  override create(name: string, attributes: NewInode): TreeInode {
    return this.#add(name, this.#tmpfs.newFile(attributes));
  }

  override mkdir(name: string, attributes: NewInode): TmpfsDirectory {
    const directory = this.#tmpfs.newDirectory(attributes);
    this.insert(name, directory);
    this.modified();
    return directory;
  }

  override symlink(name: string, target: string, attributes: NewInode): TreeInode {
    return this.#add(name, this.#tmpfs.newSymlink(target, attributes));
  }

  override link(name: string, inode: TreeInode): void {
    this.#add(name, inode);
    inode.ctime = this.ctime;
  }

  override unlink(name: string, inode: TreeInode): void {
    this.drop(name);
    this.modified();
    inode.nlink--;
    inode.ctime = this.ctime;
  }

  override rmdir(name: string, inode: Directory): void {
    refuseNames(inode);
    this.drop(name);
    this.modified();
    inode.nlink = 0;
    inode.ctime = this.ctime;
  }

  override rename(name: string, inode: TreeInode, to: TmpfsDirectory, newName: string, replaced: TreeInode | undefined): void {
    if (replaced instanceof Directory) to.rmdir(newName, replaced);
    else if (replaced !== undefined) to.unlink(newName, replaced);
    if (inode.isDirectory) {
      this.drop(name);
      to.insert(newName, inode);
    } else {
      // A storage forgets what has no name left.
      to.insert(newName, inode);
      this.drop(name);
    }
    this.modified();
    to.modified();
    inode.ctime = this.ctime;
  }

  override temporary(attributes: NewInode): TreeInode {
    return this.#tmpfs.newFile(attributes);
  }

  #mountPointsOnly(): number {
    let count = 0;
    for (const name of this.mountPoints) if (this.lookup(name) === undefined) count++;
    return count;
  }

  #add(name: string, inode: TreeInode): TreeInode {
    this.insert(name, inode);
    inode.nlink++;
    this.modified();
    return inode;
  }
}

function refuseNames(directory: Directory): void {
  for (const [name] of directory.entries()) throw new Errno('ENOTEMPTY', `${name} is in it`);
}

/** A directory whose names are kept here, whatever they lead to. */
export class MemoryDirectory extends TmpfsDirectory {
  readonly #entries = new Map<string, TreeInode>();

  lookup(name: string): TreeInode | undefined {
    return this.#entries.get(name);
  }

  entries(): Iterable<readonly [string, TreeInode]> {
    return [...this.#entries].reverse();
  }

  /** Adds what no call makes: a device node. */
  add(name: string, inode: TreeInode): void {
    this.insert(name, inode);
    this.modified();
  }

  protected insert(name: string, inode: TreeInode): void {
    this.#entries.set(name, inode);
  }

  protected drop(name: string): void {
    this.#entries.delete(name);
  }

  protected count(): NameCount {
    let directories = 0;
    for (const { mode } of this.#entries.values()) if ((mode & S_IFMT) === S_IFDIR) directories++;
    return { names: this.#entries.size, directories };
  }
}
