import { isKernel, type Kernel, type MaybeKernel } from '../colour.ts';
import type { Task } from '../task.ts';
import type { StatFs } from '../vfs.ts';
import { anyFileOf } from './lookup.ts';

/** statfs(2). @throws Errno as the walk */
export function statfs(task: Task, path: string): StatFs {
  return task.system.vfs.statfs(task, 'cwd', path);
}

/** fstatfs(2). @throws Errno EBADF */
export function fstatfs(task: Task, fd: number): StatFs {
  return task.system.vfs.statfsOf(anyFileOf(task, fd));
}

/**
 * mount(2) of a file system type.
 *
 * @throws Errno EPERM for anyone but root, ENODEV for an unknown type, ENOTDIR, EINVAL for other things than mounting, what the file
 *   system says; as the walk
 */
export function mount(task: Task, source: string, path: string, type: string, flags: number, data: string): MaybeKernel<number> {
  const mounting = task.system.vfs.mount(task, source, path, type, flags, data);
  return isKernel(mounting) ? done(mounting) : 0;
}

function* done(mounting: Kernel<void>): Kernel<number> {
  yield* mounting;
  return 0;
}

/** umount2(2). @throws Errno EINVAL for unknown flags or what is not mounted, EPERM, EBUSY, EAGAIN for MNT_EXPIRE; as the walk */
export function umount(task: Task, path: string, flags: number): number {
  task.system.vfs.umount(task, path, flags);
  return 0;
}
