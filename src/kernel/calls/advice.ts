/** Calls about a file's cached pages: mm/fadvise.c, mm/readahead.c, fs/sync.c. Nothing here has pages to read or to write back. */
import { Errno } from '../../abi/index.ts';
import { POSIX_FADV_NOREUSE, POSIX_FADV_NORMAL, S_IFDIR, S_IFIFO, S_IFREG, SYNC_FILE_RANGE_MASK } from '../../abi/uapi/index.ts';
import { FMODE_READ } from '../file.ts';
import type { Task } from '../task.ts';
import { fileOf } from './lookup.ts';

/** posix_fadvise(2). @throws Errno EBADF; ESPIPE for a pipe; EINVAL for a negative length or unknown advice */
export function fadvise(task: Task, fd: number, _offset: number, length: number, advice: number): number {
  const file = fileOf(task, fd);
  if (file.inode.isType(S_IFIFO)) throw new Errno('ESPIPE', 'a pipe has no pages');
  if (length < 0) throw new Errno('EINVAL', 'the length is negative');
  if (advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE) throw new Errno('EINVAL', `advice ${advice} is unknown`);
  return 0;
}

/** readahead(2). @throws Errno EBADF, also when not open for reading; EINVAL for what is not a regular file */
export function readahead(task: Task, fd: number): number {
  const file = fileOf(task, fd);
  if ((file.mode & FMODE_READ) === 0) throw new Errno('EBADF', 'not open for reading');
  if (!file.inode.isType(S_IFREG)) throw new Errno('EINVAL', 'not a regular file');
  return 0;
}

/** sync_file_range(2). @throws Errno EBADF; EINVAL for the range or unknown flags; ESPIPE for what is not a file or directory */
export function syncFileRange(task: Task, fd: number, offset: number, length: number, flags: number): number {
  const { inode } = fileOf(task, fd);
  if ((flags & ~SYNC_FILE_RANGE_MASK) !== 0) throw new Errno('EINVAL', 'unknown flags');
  if (offset < 0 || length < 0 || offset + length >= 2 ** 63) throw new Errno('EINVAL', 'the range is negative or too long');
  if (!inode.isType(S_IFREG) && !inode.isType(S_IFDIR)) throw new Errno('ESPIPE', 'the file has no pages');
  return 0;
}

/** syncfs(2). @throws Errno EBADF */
export function syncfs(task: Task, fd: number): number {
  fileOf(task, fd);
  return 0;
}
