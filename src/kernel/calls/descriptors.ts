import { Errno, u64 } from '../../abi/index.ts';
import {
  DN_MULTISHOT,
  F_ADD_SEALS,
  F_ALL_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GET_RW_HINT,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_NOTIFY,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_SET_RW_HINT,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETPIPE_SZ,
  F_SETSIG,
  F_UNLCK,
  FD_CLOEXEC,
  NSIG,
  O_APPEND,
  O_CLOEXEC,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  RWH_WRITE_LIFE_EXTREME,
} from '../../abi/uapi/index.ts';
import { isKernel, type Kernel, type MaybeKernel } from '../colour.ts';
import { FdTable } from '../fd-table.ts';
import { type File, FMODE_PATH, FMODE_WRITE } from '../file.ts';
import type { SealableFile } from '../memfd.ts';
import type { Task } from '../task.ts';
import { copyStructFromUser, copyStructToUser } from '../user-memory.ts';
import { holding } from './io.ts';
import { dropRecordLocks, recordLock } from './locks.ts';
import { anyFileOf } from './lookup.ts';

/** The descriptors of an in-process task; a native program's own are the real kernel's business. */
function tableOf(task: Task): FdTable {
  if (!(task.files instanceof FdTable)) throw new Error(`descriptors of ${task.describe()} are not in process`);
  return task.files;
}

/** close(2). @throws Errno EBADF */
export function close(task: Task, fd: number): number {
  const file = tableOf(task).remove(fd);
  dropRecordLocks(task, file);
  file.put();
  return 0;
}

/** dup(2). @throws Errno EBADF, EMFILE */
export function dup(task: Task, fd: number): number {
  return tableOf(task).duplicate(anyFileOf(task, fd), 0, false);
}

/** dup3(2), and dup2(2) for different numbers. @throws Errno EINVAL for equal numbers or unknown flags, EBADF */
export function dup3(task: Task, from: number, to: number, flags: number): number {
  if ((flags & ~O_CLOEXEC) !== 0) throw new Errno('EINVAL', 'only O_CLOEXEC is allowed');
  if (from === to) throw new Errno('EINVAL', 'both descriptors are the same');
  const table = tableOf(task);
  if (to < 0 || to >= table.limit) throw new Errno('EBADF', `descriptor ${to} is beyond the limit of ${table.limit}`);
  const closed = table.replace(to, anyFileOf(task, from), (flags & O_CLOEXEC) !== 0);
  if (closed !== undefined) dropRecordLocks(task, closed);
  closed?.put();
  return to;
}

/** dup2(2). @throws Errno EBADF */
export function dup2(task: Task, from: number, to: number): number {
  if (from === to) {
    anyFileOf(task, from);
    return to;
  }
  return dup3(task, from, to, 0);
}

const SETFL_MASK = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

/** F_SETFL, and FIONBIO. @throws Errno EPERM for O_NOATIME on another's file, EINVAL for O_DIRECT */
export function setStatusFlags(task: Task, file: File, flags: number): number {
  if ((flags & O_NOATIME) !== 0 && (file.flags & O_NOATIME) === 0 && !file.inode.isOwnedBy(task.credentials)) {
    throw new Errno('EPERM', 'only the owner may set O_NOATIME');
  }
  if ((flags & O_DIRECT) !== 0 && !file.inode.canDirect) throw new Errno('EINVAL', 'the file has no direct I/O');
  file.flags = (file.flags & ~SETFL_MASK) | (flags & SETFL_MASK);
  return 0;
}

function* giveHint(task: Task, address: number, hint: number): Kernel<number> {
  yield* copyStructToUser(task.memory, u64, address, hint);
  return 0;
}

