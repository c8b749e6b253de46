import { Errno } from '../abi/index.ts';
import { SEEK_CUR, SEEK_SET } from '../abi/uapi/index.ts';
import type { FileOperations } from '../kernel/index.ts';
import { type Dentry, dentryOf } from './dentry.ts';
import type { TreeInode } from './tree-inode.ts';

/** What an open directory does: simple_offset_dir_operations of fs/libfs.c. */
export const directoryOperations: FileOperations = {
  read() {
    throw new Errno('EISDIR', 'a directory has no bytes');
  },

  llseek(file, offset, whence) {
    const position = whence === SEEK_CUR ? file.position + offset : offset;
    if ((whence !== SEEK_SET && whence !== SEEK_CUR) || position < 0) throw new Errno('EINVAL', 'a directory has no such position');
    file.position = position;
    return position;
  },

  fsync() {},

  readdir(file) {
    const dentry = dentryOf(file) as Dentry;
    if (dentry.isUnlinked) throw new Errno('ENOENT', `${dentry.path}: the directory is gone`);
    (file.inode as TreeInode).accessed(file);
    return [...dentry.entries()];
  },
};
