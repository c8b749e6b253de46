/**
 * Moving bytes between files: fs/read_write.c and fs/splice.c. A file that does not say that it can be spliced (no device here does)
 * ends each of these calls; pipes exist only outside, as files of the host.
 */
import { Errno, i64 } from '../../abi/index.ts';
import { O_APPEND, S_IFDIR, S_IFIFO, S_IFREG, SPLICE_F_ALL } from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../colour.ts';
import { type File, FMODE_LSEEK, FMODE_PREAD, FMODE_PWRITE, FMODE_READ, FMODE_WRITE, type Position } from '../file.ts';
import type { Task } from '../task.ts';
import { copyStructFromUser, copyStructToUser, UserBuffer, type UserMemory } from '../user-memory.ts';
import { fileOf } from './lookup.ts';
import { importVectors } from './vectors.ts';

const isPipe = (file: File) => file.inode.isType(S_IFIFO);
const CHUNK = 65536;

/** Bytes of the kernel's own as memory that a file's operations can read and write. */
class KernelBytes implements UserMemory {
  readonly view: DataView;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readable(address: number): number {
    return address;
  }

  writable(address: number): number {
    return address;
  }

  *read(address: number, length: number): Kernel<Uint8Array> {
    return this.#bytes.slice(address, address + length);
  }

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    this.#bytes.set(bytes, address);
    return bytes.length;
  }

  map(): Kernel<number> {
    throw new Error('the kernel does not map into itself');
  }
}

/** Copies until the count, or the end of the first file. @throws Errno EINVAL when one of the two cannot be spliced */
function* copyBytes(task: Task, from: File, at: Position, to: File, toAt: Position, count: number): Kernel<number> {
  if (count === 0) return 0;
  if (from.ops.splice === undefined || from.ops.read === undefined) throw new Errno('EINVAL', 'the file cannot be spliced from');
  let done = 0;
  while (done < count) {
    const before = at.position;
    const bytes = new Uint8Array(Math.min(CHUNK, count - done));
    const memory = new KernelBytes(bytes);
    const got = yield* finish(from.ops.read(from, new UserBuffer(memory, [{ address: 0, length: bytes.length }]), at, task));
    if (got === 0) break;
    if (to.ops.splice === undefined || to.ops.write === undefined) {
      // What was read is not lost: the program reads it again, and writes it.
      at.position = before;
      throw new Errno('EINVAL', 'the file cannot be spliced to');
    }
    done += yield* finish(to.ops.write(to, new UserBuffer(memory, [{ address: 0, length: got }]), toAt, task));
  }
  return done;
}

/** Reads the offset that a program passes by its address, and writes it back afterwards. */
function* withOffset(task: Task, address: number, file: File, run: (at: Position) => Kernel<number>): Kernel<number> {
  if (address === 0) return yield* run(file);
  const at = { position: yield* copyStructFromUser(task.memory, i64, address) };
  try {
    return yield* run(at);
  } finally {
    yield* copyStructToUser(task.memory, i64, address, at.position);
  }
}

/**
 * sendfile(2).
 *
 * @param offsetAddress of the position to read from; 0 for the file's own
 * @throws Errno EFAULT for the address; EBADF for the descriptors and how they are open; ESPIPE when a position is given to a file
 *   that has none; EINVAL for a negative position, for O_APPEND, and for files that cannot be spliced
 */
export function* sendfile(task: Task, outFd: number, inFd: number, offsetAddress: number, count: number): Kernel<number> {
  const given = offsetAddress === 0 ? undefined : yield* copyStructFromUser(task.memory, i64, offsetAddress);
  const from = fileOf(task, inFd);
  if ((from.mode & FMODE_READ) === 0) throw new Errno('EBADF', 'not open for reading');
  if (given !== undefined && (from.mode & FMODE_PREAD) === 0) throw new Errno('ESPIPE', 'the file has no positions');
  if ((given ?? 0) < 0 || count < 0) throw new Errno('EINVAL', 'a negative range');
  const to = fileOf(task, outFd);
  if ((to.mode & FMODE_WRITE) === 0) throw new Errno('EBADF', 'not open for writing');
  if (!isPipe(to) && (to.flags & O_APPEND) !== 0) throw new Errno('EINVAL', 'a file that is appended to has no position to write at');
  if (!isPipe(to) && (from.mode & FMODE_LSEEK) === 0) throw new Errno('EINVAL', 'the file cannot seek');
  return yield* withOffset(task, offsetAddress, from, (at) => copyBytes(task, from, at, to, to, count));
}

