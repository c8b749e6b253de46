import { S_IFCHR, S_IFDIR } from '../abi/uapi/index.ts';
import type { FileOperations, NodeMaker, System } from '../kernel/index.ts';
import type { Storage } from './storage.ts';
import { MemoryDirectory, Tmpfs } from './tmpfs.ts';
import { type Directory, type NewInode, TreeInode } from './tree-inode.ts';

/** A character device's node. Who serves its number is asked at each open. */
export class DeviceNode extends TreeInode {
  readonly #system: System;

  constructor(system: System, fs: Tmpfs, attributes: NewInode, rdev: number) {
    super(fs, { ino: fs.takeIno(), rdev, ...attributes });
    this.#system = system;
  }

  get operations(): FileOperations {
    return this.#system.devices.lookup(this.rdev).ops;
  }
}

/**
 * The file system at /dev (drivers/base/devtmpfs.c): a tmpfs in which nodes come and go with their devices. Programs can use it as any
 * tmpfs; what they make there, the kernel does not remove.
 */
export class Devtmpfs extends Tmpfs implements NodeMaker {
  readonly type = 'devtmpfs';
  readonly root: MemoryDirectory;
  readonly #system: System;
  /** What the kernel has made. */
  readonly #own = new WeakSet<TreeInode>();

  constructor(system: System, storage: Storage, dev: number) {
    super(system, storage, dev);
    this.#system = system;
    this.root = this.newDirectory({ mode: S_IFDIR | 0o755, uid: 0, gid: 0 });
  }

  newDirectory(attributes: NewInode): MemoryDirectory {
    return new MemoryDirectory(this, attributes);
  }

  /** A node whose name a program has taken does not come; the kernel says so in its log and goes on, as Linux does. */
  createNode(path: string, mode: number, rdev: number): void {
    const names = path.split('/');
    const name = names.pop() as string;
    const directory = this.#makeFolders(names);
    if (directory === undefined || directory.lookup(name) !== undefined) {
      this.#system.log.print('warn', `devtmpfs: error creating ${path}: something else has its name`);
      return;
    }
    const node = new DeviceNode(this.#system, this, { mode: S_IFCHR | mode, uid: 0, gid: 0 }, rdev);
    this.#own.add(node);
    directory.add(name, node);
  }

  /** Takes the node away, if it is still the one that was made, and then the folders made for it that are empty now. */
  removeNode(path: string, rdev: number): void {
    const names = path.split('/');
    const name = names.pop() as string;
    const folders = this.#folders(names);
    const directory = folders?.at(-1);
    const node = directory?.lookup(name);
    if (folders === undefined || directory === undefined || node === undefined || !this.#own.has(node) || node.rdev !== rdev) return;
    // Whoever has another link to it cannot open it any more.
    node.mode &= ~0o777;
    node.uid = node.gid = 0;
    directory.unlink(name, node);
    for (let depth = names.length; depth > 0; depth--) {
      const folder = folders[depth] as MemoryDirectory;
      if (!this.#own.has(folder) || !isEmpty(folder)) return;
      folders[depth - 1]?.rmdir(names[depth - 1] as string, folder);
    }
  }

  #makeFolders(names: readonly string[]): MemoryDirectory | undefined {
    let at = this.root;
    for (const name of names) {
      let next = at.lookup(name);
      if (next === undefined) {
        next = at.mkdir(name, { mode: S_IFDIR | 0o755, uid: 0, gid: 0 });
        this.#own.add(next);
      }
      if (!(next instanceof MemoryDirectory)) return undefined;
      at = next;
    }
    return at;
  }

  /** The root and each folder on a path; undefined when one is missing. */
  #folders(names: readonly string[]): MemoryDirectory[] | undefined {
    const folders = [this.root];
    for (const name of names) {
      const next = folders.at(-1)?.lookup(name);
      if (!(next instanceof MemoryDirectory)) return undefined;
      folders.push(next);
    }
    return folders;
  }
}

function isEmpty(directory: Directory): boolean {
  for (const _ of directory.entries()) return false;
  return true;
}
