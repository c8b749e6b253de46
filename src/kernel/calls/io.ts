import { type AnyRequest, Errno, type ErrnoName, i32 } from '../../abi/index.ts';
import {
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_UNSHARE_RANGE,
  FALLOC_FL_ZERO_RANGE,
  FIBMAP,
  FICLONE,
  FIFREEZE,
  FIGETBSZ,
  FIOASYNC,
  FIOCLEX,
  FIONBIO,
  FIONCLEX,
  FIONREAD,
  FIOQSIZE,
  FITHAW,
  FS_IOC_FIEMAP,
  MAX_RW_COUNT,
  O_ASYNC,
  O_NONBLOCK,
  S_IFREG,
  SEEK_HOLE,
} from '../../abi/uapi/index.ts';
import { finish, isKernel, type Kernel, type MaybeKernel } from '../colour.ts';
import { type File, FMODE_LSEEK, FMODE_PREAD, FMODE_PWRITE, FMODE_READ, FMODE_WRITE, type Position } from '../file.ts';
import type { Task } from '../task.ts';
import { copyStructFromUser, copyStructToUser, UserBuffer } from '../user-memory.ts';
import { setCloseOnExec, setStatusFlags } from './descriptors.ts';
import { fileOf } from './lookup.ts';
import { type IoVector, TASK_SIZE_MAX } from './vectors.ts';

function bufferOf(task: Task, vectors: readonly IoVector[]): UserBuffer {
  let room = MAX_RW_COUNT;
  const pieces: IoVector[] = [];
  for (const { address, length } of vectors) {
    // access_ok. A length below 0 is one beyond what there are addresses.
    if (length < 0 || address < 0 || address + length > TASK_SIZE_MAX)
      throw new Errno('EFAULT', `${length} bytes at 0x${address.toString(16)} are not a program's`);
    pieces.push({ address, length: Math.min(length, room) });
    room -= Math.min(length, room);
  }
  return new UserBuffer(task.memory, pieces);
}

function vfsRead(task: Task, file: File, vectors: readonly IoVector[], at: Position): MaybeKernel<number> {
  if ((file.mode & FMODE_READ) === 0) throw new Errno('EBADF', 'not open for reading');
  if (file.ops.read === undefined) throw new Errno('EINVAL', 'the file cannot be read');
  return file.ops.read(file, bufferOf(task, vectors), at, task);
}

function vfsWrite(task: Task, file: File, vectors: readonly IoVector[], at: Position): MaybeKernel<number> {
  if ((file.mode & FMODE_WRITE) === 0) throw new Errno('EBADF', 'not open for writing');
  if (file.ops.write === undefined) throw new Errno('EINVAL', 'the file cannot be written');
  return file.ops.write(file, bufferOf(task, vectors), at, task);
}

/** Keeps the file while a call on it waits, as fdget does. */
export function holding<T>(file: File, call: MaybeKernel<T>): MaybeKernel<T> {
  return isKernel(call) ? held(file, call) : call;
}

/** The same for a call that may wait in any case. */
export function* held<T>(file: File, call: Kernel<T>): Kernel<T> {
  file.get();
  try {
    return yield* call;
  } finally {
    file.put();
  }
}

/** read(2). @throws Errno EBADF, EINVAL (no read operation), EFAULT, what the driver says */
export function read(task: Task, fd: number, vectors: readonly IoVector[]): MaybeKernel<number> {
  const file = fileOf(task, fd);
  return holding(file, vfsRead(task, file, vectors, file));
}

/** write(2). @throws Errno EBADF, EINVAL (no write operation), EFAULT, what the driver says */
export function write(task: Task, fd: number, vectors: readonly IoVector[]): MaybeKernel<number> {
  const file = fileOf(task, fd);
  return holding(file, vfsWrite(task, file, vectors, file));
}

/** pread(2). @throws Errno EINVAL for a negative offset, EBADF, ESPIPE for files without positions, then as read */
export function pread(task: Task, fd: number, vectors: readonly IoVector[], offset: number): MaybeKernel<number> {
  if (offset < 0) throw new Errno('EINVAL', 'the offset is negative');
  const file = fileOf(task, fd);
  if ((file.mode & FMODE_PREAD) === 0) throw new Errno('ESPIPE', 'the file has no positions');
  return holding(file, vfsRead(task, file, vectors, { position: offset }));
}

