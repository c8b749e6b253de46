/** fs/kernfs: the tree that sysfs is, as both sides see it: programs through the calls, the kernel as {@link SysfsDirectory}. */
import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE, S_IFDIR, S_IFLNK, S_IFREG } from '../../abi/uapi/index.ts';
import {
  type Attribute,
  type AttributeGroup,
  type BinaryAttribute,
  type FileOperations,
  MemoryFileSystem,
  type Stat,
  type SysfsDirectory,
  type System,
} from '../../kernel/index.ts';
import { Directory, Symlink, type TreeInode } from '../tree-inode.ts';
import { kernfsDirectoryOperations, operationsOf } from './kernfs-file.ts';
import { type Content, KernfsFile } from './kernfs-node.ts';
import { nameHash } from './name-hash.ts';

/** A file system of kernfs nodes. */
export class Kernfs extends MemoryFileSystem {
  readonly type: string;
  readonly magic: number;
  readonly root: KernfsDirectory;
  /** Called when a name has come or gone. */
  readonly changed: () => void;

  constructor(system: System, type: string, magic: number, dev: number, changed: () => void) {
    super(system, dev);
    this.changed = changed;
    this.type = type;
    this.magic = magic;
    this.root = new KernfsDirectory(this, undefined, '', 0o555);
  }
}

class KernfsSymlink extends Symlink {
  readonly #target: string;

  constructor(fs: Kernfs, target: string) {
    super(fs, { ino: fs.takeIno(), mode: S_IFLNK | 0o777 });
    this.#target = target;
  }

  target(): string {
    return this.#target;
  }
}

const refused = (what: string) => new Errno('EPERM', `the names of this file system are the kernel's: no ${what}`);

/** kernfs_get_target_path: from one folder to another, by the nearest folder that both lie in. */
function relativePath(from: string, to: string): string {
  const above = from.split('/').slice(1);
  const names = to.split('/').slice(1);
  let shared = 0;
  while (shared < above.length && shared < names.length - 1 && above[shared] === names[shared]) shared++;
  return [...above.slice(shared).map(() => '..'), ...names.slice(shared)].join('/');
}

/** A folder. Names are listed by their hash, as Linux does, so a listing can go on whatever comes and goes. */
export class KernfsDirectory extends Directory implements SysfsDirectory {
  readonly operations: FileOperations = kernfsDirectoryOperations;
  readonly #fs: Kernfs;
  readonly #parent: KernfsDirectory | undefined;
  readonly #name: string;
  readonly #known = new Map<string, TreeInode>();
  /** What makes the names when somebody first looks. */
  #fill: ((directory: KernfsDirectory) => void) | undefined;
  /** Sorted by hash; undefined after a change. */
  #order: string[] | undefined;
  #subdirectories = 0;
  #isGone = false;

  constructor(fs: Kernfs, parent: KernfsDirectory | undefined, name: string, mode: number) {
    super(fs, { ino: fs.takeIno(), mode: S_IFDIR | mode });
    this.#fs = fs;
    this.#parent = parent;
    this.#name = name;
  }

  get path(): string {
    return this.#parent === undefined ? '' : `${this.#parent.path}/${this.#name}`;
  }

  override stat(): Stat {
    this.#see();
    return { ...super.stat(), nlink: 2 + this.#subdirectories };
  }

  #see(): void {
    const fill = this.#fill;
    this.#fill = undefined;
    fill?.(this);
  }

  get #nodes(): Map<string, TreeInode> {
    this.#see();
    return this.#known;
  }

  // ---- as programs see it -------------------------------------------------------

  lookup(name: string): TreeInode | undefined {
    return this.#nodes.get(name);
  }

  *entries(): Iterable<readonly [string, TreeInode, number]> {
    this.#order ??= [...this.#nodes.keys()].sort((a, b) => nameHash(a) - nameHash(b) || (a < b ? -1 : 1));
    for (const name of this.#order) yield [name, this.#nodes.get(name) as TreeInode, nameHash(name)];
  }

  override mkdir(): never {
    throw refused('mkdir');
  }

  override rmdir(): never {
    throw refused('rmdir');
  }

  override rename(): never {
    throw refused('rename');
  }

  // ---- as the kernel sees it ----------------------------------------------------

  has(name: string): boolean {
    return this.#nodes.has(name);
  }

  createDirectory(name: string, fill?: (directory: KernfsDirectory) => void): KernfsDirectory {
    const made = this.#addDirectory(name, 0o755);
    made.#fill = fill;
    return made;
  }

  createMountPoint(name: string): void {
    this.#addDirectory(name, 0o555);
  }

  #addDirectory(name: string, mode: number): KernfsDirectory {
    return this.#add(name, () => new KernfsDirectory(this.#fs, this, name, mode));
  }

  createFile(attribute: Attribute): void {
    this.#createFile(attribute, { kind: 'text', attribute });
  }

  createBinaryFile(attribute: BinaryAttribute): void {
    this.#createFile(attribute, { kind: 'binary', attribute });
  }

  createLink(name: string, target: SysfsDirectory): void {
    this.#add(name, () => new KernfsSymlink(this.#fs, relativePath(this.path, target.path)));
  }

  createGroup({ name, attributes = [], binaryAttributes = [] }: AttributeGroup): void {
    const at = name === undefined ? this : this.createDirectory(name);
    for (const attribute of attributes) at.createFile(attribute);
    for (const attribute of binaryAttributes) at.createBinaryFile(attribute);
  }

  removeGroup({ name, attributes = [], binaryAttributes = [] }: AttributeGroup): void {
    if (name !== undefined) this.remove(name);
    else for (const attribute of [...attributes, ...binaryAttributes]) this.remove(attribute.name);
  }

  remove(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`there is no ${name} in ${this.fs.type}${this.path}`);
    this.#nodes.delete(name);
    this.#order = undefined;
    if (node instanceof KernfsDirectory) {
      this.#subdirectories--;
      node.#isGone = true;
      node.#fill = undefined;
      node.#removeAll();
    }
    if (node instanceof KernfsFile) node.deactivate();
    this.modified();
    this.#fs.changed();
  }

  notify(name: string): void {
    const node = this.#nodes.get(name);
    if (!(node instanceof KernfsFile)) throw new Error(`there is no file ${name} in ${this.fs.type}${this.path}`);
    node.notify();
  }

  #removeAll(): void {
    for (const name of [...this.#nodes.keys()]) this.remove(name);
  }

  #createFile({ name, mode }: Attribute | BinaryAttribute, content: Content): void {
    const size = content.kind === 'text' ? PAGE_SIZE : (content.attribute.size ?? 0);
    const attributes = { ino: 0, mode: S_IFREG | mode };
    this.#add(
      name,
      () => new KernfsFile(this.#fs, { ...attributes, ino: this.#fs.takeIno() }, this.path, name, content, size, operationsOf(content)),
    );
  }

  #add<N extends TreeInode>(name: string, make: () => N): N {
    if (this.#isGone) throw new Errno('ENOENT', `${this.path} has been removed`);
    if (this.#nodes.has(name)) throw new Errno('EEXIST', `there is a ${name} in ${this.fs.type}${this.path} already`);
    const node = make();
    this.#nodes.set(name, node);
    this.#order = undefined;
    if (node instanceof KernfsDirectory) this.#subdirectories++;
    this.modified();
    this.#fs.changed();
    return node;
  }
}
