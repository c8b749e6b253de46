import { Errno } from '../../abi/index.ts';
import { iovec, MAX_RW_COUNT, O_APPEND, RWF_APPEND, RWF_DSYNC, RWF_HIPRI, RWF_SYNC, S_IFREG, UIO_MAXIOV } from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../colour.ts';
import { type File, FMODE_PREAD, FMODE_PWRITE, FMODE_READ, FMODE_WRITE, type Position } from '../file.ts';
import type { Task } from '../task.ts';
import { copyFromUser, UserBuffer } from '../user-memory.ts';
import { fileOf } from './lookup.ts';

/** A piece of the program's memory. */
export interface IoVector {
  readonly address: number;
  readonly length: number;
}

/** Where user addresses end. */
export const TASK_SIZE_MAX = 0x7fff_ffff_f000;

/**
 * import_iovec: the pieces that an array of `struct iovec` describes, cut where MAX_RW_COUNT bytes are reached.
 *
 * @throws Errno EINVAL for more than UIO_MAXIOV or a length that does not fit ssize_t; EFAULT
 */
export function* importVectors(task: Task, address: number, count: number): Kernel<readonly IoVector[]> {
  if (count < 0 || count > UIO_MAXIOV) throw new Errno('EINVAL', `${count} are more than ${UIO_MAXIOV} pieces`);
  if (count === 0) return [];
  const bytes = yield* copyFromUser(task.memory, address, count * iovec.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const given = Array.from({ length: count }, (_, index) => iovec.decode(view, index * iovec.size));
  for (const { iov_len } of given) if (iov_len < 0) throw new Errno('EINVAL', 'a length does not fit ssize_t');
  let room = MAX_RW_COUNT;
  return given.map(({ iov_base, iov_len }) => {
    if (iov_base + Math.min(iov_len, MAX_RW_COUNT) > TASK_SIZE_MAX)
      throw new Errno('EFAULT', `0x${iov_base.toString(16)} is no user address`);
    const length = Math.min(iov_len, room);
    room -= length;
    return { address: iov_base, length };
  });
}

/** import_ubuf: one piece, cut at MAX_RW_COUNT. @throws Errno EFAULT for what no program can have */
export function importPiece(address: number, length: number): IoVector {
  const cut = Math.min(length, MAX_RW_COUNT);
  if (address + cut > TASK_SIZE_MAX) throw new Errno('EFAULT', `0x${address.toString(16)} is no user address`);
  return { address, length: cut };
}

/** What both ways of moving bytes have of their own. */
const READ = { right: FMODE_READ, positioned: FMODE_PREAD, verb: 'reading', operation: (file: File) => file.ops.read } as const;
const WRITE = { right: FMODE_WRITE, positioned: FMODE_PWRITE, verb: 'writing', operation: (file: File) => file.ops.write } as const;

/** kiocb_set_rw_flags; what a device has is no read_iter, so that it knows next to nothing. @throws Errno EOPNOTSUPP */
function checkFlags(file: File, flags: number): void {
  const known = file.inode.isType(S_IFREG) ? RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND : RWF_HIPRI;
  if ((flags & ~known) !== 0) throw new Errno('EOPNOTSUPP', `flags 0x${flags.toString(16)} are not supported by the file`);
}

/** vfs_readv, vfs_writev. @param offset undefined for the file's own position */
function* vectored(
  task: Task,
  fd: number,
  how: typeof READ | typeof WRITE,
  address: number,
  count: number,
  offset: number | undefined,
  flags: number,
): Kernel<number> {
  if (offset !== undefined && offset < 0) throw new Errno('EINVAL', 'the offset is negative');
  const file = fileOf(task, fd).get();
  try {
    if (offset !== undefined && (file.mode & how.positioned) === 0) throw new Errno('ESPIPE', 'the file has no positions');
    if ((file.mode & how.right) === 0) throw new Errno('EBADF', `not open for ${how.verb}`);
    const operation = how.operation(file);
    if (operation === undefined) throw new Errno('EINVAL', `the file has no ${how.verb}`);
    const vectors = yield* importVectors(task, address, count);
    const buffer = new UserBuffer(task.memory, vectors);
    if (buffer.remaining === 0) return 0;
    checkFlags(file, flags);
    const at: Position = offset === undefined ? file : { position: offset };
    if (how === READ || (flags & RWF_APPEND) === 0 || (file.flags & O_APPEND) !== 0)
      return yield* finish(operation(file, buffer, at, task));
    // RWF_APPEND writes at the end whatever the position is, for this call.
    return yield* finish(operation(file, buffer, offset === undefined ? file : { position: file.inode.size }, task));
  } finally {
    file.put();
  }
}

/** readv(2). @throws Errno EBADF, EINVAL, EFAULT, what the driver says */
export function readv(task: Task, fd: number, address: number, count: number): Kernel<number> {
  return vectored(task, fd, READ, address, count, undefined, 0);
}

/** writev(2). @throws Errno as readv */
export function writev(task: Task, fd: number, address: number, count: number): Kernel<number> {
  return vectored(task, fd, WRITE, address, count, undefined, 0);
}

/**
 * preadv2(2), and preadv(2) without flags.
 *
 * @param offset in bytes; with preadv2 -1 stands for the file's own position: pass undefined then
 * @throws Errno EINVAL for a negative offset; EBADF; ESPIPE; EBADF when not open for reading; EINVAL for a file that has no read;
 *   EINVAL and EFAULT of the pieces; EOPNOTSUPP for the flags; what the driver says
 */
export function preadv2(task: Task, fd: number, address: number, count: number, offset: number | undefined, flags: number): Kernel<number> {
  return vectored(task, fd, READ, address, count, offset, flags);
}

/** pwritev2(2), and pwritev(2) without flags. See {@link preadv2}. */
export function pwritev2(
  task: Task,
  fd: number,
  address: number,
  count: number,
  offset: number | undefined,
  flags: number,
): Kernel<number> {
  return vectored(task, fd, WRITE, address, count, offset, flags);
}