/** pwrite(2). See {@link pread}. */
export function pwrite(task: Task, fd: number, vectors: readonly IoVector[], offset: number): MaybeKernel<number> {
  if (offset < 0) throw new Errno('EINVAL', 'the offset is negative');
  const file = fileOf(task, fd);
  if ((file.mode & FMODE_PWRITE) === 0) throw new Errno('ESPIPE', 'the file has no positions');
  return holding(file, vfsWrite(task, file, vectors, { position: offset }));
}

/** lseek(2). @throws Errno EBADF, EINVAL for an unknown whence or a bad offset, ESPIPE */
export function lseek(task: Task, fd: number, offset: number, whence: number): MaybeKernel<number> {
  const file = fileOf(task, fd);
  if (whence < 0 || whence > SEEK_HOLE) throw new Errno('EINVAL', `whence ${whence} is unknown`);
  if ((file.mode & FMODE_LSEEK) === 0 || file.ops.llseek === undefined) throw new Errno('ESPIPE', 'the file cannot seek');
  return holding(file, file.ops.llseek(file, offset, whence, task));
}

/** Answers a request itself, or undefined when it is the file's own business. */
type GenericIoctl = (task: Task, file: File, fd: number, argument: number) => MaybeKernel<number> | undefined;

const regularOnly =
  (answer: GenericIoctl): GenericIoctl =>
  (task, file, fd, argument) =>
    file.inode.isType(S_IFREG) ? answer(task, file, fd, argument) : undefined;

const refused =
  (code: ErrnoName, reason: string): GenericIoctl =>
  () => {
    throw new Errno(code, reason);
  };

/** What do_vfs_ioctl answers on every kind of file, by signed request number. */
const GENERIC = new Map<number, GenericIoctl>(
  (
    [
      [FIOCLEX, (task, _file, fd) => setCloseOnExec(task, fd, true)],
      [FIONCLEX, (task, _file, fd) => setCloseOnExec(task, fd, false)],
      [FIONBIO, (task, file, _fd, argument) => setNonblocking(task, file, argument)],
      [FIOASYNC, (task, file, _fd, argument) => setAsync(task, file, argument)],
      [FIGETBSZ, (task, file, _fd, argument) => giveInt(task, argument, file.inode.stat().blksize)],
      [FIONREAD, regularOnly((task, file, _fd, argument) => giveInt(task, argument, file.inode.size - file.position))],
      [FIBMAP, regularOnly(refused('EINVAL', 'the file system has no blocks'))],
      [FIOQSIZE, refused('ENOTTY', 'the file system does not tell')],
      [FS_IOC_FIEMAP, refused('EOPNOTSUPP', 'the file system has no extents')],
      [FIFREEZE, refused('EOPNOTSUPP', 'the file system cannot be frozen')],
      [FITHAW, refused('EOPNOTSUPP', 'the file system cannot be frozen')],
      [FICLONE, (task, file, _fd, argument) => clone(task, file, argument)],
    ] as [AnyRequest, GenericIoctl][]
  ).map(([request, answer]) => [request.number | 0, answer]),
);

/** FICLONE. No file here can share its blocks; what is wrong first is what Linux finds first. */
function* clone(task: Task, to: File, fromFd: number): Kernel<number> {
  const from = yield* task.files.get(fromFd);
  const isSameFs = from.inode.fs === to.inode.fs;
  const areRegular = from.inode.isType(S_IFREG) && to.inode.isType(S_IFREG);
  from.put();
  if (!isSameFs) throw new Errno('EXDEV', 'the files lie in different file systems');
  if (!areRegular) throw new Errno('EINVAL', 'only regular files have bytes to share');
  throw new Errno('EOPNOTSUPP', 'the file system cannot share bytes between files');
}

function* giveInt(task: Task, address: number, value: number): Kernel<number> {
  yield* copyStructToUser(task.memory, i32, address, value);
  return 0;
}

function* setNonblocking(task: Task, file: File, address: number): Kernel<number> {
  const value = yield* copyStructFromUser(task.memory, i32, address);
  return setStatusFlags(task, file, value !== 0 ? file.flags | O_NONBLOCK : file.flags & ~O_NONBLOCK);
}

function* setAsync(task: Task, file: File, address: number): Kernel<number> {
  const value = yield* copyStructFromUser(task.memory, i32, address);
  if ((value !== 0) !== ((file.flags & O_ASYNC) !== 0)) throw new Errno('ENOTTY', 'the file sends no SIGIO');
  return 0;
}

