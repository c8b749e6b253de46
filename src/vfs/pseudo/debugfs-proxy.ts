/** fs/debugfs/file.c: a driver's operations, as long as its file exists. */
import { Errno } from '../../abi/index.ts';
import { DEFAULT_POLLMASK, POLLHUP } from '../../abi/uapi/index.ts';
import type { FileOperations } from '../../kernel/index.ts';
import type { TreeInode } from '../tree-inode.ts';

/**
 * Operations that ask before each call whether the file is still there.
 *
 * @throws Errno from then on EIO, ENOENT for open; poll answers POLLHUP
 */
export function proxied(real: FileOperations, isGone: () => boolean): FileOperations {
  const { poll } = real;
  const guarded = <A extends unknown[], R>(operation: (...args: A) => R) => {
    return (...args: A): R => {
      if (isGone()) throw new Errno('EIO', 'the file has been removed from debugfs');
      return operation(...args);
    };
  };
  return {
    ...real,
    open(file, task) {
      if (isGone()) throw new Errno('ENOENT', 'the file has been removed from debugfs');
      return real.open?.(file, task);
    },
    truncate: (file, length) => (file.inode as TreeInode).truncate(length),
    poll: (file, table) => (isGone() ? POLLHUP : (poll?.(file, table) ?? DEFAULT_POLLMASK)),
    ...(real.read && { read: guarded(real.read) }),
    ...(real.write && { write: guarded(real.write) }),
    ...(real.llseek && { llseek: guarded(real.llseek) }),
    ...(real.ioctl && { ioctl: guarded(real.ioctl) }),
    ...(real.mmap && { mmap: guarded(real.mmap) }),
  };
}
