/** A driver's operations as long as its file exists: the proxies of fs/debugfs/file.c and fs/proc/inode.c. */
import { Errno, type ErrnoName } from '../../abi/index.ts';
import { DEFAULT_POLLMASK } from '../../abi/uapi/index.ts';
import type { FileOperations } from '../../kernel/index.ts';
import type { TreeInode } from '../tree-inode.ts';

/** What calls answer once the file has gone; read, write and mmap answer EIO. */
export interface Gone {
  readonly llseek: ErrnoName;
  readonly ioctl: ErrnoName;
  /** POLL bits. */
  readonly poll: number;
}

/**
 * Operations that ask before each call whether the file is still there.
 *
 * @throws Errno from then on what `gone` says, ENOENT for open
 */
export function proxied(real: FileOperations, isGone: () => boolean, gone: Gone): FileOperations {
  const { poll = () => DEFAULT_POLLMASK } = real;
  const guarded = <A extends unknown[], R>(operation: (...args: A) => R, code: ErrnoName = 'EIO') => {
    return (...args: A): R => {
      if (isGone()) throw new Errno(code, 'the file has been removed');
      return operation(...args);
    };
  };
  return {
    ...real,
    open: guarded((file, task) => real.open?.(file, task), 'ENOENT'),
    truncate: (file, length) => (file.inode as TreeInode).truncate(length),
    poll: (file, table) => (isGone() ? gone.poll : poll(file, table)),
    ...(real.read && { read: guarded(real.read) }),
    ...(real.write && { write: guarded(real.write) }),
    ...(real.llseek && { llseek: guarded(real.llseek, gone.llseek) }),
    ...(real.ioctl && { ioctl: guarded(real.ioctl, gone.ioctl) }),
    ...(real.mmap && { mmap: guarded(real.mmap) }),
  };
}