/**
 * ioctl(2).
 *
 * @param request its low 32 bits count
 * @throws Errno EBADF, ENOTTY for files without requests or unknown ones, what the driver says
 */
export function ioctl(task: Task, fd: number, request: number, argument: number): MaybeKernel<number> {
  const file = fileOf(task, fd);
  const generic = GENERIC.get(request | 0)?.(task, file, fd, argument);
  if (generic !== undefined) return generic;
  if (file.ops.ioctl === undefined) throw new Errno('ENOTTY', 'the file knows no requests');
  return holding(file, file.ops.ioctl(file, request >>> 0, argument, task));
}

/** fsync(2), fdatasync(2). @throws Errno EBADF, EINVAL for files that have nothing to write back */
export function fsync(task: Task, fd: number): MaybeKernel<number> {
  const file = fileOf(task, fd);
  if (file.ops.fsync === undefined) throw new Errno('EINVAL', 'the file has nothing to write back');
  return then0(file.ops.fsync(file));
}

function* then0(call: MaybeKernel<void>): Kernel<number> {
  yield* finish(call);
  return 0;
}

/** ftruncate(2). @throws Errno EINVAL for a negative length, what is not a regular file, or not open for writing; EBADF */
export function ftruncate(task: Task, fd: number, length: number): number {
  if (length < 0) throw new Errno('EINVAL', 'the length is negative');
  const file = fileOf(task, fd);
  if (!file.inode.isType(S_IFREG) || (file.mode & FMODE_WRITE) === 0) throw new Errno('EINVAL', 'not a regular file open for writing');
  if (file.ops.truncate === undefined) throw new Errno('EINVAL', 'the file has a fixed length');
  file.ops.truncate(file, length);
  return 0;
}

/** FALLOC_FL_SUPPORTED_MASK. */
const FALLOC_SUPPORTED =
  FALLOC_FL_KEEP_SIZE |
  FALLOC_FL_PUNCH_HOLE |
  FALLOC_FL_COLLAPSE_RANGE |
  FALLOC_FL_ZERO_RANGE |
  FALLOC_FL_INSERT_RANGE |
  FALLOC_FL_UNSHARE_RANGE;

/** Which modes vfs_fallocate lets pass. @throws Errno EOPNOTSUPP, EINVAL */
function checkAllocationMode(mode: number): void {
  const has = (bits: number) => (mode & bits) !== 0;
  if ((mode & ~FALLOC_SUPPORTED) !== 0) throw new Errno('EOPNOTSUPP', 'unknown mode');
  if (has(FALLOC_FL_PUNCH_HOLE) && (has(FALLOC_FL_ZERO_RANGE) || !has(FALLOC_FL_KEEP_SIZE))) {
    throw new Errno('EOPNOTSUPP', 'a hole keeps the size and is nothing else');
  }
  for (const alone of [FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE]) {
    if (has(alone) && mode !== alone) throw new Errno('EINVAL', 'the mode goes with no other');
  }
  if (has(FALLOC_FL_UNSHARE_RANGE) && (mode & ~(FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE)) !== 0) {
    throw new Errno('EINVAL', 'unsharing goes with keeping the size only');
  }
}

/**
 * fallocate(2).
 *
 * @throws Errno EBADF for what is not open; EINVAL for a bad range; EOPNOTSUPP and EINVAL for the mode; EBADF for what is not open
 *   for writing; EISDIR; ENODEV for what is not a regular file; EOPNOTSUPP
 */
export function fallocate(task: Task, fd: number, mode: number, offset: number, length: number): number {
  const file = fileOf(task, fd);
  if (offset < 0 || length <= 0) throw new Errno('EINVAL', 'the range is empty or negative');
  checkAllocationMode(mode);
  if ((file.mode & FMODE_WRITE) === 0) throw new Errno('EBADF', 'not open for writing');
  if (file.inode.isDirectory) throw new Errno('EISDIR', 'a directory has no bytes');
  if (!file.inode.isType(S_IFREG)) throw new Errno('ENODEV', 'only regular files have blocks');
  if (file.ops.allocate === undefined) throw new Errno('EOPNOTSUPP', 'the file system does not do that');
  file.ops.allocate(file, mode, offset, length);
  return 0;
}
