import { Volume } from 'memfs';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../abi/uapi/index.ts';
import type { ForeignChange, NameCount, Storage, StorageNode } from './storage.ts';

type Superblock = Volume['_core'];
/** A name in memfs; of a directory there is one. */
type Link = Superblock['root'];
/** An inode of memfs. */
type Node = ReturnType<Link['getNode']>;

/** FsEventType of memfs, a const enum that its package does not export. */
const CREATE = 0;
const DELETE = 1;
const MODIFY = 2;
const MOVE = 4;

const nodeOf = (node: StorageNode) => node as unknown as Node;
const handleOf = (node: Node) => node as unknown as StorageNode;

/** The machine's root, whoever runs the tests: memfs asks for the uid when it makes a node. */
const PROCESS = { cwd: () => '/', getuid: () => 0, getgid: () => 0, platform: 'linux', emitWarning() {}, env: {} };

/**
 * Bytes and names in a memfs volume. It works on memfs's links and nodes, below the calls of `Volume`, which check permissions of
 * the host's user. Modes that memfs shows allow everything to everybody, so that tests can use the volume as any user.
 */
export class MemfsStorage implements Storage {
  readonly volume: Volume = Volume.fromJSON({}, '/', { process: PROCESS });
  onForeignChange: ((change: ForeignChange) => void) | undefined;
  readonly #core: Superblock = this.volume._core;
  /** The name of each directory that has been met. */
  readonly #links = new WeakMap<Node, Link>();

  constructor() {
    // Only calls of the volume are announced there: what this class does goes on below it.
    this.#core.changes.listen(({ type, node, link }) => {
      if (type === MODIFY) this.onForeignChange?.({ node: handleOf(node), what: 'bytes' });
      const parent = link.parent;
      if (parent === undefined || (type !== CREATE && type !== DELETE && type !== MOVE)) return;
      const directory = this.#met(parent);
      this.onForeignChange?.({ node: directory, what: 'names', ...(type === CREATE ? { born: this.#met(link) } : {}) });
    });
  }

  get root(): StorageNode {
    return this.#met(this.#core.root);
  }

  typeOf(node: StorageNode): number {
    const inner = nodeOf(node);
    return inner.isDirectory() ? S_IFDIR : inner.isSymlink() ? S_IFLNK : S_IFREG;
  }

  lookup(directory: StorageNode, name: string): StorageNode | undefined {
    const link = this.#linkOf(directory).children.get(name);
    return link === undefined ? undefined : this.#met(link);
  }

  *names(directory: StorageNode): Iterable<string> {
    for (const name of this.#linkOf(directory).children.keys()) if (name !== '.' && name !== '..') yield name;
  }

  count(directory: StorageNode): NameCount {
    let names = 0;
    let directories = 0;
    for (const [name, link] of this.#linkOf(directory).children) {
      if (name === '.' || name === '..') continue;
      names++;
      if (link?.getNode().isDirectory()) directories++;
    }
    return { names, directories };
  }

  linkCount(node: StorageNode): number {
    return nodeOf(node).nlink;
  }

  link(directory: StorageNode, name: string, node: StorageNode): void {
    const inner = nodeOf(node);
    const parent = this.#linkOf(directory);
    if (inner.isDirectory()) {
      const link = this.#linkOf(node);
      link.name = name;
      parent.setChild(name, link);
      link.syncSteps();
    } else {
      parent.createChild(name, inner);
      inner.nlink++;
      this.#core.inodes[inner.ino] = inner;
    }
  }

  unlink(directory: StorageNode, name: string): void {
    const parent = this.#linkOf(directory);
    const link = parent.children.get(name);
    if (link === undefined) return;
    parent.deleteChild(link);
    const node = link.getNode();
    if (node.isDirectory()) return;
    node.nlink--;
    if (node.nlink === 0) this.#core.deleteNode(node);
  }

  createFile(): StorageNode {
    const node = this.#core.createNode(S_IFREG | 0o666);
    node.nlink = 0;
    // memfs would keep it for good: it forgets a node when its last name goes.
    delete this.#core.inodes[node.ino];
    return handleOf(node);
  }

  createDirectory(): StorageNode {
    const link = this.#core.createLink();
    const node = this.#core.createNode(S_IFDIR | 0o777);
    link.setNode(node);
    link.children.set('.', link);
    node.nlink++;
    return this.#met(link);
  }

  createSymlink(target: string): StorageNode {
    const node = this.createFile();
    nodeOf(node).makeSymlink(target);
    return node;
  }

  target(symlink: StorageNode): string {
    return nodeOf(symlink).symlink;
  }

  size(file: StorageNode): number {
    return nodeOf(file).getSize();
  }

  bytes(file: StorageNode): Uint8Array {
    const node = nodeOf(file);
    return node.buf.subarray(0, node.getSize());
  }

  write(file: StorageNode, at: number, bytes: Uint8Array): void {
    nodeOf(file).write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, at);
  }

  resize(file: StorageNode, length: number): void {
    nodeOf(file).truncate(length);
  }

  #linkOf(directory: StorageNode): Link {
    const link = this.#links.get(nodeOf(directory));
    if (link === undefined) throw new Error('the storage node is not a directory');
    return link;
  }

  /** Notes the name of a directory on the way. */
  #met(link: Link): StorageNode {
    const node = link.getNode();
    if (node.isDirectory()) this.#links.set(node, link);
    return handleOf(node);
  }
}
