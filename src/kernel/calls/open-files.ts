/** What /proc/self/fd and /proc/self/fdinfo say of open files (fs/proc/fd.c). */
import { Errno } from '../../abi/index.ts';
import { O_CLOEXEC, O_LARGEFILE, O_PATH, S_IFREG } from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../colour.ts';
import type { File } from '../file.ts';
import { MAY_WRITE } from '../inode.ts';
import type { Task } from '../task.ts';
import { dropRecordLocks } from './locks.ts';
import { anyFileOf } from './lookup.ts';

/** What a number in /proc/self/fd stands for. @throws Errno ENOENT when it is not open */
function listed(task: Task, fd: number): File {
  const file = task.files.at(fd);
  if (file === undefined) throw new Errno('ENOENT', `descriptor ${fd} is not open`);
  return file;
}

/** readlink(2) of /proc/self/fd/N. @throws Errno ENOENT */
export function fdLink(task: Task, fd: number): string {
  return listed(task, fd).path;
}

/**
 * The text of /proc/self/fdinfo/N.
 *
 * @param closeOnExec whether the descriptor is, which shows in the flags
 * @throws Errno ENOENT
 */
export function fdinfo(task: Task, fd: number, closeOnExec: boolean): string {
  const file = listed(task, fd);
  const flags = (file.flags & ~O_CLOEXEC) | (closeOnExec ? O_CLOEXEC : 0);
  const { ino } = file.inode;
  const generic = `pos:\t${file.position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${file.system.vfs.mountIdOf(file)}\nino:\t${ino}\n`;
  return generic + ((file.flags & O_PATH) === 0 ? (file.ops.showFdinfo?.(file) ?? '') : '');
}

/** open(2) of /proc/self/fd/N. @throws Errno EINVAL, EMFILE, ENOENT, and as opening again says */
export function* reopen(task: Task, fd: number, flags: number): Kernel<number> {
  task.system.vfs.checkOpen('.', flags);
  const from = listed(task, fd).get();
  try {
    const made = yield* task.files.reserve((flags & O_CLOEXEC) !== 0);
    try {
      yield* task.files.fill(made, yield* finish(task.system.vfs.reopen(task, from, (flags & O_PATH) !== 0 ? flags : flags | O_LARGEFILE)));
      return made;
    } catch (error) {
      yield* task.files.cancel(made);
      throw error;
    }
  } finally {
    from.put();
  }
}

/** truncate(2) of /proc/self/fd/N. @throws Errno EINVAL, EISDIR, EBADF, EACCES */
export function truncateLinked(task: Task, fd: number, length: number): number {
  if (length < 0) throw new Errno('EINVAL', 'the length is negative');
  const file = anyFileOf(task, fd);
  if (file.inode.isDirectory) throw new Errno('EISDIR', 'a directory has no length');
  if (!file.inode.isType(S_IFREG) || file.ops.truncate === undefined) throw new Errno('EINVAL', 'not a regular file');
  file.inode.permit(task.credentials, MAY_WRITE);
  file.ops.truncate(file, length);
  return 0;
}

/** access(2) of /proc/self/fd/N. @throws Errno EINVAL, EBADF, EACCES */
export function faccess(task: Task, fd: number, mode: number): number {
  if ((mode & ~7) !== 0) throw new Errno('EINVAL', 'unknown access bits');
  anyFileOf(task, fd).inode.permit(task.credentials, mode);
  return 0;
}

/** The part of close(2) that a native program's own kernel does not do: record locks end. @throws Errno EBADF */
export function flush(task: Task, fd: number): number {
  dropRecordLocks(task, anyFileOf(task, fd));
  return 0;
}