/**
 * splice(2) with at least one file of the machine, which has no pipes.
 *
 * @throws Errno EINVAL for unknown flags; EBADF; ESPIPE for the offset of a pipe; EFAULT; EBADF for how they are open; EINVAL
 */
export function* splice(
  task: Task,
  inFd: number,
  inOffset: number,
  outFd: number,
  outOffset: number,
  length: number,
  flags: number,
): Kernel<number> {
  if (length === 0) return 0;
  if ((flags & ~SPLICE_F_ALL) !== 0) throw new Errno('EINVAL', 'unknown flags');
  const from = fileOf(task, inFd);
  const to = fileOf(task, outFd);
  if ((isPipe(from) && inOffset !== 0) || (isPipe(to) && outOffset !== 0)) throw new Errno('ESPIPE', 'a pipe has no positions');
  if (outOffset !== 0) yield* copyStructFromUser(task.memory, i64, outOffset);
  if (inOffset !== 0) yield* copyStructFromUser(task.memory, i64, inOffset);
  if ((from.mode & FMODE_READ) === 0 || (to.mode & FMODE_WRITE) === 0) throw new Errno('EBADF', 'not open for that');
  if (!isPipe(from) && !isPipe(to)) throw new Errno('EINVAL', 'neither is a pipe');
  if (isPipe(from) && outOffset !== 0 && (to.mode & FMODE_PWRITE) === 0) throw new Errno('EINVAL', 'the file has no positions');
  if (isPipe(to) && inOffset !== 0 && (from.mode & FMODE_PREAD) === 0) throw new Errno('EINVAL', 'the file has no positions');
  throw new Errno('EINVAL', 'the file cannot be spliced');
}

/** tee(2) with at least one file of the machine. @throws Errno EINVAL for unknown flags; EBADF; EINVAL for what is not a pipe */
export function tee(task: Task, inFd: number, outFd: number, length: number, flags: number): number {
  if ((flags & ~SPLICE_F_ALL) !== 0) throw new Errno('EINVAL', 'unknown flags');
  if (length === 0) return 0;
  const from = fileOf(task, inFd);
  const to = fileOf(task, outFd);
  if ((from.mode & FMODE_READ) === 0 || (to.mode & FMODE_WRITE) === 0) throw new Errno('EBADF', 'not open for that');
  throw new Errno('EINVAL', 'both must be pipes');
}

/** vmsplice(2) on a file of the machine. @throws Errno EINVAL for unknown flags; EBADF; EINVAL and EFAULT of the pieces; EBADF */
export function* vmsplice(task: Task, fd: number, address: number, count: number, flags: number): Kernel<number> {
  if ((flags & ~SPLICE_F_ALL) !== 0) throw new Errno('EINVAL', 'unknown flags');
  const file = fileOf(task, fd);
  if ((file.mode & (FMODE_READ | FMODE_WRITE)) === 0) throw new Errno('EBADF', 'open neither for reading nor for writing');
  const vectors = yield* importVectors(task, address, count);
  if (vectors.every(({ length }) => length === 0)) return 0;
  throw new Errno('EBADF', 'not a pipe');
}

/**
 * copy_file_range(2).
 *
 * @throws Errno EBADF; EFAULT; EINVAL for flags; EISDIR; EINVAL for what is not a regular file; EBADF for how they are open; EXDEV
 */
export function* copyFileRange(
  task: Task,
  inFd: number,
  inOffset: number,
  outFd: number,
  outOffset: number,
  length: number,
  flags: number,
): Kernel<number> {
  const from = fileOf(task, inFd);
  const to = fileOf(task, outFd);
  for (const address of [inOffset, outOffset]) if (address !== 0) yield* copyStructFromUser(task.memory, i64, address);
  if (flags !== 0) throw new Errno('EINVAL', 'unknown flags');
  if (from.inode.isDirectory || to.inode.isType(S_IFDIR)) throw new Errno('EISDIR', 'a directory');
  if (!from.inode.isType(S_IFREG) || !to.inode.isType(S_IFREG)) throw new Errno('EINVAL', 'not a regular file');
  const open = (from.mode & FMODE_READ) !== 0 && (to.mode & FMODE_WRITE) !== 0 && (to.flags & O_APPEND) === 0;
  if (!open) throw new Errno('EBADF', 'not open for that');
  if (from.inode.fs !== to.inode.fs) throw new Errno('EXDEV', 'files of two file systems');
  return yield* withOffset(task, inOffset, from, (at) =>
    withOffset(task, outOffset, to, (toAt) => copyBytes(task, from, at, to, toAt, length)),
  );
}
