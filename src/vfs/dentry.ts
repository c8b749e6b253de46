import { Errno } from '../abi/index.ts';
import { S_IFDIR, S_IFMT } from '../abi/uapi/index.ts';
import type { DirectoryEntry, File } from '../kernel/index.ts';
import { Directory, type TreeInode } from './tree-inode.ts';

/**
 * A name in the tree and what it leads to, as `struct dentry`. There is one per name as long as the name leads to the same inode,
 * so an open file, a working directory and a mount follow their directory when it is renamed.
 *
 * A file system is mounted at a name in a directory. The name need not exist in the directory itself: a mount survives whatever is
 * done to the storage below it.
 */
export class Dentry {
  readonly inode: TreeInode;
  #parent: Dentry | undefined;
  #name: string;
  readonly #children = new Map<string, Dentry>();
  /** Roots of what is mounted at names in this directory. */
  readonly #mounts = new Map<string, Dentry>();
  /** The root that was mounted here before, and shows again after. */
  #covered: Dentry | undefined;
  #isMounted = false;

  /** @param parent undefined for the root of the tree */
  constructor(inode: TreeInode, parent: Dentry | undefined, name: string) {
    this.inode = inode;
    this.#parent = parent;
    this.#name = name;
  }

  /** What `..` leads to. The root of the tree is its own parent. */
  get parent(): Dentry {
    return this.#parent ?? this;
  }

  get isDirectory(): boolean {
    return this.inode instanceof Directory;
  }

  get directory(): Directory {
    if (!(this.inode instanceof Directory)) throw new Errno('ENOTDIR', `${this.path} is not a directory`);
    return this.inode;
  }

  /** Whether it is the root of something mounted. */
  get isMountPoint(): boolean {
    return this.#isMounted;
  }

  /** Whether something is mounted at a name that the directory itself does not know. */
  get hasForeignMounts(): boolean {
    for (const name of this.#mounts.keys()) if (this.directory.lookup(name) === undefined) return true;
    return false;
  }

  /** Whether the name is gone, or leads to something else by now. */
  get isUnlinked(): boolean {
    return this.#parent !== undefined && !this.isMountPoint && this.#parent.directory.lookup(this.#name) !== this.inode;
  }

  /** Absolute, as /proc/self/fd shows it: with ` (deleted)` behind a name that is gone. */
  get path(): string {
    let path = '';
    for (let at: Dentry = this; at.#parent !== undefined; at = at.#parent) path = `/${at.#name}${path}`;
    return this.isUnlinked ? `${path} (deleted)` : path || '/';
  }

  /** What a name in this directory leads to, across mounts. */
  lookup(name: string): Dentry | undefined {
    const mounted = this.#mounts.get(name);
    if (mounted !== undefined) return mounted;
    const inode = this.directory.lookup(name);
    const known = this.#children.get(name);
    if (known !== undefined && known.inode === inode) return known;
    if (inode === undefined) {
      this.#children.delete(name);
      return undefined;
    }
    const child = new Dentry(inode, this, name);
    this.#children.set(name, child);
    return child;
  }

  /** Whether this is `other` or a directory above it. */
  isAncestorOf(other: Dentry): boolean {
    for (let at: Dentry | undefined = other; at !== undefined; at = at.#parent) if (at === this) return true;
    return false;
  }

  /** Lets go of what a name led to, after the file system has removed it. Who has it open keeps it. */
  forget(name: string): void {
    this.#children.delete(name);
  }

  /** Follows a rename that the file system has made. */
  moveTo(parent: Dentry, name: string): void {
    if (this.#parent !== undefined) this.#parent.#children.delete(this.#name);
    this.#parent = parent;
    this.#name = name;
    parent.#children.set(name, this);
  }

  /** Mounts a file system at a name in this directory, over what is mounted there. */
  mount(name: string, root: Directory): Dentry {
    const mounted = new Dentry(root, this, name);
    mounted.#isMounted = true;
    mounted.#covered = this.#mounts.get(name);
    this.#mounts.set(name, mounted);
    this.directory.mountPoints.add(name);
    return mounted;
  }

  /** Mounts a file system over this directory. @throws Errno EBUSY for the root of the tree */
  mountOver(root: Directory): Dentry {
    if (this.#parent === undefined) throw new Errno('EBUSY', 'nothing can be mounted over the root');
    return this.#parent.mount(this.#name, root);
  }

  /** Takes a mounted root away, also from below others. Who still works in it finds it to be a tree of its own. */
  unmount(): void {
    const parent = this.#parent as Dentry;
    const top = parent.#mounts.get(this.#name);
    if (top === this) {
      if (this.#covered !== undefined) parent.#mounts.set(this.#name, this.#covered);
      else {
        parent.#mounts.delete(this.#name);
        parent.directory.mountPoints.delete(this.#name);
      }
    }
    for (let over = top; over !== undefined; over = over.#covered) if (over.#covered === this) over.#covered = this.#covered;
    this.#parent = this.#covered = undefined;
    this.#isMounted = false;
  }

  /** Of the mount that this lies in. */
  get mountRoot(): Dentry {
    let at: Dentry = this;
    while (!at.#isMounted && at.#parent !== undefined) at = at.#parent;
    return at;
  }

  /** All names in this directory, in order: `.` and `..`, those of the file system, mounts that it does not know. */
  *entries(): Iterable<DirectoryEntry> {
    yield { name: '.', ino: this.inode.ino, type: S_IFDIR };
    yield { name: '..', ino: this.parent.inode.ino, type: S_IFDIR };
    const mounts = new Map(this.#mounts);
    for (const [name, { ino, mode }, position] of this.directory.entries()) {
      const isMount = mounts.delete(name);
      const entry = { name, ino, type: isMount ? S_IFDIR : mode & S_IFMT };
      yield position === undefined ? entry : { ...entry, position };
    }
    for (const [name, { inode }] of mounts) yield { name, ino: inode.ino, type: S_IFDIR };
  }
}

const dentries = new WeakMap<File, Dentry>();

/** Notes by which name a file was opened: `f_path`. */
export function setDentry(file: File, dentry: Dentry): void {
  dentries.set(file, dentry);
}

/** By which name a file was opened; undefined for one that has none, as a socket. */
export function dentryOf(file: File): Dentry | undefined {
  return dentries.get(file);
}
