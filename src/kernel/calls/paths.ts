import { Errno } from '../../abi/index.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_LARGEFILE,
  O_PATH,
} from '../../abi/uapi/index.ts';
import { finish, isKernel, type Kernel, type MaybeKernel } from '../colour.ts';
import type { Stat, Timespec } from '../inode.ts';
import type { Task } from '../task.ts';
import type { Base } from '../vfs.ts';
import { anyFileOf, baseOf } from './lookup.ts';

/** open(2), openat(2). @returns the lowest free descriptor @throws Errno what the walk, the file system or the driver say; EMFILE */
export function* openat(task: Task, dirfd: number, path: string, flags: number, mode: number): Kernel<number> {
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  task.system.vfs.checkOpen(path, flags);
  task.system.kmalloc('a path name');
  // A full table is noticed before the file is looked for.
  const fd = yield* task.files.reserve(closeOnExec);
  try {
    const base = baseOf(task, dirfd, path);
    const file = yield* finish(task.system.vfs.open(task, base, path, (flags & O_PATH) !== 0 ? flags : flags | O_LARGEFILE, mode));
    yield* task.files.fill(fd, file);
    return fd;
  } catch (error) {
    yield* task.files.cancel(fd);
    throw error;
  }
}

/** fstatat(2), stat(2), lstat(2). @param flags AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH */
export function fstatat(task: Task, dirfd: number, path: string, flags: number): Stat {
  if (path === '' && (flags & AT_EMPTY_PATH) !== 0) {
    const base = dirfd < 0 ? undefined : anyFileOf(task, dirfd);
    return base === undefined ? task.system.vfs.stat(task, 'cwd', '.', true) : base.inode.stat();
  }
  return task.system.vfs.stat(task, baseOf(task, dirfd, path), path, (flags & AT_SYMLINK_NOFOLLOW) === 0);
}

/** faccessat(2). @param mode of MAY_ bits, as R_OK, W_OK, X_OK are; 0 asks whether it exists */
export function faccessat(task: Task, dirfd: number, path: string, mode: number): number {
  if ((mode & ~7) !== 0) throw new Errno('EINVAL', 'unknown access bits');
  task.system.vfs.access(task, baseOf(task, dirfd, path), path, mode);
  return 0;
}

export function readlinkat(task: Task, dirfd: number, path: string): string {
  return task.system.vfs.readlink(task, baseOf(task, dirfd, path), path);
}

export function mkdirat(task: Task, dirfd: number, path: string, mode: number): MaybeKernel<number> {
  return then0(task.system.vfs.mkdir(task, baseOf(task, dirfd, path), path, mode));
}

/** 0 once an operation is done. */
const then0 = (operation: MaybeKernel<unknown>): MaybeKernel<number> => (isKernel(operation) ? later0(operation) : 0);

function* later0(operation: Kernel<unknown>): Kernel<number> {
  yield* operation;
  return 0;
}

/** unlinkat(2). @param flags AT_REMOVEDIR for rmdir */
export function unlinkat(task: Task, dirfd: number, path: string, flags: number): MaybeKernel<number> {
  if ((flags & ~AT_REMOVEDIR) !== 0) throw new Errno('EINVAL', 'unknown flags');
  const base = baseOf(task, dirfd, path);
  const { vfs } = task.system;
  return then0((flags & AT_REMOVEDIR) !== 0 ? vfs.rmdir(task, base, path) : vfs.unlink(task, base, path));
}

export function linkat(task: Task, fromDirfd: number, from: string, toDirfd: number, to: string, flags: number): number {
  const follow = (flags & AT_SYMLINK_FOLLOW) !== 0;
  task.system.vfs.link(task, baseOf(task, fromDirfd, from), from, baseOf(task, toDirfd, to), to, follow);
  return 0;
}

export function symlinkat(task: Task, target: string, dirfd: number, path: string): MaybeKernel<number> {
  return then0(task.system.vfs.symlink(task, target, baseOf(task, dirfd, path), path));
}

export function renameat(task: Task, fromDirfd: number, from: string, toDirfd: number, to: string): number {
  task.system.vfs.rename(task, baseOf(task, fromDirfd, from), from, baseOf(task, toDirfd, to), to);
  return 0;
}

/** Whether a call with AT_EMPTY_PATH means the descriptor itself. */
const isDescriptor = (dirfd: number, path: string, flags: number) => path === '' && (flags & AT_EMPTY_PATH) !== 0 && dirfd >= 0;

/** fchmodat2(2). @param flags AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH */
export function fchmodat(task: Task, dirfd: number, path: string, mode: number, flags = 0): number {
  if (isDescriptor(dirfd, path, flags)) {
    anyFileOf(task, dirfd).inode.chmod(task.credentials, mode);
    return 0;
  }
  task.system.vfs.chmod(task, baseOf(task, dirfd, path), path, mode);
  return 0;
}

export function fchownat(task: Task, dirfd: number, path: string, uid: number, gid: number, flags: number): number {
  if (isDescriptor(dirfd, path, flags)) {
    anyFileOf(task, dirfd).inode.chown(task.credentials, uid, gid);
    return 0;
  }
  task.system.vfs.chown(task, baseOf(task, dirfd, path), path, uid, gid, (flags & AT_SYMLINK_NOFOLLOW) === 0);
  return 0;
}

export function utimensat(
  task: Task,
  dirfd: number,
  path: string,
  atime: Timespec | 'now' | 'omit',
  mtime: Timespec | 'now' | 'omit',
  flags: number,
): number {
  if (isDescriptor(dirfd, path, flags)) {
    anyFileOf(task, dirfd).inode.setTimes(task.credentials, atime, mtime);
    return 0;
  }
  task.system.vfs.setTimes(task, baseOf(task, dirfd, path), path, atime, mtime, (flags & AT_SYMLINK_NOFOLLOW) === 0);
  return 0;
}

/** truncate(2). @throws Errno EINVAL for a negative length or what is not a regular file, EISDIR, EACCES */
export function truncate(task: Task, path: string, length: number): number {
  if (length < 0) throw new Errno('EINVAL', 'the length is negative');
  task.system.vfs.truncate(task, 'cwd', path, length);
  return 0;
}

export function chdir(task: Task, path: string): number {
  task.system.vfs.chdir(task, 'cwd', path);
  return 0;
}

export function fchdir(task: Task, fd: number): number {
  task.system.vfs.chdir(task, anyFileOf(task, fd) as Base, '.');
  return 0;
}

export function getcwd(task: Task): string {
  return task.system.vfs.getcwd(task);
}

/** umask(2). @returns the one before */
export function umask(task: Task, mask: number): number {
  const before = task.fs.umask;
  task.fs.umask = mask & 0o777;
  return before;
}
