/** Regular files whose bytes are pages in memory, and what calls on them do: mm/shmem.c. */
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
import type { File, FileOperations, Kernel, UserBuffer } from '../kernel/index.ts';
import { TreeInode } from './tree-inode.ts';

export const pageOf = (offset: number) => Math.floor(offset / PAGE_SIZE);
/** Pages that so many bytes take. */
export const pagesFor = (bytes: number) => Math.ceil(bytes / PAGE_SIZE);

/** A regular file of tmpfs or a memory file. How its bytes are kept is left to the two. */
export abstract class ShmemFile extends TreeInode {
  /** s_maxbytes: no byte lies behind. */
  abstract readonly sizeMax: number;

  /** Bytes from an offset on, up to the end; they hold until the file changes. */
  abstract bytesAt(offset: number, length: number): Uint8Array;
  /** The caller has checked that the end is not beyond {@link sizeMax}. @throws Errno EPERM, ENOMEM */
  abstract write(at: number, bytes: Uint8Array): void;
  /** The first page from a page on that is there. */
  protected abstract nextPage(page: number): number | undefined;
  /** The first that is not. */
  protected abstract nextGap(page: number): number;
  /** Makes pages, `end` not among them, whatever the size is. @throws Errno ENOMEM */
  protected abstract addPages(first: number, end: number): void;
  protected abstract dropPages(first: number, end: number): void;
  /** Sets the size and nothing else. */
  protected abstract resize(length: number): void;
  /** Zeros within pages that stay. */
  protected abstract clear(offset: number, end: number): void;

  get operations(): FileOperations {
    return shmemOperations;
  }

  override get canDirect(): boolean {
    return true;
  }

  override truncate(length: number): void {
    if (length > this.sizeMax) throw tooLarge(this, length);
    this.resize(length);
    this.dropPages(pagesFor(length), Number.POSITIVE_INFINITY);
    this.modified();
  }

  /** shmem_fallocate. @throws Errno EOPNOTSUPP, EFBIG, ENOMEM */
  allocate(mode: number, offset: number, length: number): void {
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) throw new Errno('EOPNOTSUPP', 'tmpfs does not do that');
    const end = offset + length;
    if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) {
      this.dropPages(pagesFor(offset), pageOf(end));
      const last = Math.min(end, this.size);
      if (offset < last) this.clear(offset, last);
    } else {
      if (end > this.sizeMax) throw tooLarge(this, end);
      this.addPages(pageOf(offset), pagesFor(end));
      if ((mode & FALLOC_FL_KEEP_SIZE) === 0 && end > this.size) this.resize(end);
    }
    this.modified();
  }

  /** SEEK_DATA and SEEK_HOLE. @throws Errno ENXIO when there is none, or the offset is beyond the end */
  seek(offset: number, whence: number): number {
    const { size } = this;
    if (offset < 0 || offset >= size) throw new Errno('ENXIO', `the file has ${size} bytes`);
    const page = pageOf(offset);
    if (whence === SEEK_HOLE) return Math.min(Math.max(offset, this.nextGap(page) * PAGE_SIZE), size);
    const found = this.nextPage(page);
    if (found === undefined || found * PAGE_SIZE >= size) throw new Errno('ENXIO', 'only a hole follows');
    return Math.max(offset, found * PAGE_SIZE);
  }
}

const tooLarge = (inode: ShmemFile, bytes: number) =>
  new Errno('EFBIG', `${bytes} bytes are more than the ${inode.sizeMax} a file can have here`);
const inodeOf = (file: File) => file.inode as ShmemFile;

/** The inode, before a change by an operation that is not told who asks. */
function changedByCurrent(file: File): ShmemFile {
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

export const shmemOperations: FileOperations = {
  *read(file, to, at) {
    const inode = inodeOf(file);
    const bytes = inode.bytesAt(at.position, to.remaining);
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
    const room = inode.sizeMax - position;
    if (room <= 0) throw tooLarge(inode, position + bytes.length);
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

  readIter: true,
  writeIter: true,
  splice: true,

  fsync() {},

  truncate(file, length) {
    changedByCurrent(file).truncate(length);
  },

  allocate(file, mode, offset, length) {
    changedByCurrent(file).allocate(mode, offset, length);
  },
};
