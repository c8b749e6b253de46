import { S_IFDIR, S_IFLNK, S_IFREG } from '../abi/uapi/index.ts';
import type { System } from '../kernel/index.ts';
import type { ForeignChange, NameCount, Storage, StorageNode } from './storage.ts';
import { Tmpfs, TmpfsDirectory, TmpfsSymlink } from './tmpfs.ts';
import { TmpfsFile } from './tmpfs-file.ts';
import type { NewInode, TreeInode } from './tree-inode.ts';

/** Of what appears in the storage by itself: root's. */
const FOREIGN_FILE: NewInode = { mode: S_IFREG | 0o644, uid: 0, gid: 0 };
const FOREIGN_DIRECTORY: NewInode = { mode: S_IFDIR | 0o755, uid: 0, gid: 0 };
const FOREIGN_SYMLINK: NewInode = { mode: S_IFLNK | 0o777, uid: 0, gid: 0 };

/**
 * The tmpfs at the root of the tree: names and bytes are the storage's, everything else about an inode is kept here. Whatever somebody
 * puts into the storage is there at once, and belongs to root.
 */
export class StoredTmpfs extends Tmpfs {
  readonly type = 'tmpfs';
  readonly root: StoredDirectory;
  readonly #inodes = new WeakMap<StorageNode, TreeInode>();
  readonly #nodes = new WeakMap<TreeInode, StorageNode>();

  constructor(system: System, storage: Storage, dev: number) {
    super(system, storage, dev);
    // Emptying the storage gives it another top directory; the root stays the same for whoever works in it.
    this.root = new StoredDirectory(this, FOREIGN_DIRECTORY, storage, () => storage.root);
    storage.onForeignChange = (change) => this.#note(change);
  }

  /** The one inode of a storage node. */
  inodeOf(node: StorageNode): TreeInode {
    if (node === this.storage.root) return this.root;
    let inode = this.#inodes.get(node);
    if (inode === undefined) inode = this.#register(this.#foreign(node), node);
    // Names may have come and gone in the storage itself.
    if (!inode.isDirectory) inode.nlink = this.storage.linkCount(node);
    return inode;
  }

  nodeOf(inode: TreeInode): StorageNode {
    const node = this.#nodes.get(inode);
    if (node === undefined) throw new Error(`inode ${inode.ino} is not in the storage`);
    return node;
  }

  override newFile(attributes: NewInode): TreeInode {
    const node = this.storage.createFile();
    return this.#unnamed(new TmpfsFile(this, this.takeIno(), attributes, this.storage, node), node);
  }

  override newSymlink(target: string, attributes: NewInode): TreeInode {
    return this.#unnamed(new TmpfsSymlink(this, this.takeIno(), attributes, target), this.storage.createSymlink(target));
  }

  newDirectory(attributes: NewInode): TmpfsDirectory {
    const node = this.storage.createDirectory();
    return this.#register(new StoredDirectory(this, attributes, this.storage, () => node), node);
  }

  #foreign(node: StorageNode): TreeInode {
    switch (this.storage.typeOf(node)) {
      case S_IFDIR:
        return new StoredDirectory(this, FOREIGN_DIRECTORY, this.storage, () => node);
      case S_IFLNK:
        return new TmpfsSymlink(this, this.takeIno(), FOREIGN_SYMLINK, this.storage.target(node));
      default:
        return new TmpfsFile(this, this.takeIno(), FOREIGN_FILE, this.storage, node);
    }
  }

  #unnamed(inode: TreeInode, node: StorageNode): TreeInode {
    inode.nlink = 0;
    return this.#register(inode, node);
  }

  #register<I extends TreeInode>(inode: I, node: StorageNode): I {
    this.#inodes.set(node, inode);
    this.#nodes.set(inode, node);
    return inode;
  }

  /** Keeps times and block counts right. */
  #note({ node, what, born }: ForeignChange): void {
    const inode = this.inodeOf(node);
    if (what === 'names') inode.modified();
    else if (inode instanceof TmpfsFile) inode.changedOutside();
    if (born !== undefined) this.inodeOf(born);
  }
}

class StoredDirectory extends TmpfsDirectory {
  readonly #fs: StoredTmpfs;
  readonly #storage: Storage;
  readonly #node: () => StorageNode;

  constructor(fs: StoredTmpfs, attributes: NewInode, storage: Storage, node: () => StorageNode) {
    super(fs, attributes);
    this.#fs = fs;
    this.#storage = storage;
    this.#node = node;
  }

  lookup(name: string): TreeInode | undefined {
    const node = this.#storage.lookup(this.#node(), name);
    return node === undefined ? undefined : this.#fs.inodeOf(node);
  }

  *entries(): Iterable<readonly [string, TreeInode]> {
    for (const name of [...this.#storage.names(this.#node())].reverse()) yield [name, this.lookup(name) as TreeInode];
  }

  protected insert(name: string, inode: TreeInode): void {
    this.#storage.link(this.#node(), name, this.#fs.nodeOf(inode));
  }

  protected drop(name: string): void {
    this.#storage.unlink(this.#node(), name);
  }

  protected count(): NameCount {
    return this.#storage.count(this.#node());
  }
}
