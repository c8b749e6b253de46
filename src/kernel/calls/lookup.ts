import { Errno } from '../../abi/index.ts';
import { AT_FDCWD } from '../../abi/uapi/index.ts';
import { type File, FMODE_PATH } from '../file.ts';
import type { Task } from '../task.ts';
import type { Base } from '../vfs.ts';

/** fdget: the file of a descriptor for the time of a call. @throws Errno EBADF, also for O_PATH descriptors */
export function fileOf(task: Task, fd: number): File {
  const file = task.files.at(fd);
  if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is not open`);
  if ((file.mode & FMODE_PATH) !== 0) throw new Errno('EBADF', `descriptor ${fd} is only a path`);
  return file;
}

/** fdget_raw: the same, O_PATH ones included. @throws Errno EBADF */
export function anyFileOf(task: Task, fd: number): File {
  const file = task.files.at(fd);
  if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is not open`);
  return file;
}

/** Where the path of an *at call begins. @throws Errno EBADF when that matters and the descriptor is not open */
export function baseOf(task: Task, dirfd: number, path: string): Base {
  if (dirfd === AT_FDCWD || path.startsWith('/')) return 'cwd';
  return anyFileOf(task, dirfd);
}
