import { Errno } from '../../abi/index.ts';
import type { Attribute, BinaryAttribute, FileOperations, FileSystem, InodeAttributes, Stat } from '../../kernel/index.ts';
import { WaitQueue } from '../../kernel/index.ts';
import { TreeInode } from '../tree-inode.ts';

/** What a file of kernfs shows. */
export type Content =
  | { readonly kind: 'text'; readonly attribute: Attribute }
  | { readonly kind: 'binary'; readonly attribute: BinaryAttribute };

/** s_maxbytes of kernfs: MAX_NON_LFS. */
export const POSITION_MAX = 0x7fffffff;

/** A file of kernfs. It may be gone while programs still have it open. */
export class KernfsFile extends TreeInode {
  readonly operations: FileOperations;
  readonly content: Content;
  readonly changed: WaitQueue;
  readonly #size: number;
  /** Counts notifications; who opens the file has seen none of them, not even the first. */
  event = 1;
  isActive = true;

  constructor(
    fs: FileSystem,
    attributes: InodeAttributes,
    folder: string,
    name: string,
    content: Content,
    size: number,
    operations: FileOperations,
  ) {
    super(fs, attributes);
    this.changed = new WaitQueue(`a change of ${fs.type}${folder}/${name}`);
    this.content = content;
    this.#size = size;
    this.operations = operations;
  }

  override get size(): number {
    return this.#size;
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: 0 };
  }

  /** Text always has an operation: what the attribute leaves out answers EIO. */
  get canRead(): boolean {
    return this.content.kind === 'text' || (this.content.attribute.read ?? this.content.attribute.mmap) !== undefined;
  }

  get canWrite(): boolean {
    return this.content.kind === 'text' || (this.content.attribute.write ?? this.content.attribute.mmap) !== undefined;
  }

  /** Nothing is kept, but the length is checked. @throws Errno EFBIG */
  override truncate(length: number): void {
    if (length > POSITION_MAX) throw new Errno('EFBIG', `the file system allows ${POSITION_MAX} bytes`);
  }

  notify(): void {
    this.event++;
    this.changed.wake();
  }

  /** The file is gone. Who polls it hears of it. */
  deactivate(): void {
    this.isActive = false;
    this.changed.wake();
  }

  /** @throws Errno ENODEV when it has been removed */
  assertActive(): void {
    if (!this.isActive) throw new Errno('ENODEV', `${this.changed.name}: the file has been removed`);
  }
}