/** F_SET_RW_HINT. @throws Errno EPERM for anyone but the owner and root; EFAULT; EINVAL */
function* setHint(task: Task, file: File, address: number): Kernel<number> {
  if (!file.inode.isOwnedBy(task.credentials)) throw new Errno('EPERM', 'only the owner may');
  const hint = yield* copyStructFromUser(task.memory, u64, address);
  if (hint > RWH_WRITE_LIFE_EXTREME) throw new Errno('EINVAL', `hint ${hint} is unknown`);
  file.inode.writeHint = hint;
  return 0;
}

/** @throws Errno EINVAL */
function sealableOf(file: File): SealableFile {
  const { sealable } = file.inode;
  if (sealable === undefined) throw new Errno('EINVAL', 'not a memory file');
  return sealable;
}

function addSeals(file: File, seals: number): MaybeKernel<number> {
  if ((seals & ~F_ALL_SEALS) !== 0) throw new Errno('EINVAL', 'unknown seals');
  const added = sealableOf(file).addSeals(seals);
  return isKernel(added as MaybeKernel<void>) ? holding(file, then0(added as Kernel<void>)) : 0;
}

function* then0(work: Kernel<void>): Kernel<number> {
  yield* work;
  return 0;
}

/** What fcntl(2) answers for a file, descriptors apart: see {@link fcntl}. */
export function fileControl(task: Task, file: File, command: number, argument: number): MaybeKernel<number> {
  if (command === F_GETFL) return file.flags;
  if ((file.mode & FMODE_PATH) !== 0) throw new Errno('EBADF', 'the descriptor is only a path');
  switch (command) {
    case F_SETFL:
      return setStatusFlags(task, file, argument);
    case F_GETLEASE:
      return F_UNLCK;
    case F_SETLEASE:
      throw new Errno('EINVAL', 'only regular files have leases');
    case F_NOTIFY:
      // Nothing to watch for: takes back what was never there.
      if ((argument & ~DN_MULTISHOT) === 0) return 0;
      throw new Errno('ENOTDIR', 'not a directory');
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
      throw new Errno('EBADF', 'not a pipe');
    case F_GET_SEALS:
      return sealableOf(file).seals;
    case F_ADD_SEALS:
      if ((file.mode & FMODE_WRITE) === 0) throw new Errno('EPERM', 'not open for writing');
      return addSeals(file, argument);
    case F_GETOWN:
      return file.owner;
    case F_SETOWN:
      file.owner = argument;
      return 0;
    case F_GETSIG:
      return file.signal;
    case F_SETSIG:
      if (argument < 0 || argument > NSIG) throw new Errno('EINVAL', `signal ${argument} is unknown`);
      file.signal = argument;
      return 0;
    case F_GET_RW_HINT:
      return giveHint(task, argument, file.inode.writeHint);
    case F_SET_RW_HINT:
      return setHint(task, file, argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return holding(file, recordLock(task, file, command, argument));
    default:
      throw new Errno('EINVAL', `unknown fcntl command ${command}`);
  }
}

/**
 * fcntl(2).
 *
 * @throws Errno EBADF; EINVAL for an unknown command or F_DUPFD beyond the limit; EMFILE; EPERM; what {@link fileControl} says
 */
export function fcntl(task: Task, fd: number, command: number, argument: number): MaybeKernel<number> {
  const file = anyFileOf(task, fd);
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      return tableOf(task).duplicate(file, argument, command === F_DUPFD_CLOEXEC);
    case F_GETFD:
      return tableOf(task).closeOnExec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      tableOf(task).setCloseOnExec(fd, (argument & FD_CLOEXEC) !== 0);
      return 0;
    default:
      return fileControl(task, file, command, argument);
  }
}

/** FIOCLEX and FIONCLEX on an in-process descriptor. */
export function setCloseOnExec(task: Task, fd: number, value: boolean): number {
  tableOf(task).setCloseOnExec(fd, value);
  return 0;
}

/** setrlimit(2), RLIMIT_NOFILE. Descriptors beyond stay open. */
export function setFileLimit(task: Task, limit: number): number {
  tableOf(task).limit = limit;
  return 0;
}
