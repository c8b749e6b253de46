import { Errno, isErrno } from '../abi/index.ts';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  O_APPEND,
  PAGE_SIZE,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
} from '../abi/uapi/index.ts';
import type { File, FileOperations, FileSystem, Kernel, Stat, UserBuffer } from '../kernel/index.ts';
import { PageSet } from './page-set.ts';
import { FILE_SIZE_MAX, type Storage, type StorageNode } from './storage.ts';
import { type NewInode, TreeInode } from './tree-inode.ts';

const pageOf = (offset: number) => Math.floor(offset / PAGE_SIZE);
/** Pages that so many bytes take. */
const pagesFor = (bytes: number) => Math.ceil(bytes / PAGE_SIZE);

/** A regular file of tmpfs (mm/shmem.c): bytes in the storage, and which pages of them are holes. */
export class TmpfsFile extends TreeInode {
  readonly #storage: Storage;
  readonly #node: StorageNode;
  readonly #pages = new PageSet();

  constructor(fs: FileSystem, ino: number, attributes: NewInode, storage: Storage, node: StorageNode) {
    super(fs, { ino, ...attributes });
    this.#storage = storage;
    this.#node = node;
    this.#pages.add(0, pagesFor(this.size));
  }

  get operations(): FileOperations {
    return operations;
  }

  override get canDirect(): boolean {
    return true;
  }

  override get size(): number {
    return this.#storage.size(this.#node);
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: this.#pages.size * (PAGE_SIZE / 512) };
  }

  /** A window that holds until the file changes. */
  bytes(): Uint8Array {
    return this.#storage.bytes(this.#node);
  }

  /** The caller has checked that the end is not beyond {@link FILE_SIZE_MAX}. */
  write(at: number, bytes: Uint8Array): void {
    this.#storage.write(this.#node, at, bytes);
    this.#pages.add(pageOf(at), pagesFor(at + bytes.length));
  }

  override truncate(length: number): void {
    if (length > FILE_SIZE_MAX) throw tooLarge(length);
    this.#resize(length);
    this.#pages.remove(pagesFor(length), Number.POSITIVE_INFINITY);
    this.modified();
  }

  /** shmem_fallocate. @throws Errno EOPNOTSUPP, EFBIG */
  allocate(mode: number, offset: number, length: number): void {
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) throw new Errno('EOPNOTSUPP', 'tmpfs does not do that');
    const end = offset + length;
    if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) {
      this.#punch(offset, end);
    } else {
      if (end > FILE_SIZE_MAX) throw tooLarge(end);
      this.#pages.add(pageOf(offset), pagesFor(end));
      if ((mode & FALLOC_FL_KEEP_SIZE) === 0 && end > this.size) this.#resize(end);
    }
    this.modified();
  }

  /** SEEK_DATA and SEEK_HOLE. @throws Errno ENXIO when there is none, or the offset is beyond the end */
  seek(offset: number, whence: number): number {
    const { size } = this;
    if (offset < 0 || offset >= size) throw new Errno('ENXIO', `the file has ${size} bytes`);
    const page = pageOf(offset);
    const found = whence === SEEK_DATA ? this.#pages.next(page) : this.#pages.nextGap(page);
    if (whence === SEEK_HOLE) return Math.min(Math.max(offset, (found as number) * PAGE_SIZE), size);
    if (found === undefined || found * PAGE_SIZE >= size) throw new Errno('ENXIO', 'only a hole follows');
    return Math.max(offset, found * PAGE_SIZE);
  }

  /** The bytes were changed in the storage itself. */
  changedOutside(): void {
    this.#pages.remove(0, Number.POSITIVE_INFINITY);
    this.#pages.add(0, pagesFor(this.size));
    this.modified();
  }

  #resize(length: number): void {
    this.#storage.resize(this.#node, length);
  }

  #punch(offset: number, end: number): void {
    this.#pages.remove(pagesFor(offset), pageOf(end));
    const last = Math.min(end, this.size);
    if (offset < last) this.#storage.write(this.#node, offset, new Uint8Array(last - offset));
  }
}

const tooLarge = (bytes: number) => new Errno('EFBIG', `${bytes} bytes are more than the ${FILE_SIZE_MAX} a file can have here`);
const inodeOf = (file: File) => file.inode as TmpfsFile;

/** The inode, before a change by an operation that is not told who asks. */
function changedByCurrent(file: File): TmpfsFile {
  const inode = inodeOf(file);
  const task = file.system.scheduler.current;
  if (task !== undefined) inode.dropPrivileges(task.credentials);
  return inode;
}

/** Takes what the program has to give, down to the byte before the first that cannot be read. */
function* takeReadable(from: UserBuffer): Kernel<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let want = from.remaining;
  while (want > 0) {
    try {
      pieces.push(yield* from.take(want));
      want = Math.min(want, from.remaining);
    } catch (error) {
      if (!isErrno(error, 'EFAULT') || (want === 1 && pieces.length === 0)) throw error;
      want >>= 1;
    }
  }
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

const operations: FileOperations = {
  *read(file, to, at) {
    const inode = inodeOf(file);
    const bytes = inode.bytes().subarray(at.position, at.position + to.remaining);
    const count = bytes.length === 0 ? 0 : yield* to.put(bytes);
    at.position += count;
    inode.accessed(file);
    return count;
  },

  *write(file, from, at, task) {
    const inode = inodeOf(file);
    if (from.remaining === 0) return 0;
    const bytes = yield* takeReadable(from);
    const position = (file.flags & O_APPEND) !== 0 ? inode.size : at.position;
    const room = FILE_SIZE_MAX - position;
    if (room <= 0) throw tooLarge(position + bytes.length);
    inode.dropPrivileges(task.credentials);
    const taken = bytes.subarray(0, room);
    inode.write(position, taken);
    inode.modified();
    at.position = position + taken.length;
    return taken.length;
  },

  llseek(file, offset, whence) {
    let position = offset;
    if (whence === SEEK_CUR) position += file.position;
    if (whence === SEEK_END) position += inodeOf(file).size;
    if (whence === SEEK_DATA || whence === SEEK_HOLE) position = inodeOf(file).seek(offset, whence);
    if (position < 0) throw new Errno('EINVAL', `position ${position} lies before the beginning`);
    file.position = position;
    return position;
  },

  splice: true,

  fsync() {},

  truncate(file, length) {
    changedByCurrent(file).truncate(length);
  },

  allocate(file, mode, offset, length) {
    changedByCurrent(file).allocate(mode, offset, length);
  },
};
