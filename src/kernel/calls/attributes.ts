import type { Stat, Timespec } from '../inode.ts';
import type { Task } from '../task.ts';
import { anyFileOf, fileOf } from './lookup.ts';

/** fstat(2). @throws Errno EBADF */
export function fstat(task: Task, fd: number): Stat {
  return anyFileOf(task, fd).inode.stat();
}

/** fchmod(2). @throws Errno EBADF, EPERM */
export function fchmod(task: Task, fd: number, mode: number): number {
  fileOf(task, fd).inode.chmod(task.credentials, mode);
  return 0;
}

/** fchown(2); -1 leaves an id alone. @throws Errno EBADF, EPERM */
export function fchown(task: Task, fd: number, uid: number, gid: number): number {
  fileOf(task, fd).inode.chown(task.credentials, uid, gid);
  return 0;
}

/** futimens(3). @throws Errno EBADF, EPERM, EACCES */
export function futimens(task: Task, fd: number, atime: Timespec | 'now' | 'omit', mtime: Timespec | 'now' | 'omit'): number {
  fileOf(task, fd).inode.setTimes(task.credentials, atime, mtime);
  return 0;
}
