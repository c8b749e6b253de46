import { Errno } from '../abi/index.ts';
import { F_SEAL_SEAL, PAGE_SIZE } from '../abi/uapi/index.ts';
import type { FileSystem, SealableFile, Stat } from '../kernel/index.ts';
import { PageSet } from './page-set.ts';
import { pageOf, pagesFor, ShmemFile } from './shmem-file.ts';
import { FILE_SIZE_MAX, type Storage, type StorageNode } from './storage.ts';
import type { NewInode } from './tree-inode.ts';

/** Files with a name are sealed against seals, so nobody can rely on their pages. */
const sealable: SealableFile = {
  seals: F_SEAL_SEAL,
  addSeals() {
    throw new Errno('EPERM', 'only memory files take seals');
  },
  pin() {
    throw new Errno('EINVAL', 'a file that may get shorter has no pages to keep');
  },
};

/** A regular file of tmpfs: bytes in the storage, and which pages of them are holes. */
export class TmpfsFile extends ShmemFile {
  readonly sizeMax = FILE_SIZE_MAX;
  readonly #storage: Storage;
  readonly #node: StorageNode;
  readonly #pages = new PageSet();

  constructor(fs: FileSystem, ino: number, attributes: NewInode, storage: Storage, node: StorageNode) {
    super(fs, { ino, ...attributes });
    this.#storage = storage;
    this.#node = node;
    this.#pages.add(0, pagesFor(this.size));
  }

  override get sealable(): SealableFile {
    return sealable;
  }

  override get size(): number {
    return this.#storage.size(this.#node);
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: this.#pages.size * (PAGE_SIZE / 512) };
  }

  bytesAt(offset: number, length: number): Uint8Array {
    return this.#storage.bytes(this.#node).subarray(offset, offset + length);
  }

  write(at: number, bytes: Uint8Array): void {
    this.#storage.write(this.#node, at, bytes);
    this.#pages.add(pageOf(at), pagesFor(at + bytes.length));
  }

  /** The bytes were changed in the storage itself. */
  changedOutside(): void {
    this.#pages.remove(0, Number.POSITIVE_INFINITY);
    this.#pages.add(0, pagesFor(this.size));
    this.modified();
  }

  protected nextPage(page: number): number | undefined {
    return this.#pages.next(page);
  }

  protected nextGap(page: number): number {
    return this.#pages.nextGap(page);
  }

  protected addPages(first: number, end: number): void {
    this.#pages.add(first, end);
  }

  protected dropPages(first: number, end: number): void {
    this.#pages.remove(first, end);
  }

  protected resize(length: number): void {
    this.#storage.resize(this.#node, length);
  }

  protected clear(offset: number, end: number): void {
    this.#storage.write(this.#node, offset, new Uint8Array(end - offset));
  }
}
