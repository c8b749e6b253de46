/** Who may add and remove names, and whose what they make is: the may_ functions of fs/namei.c, inode_init_owner of fs/inode.c. */
import { Errno } from '../abi/index.ts';
import { S_IFDIR, S_IFMT, S_ISGID, S_ISVTX } from '../abi/uapi/index.ts';
import { type Credentials, type Inode, inGroup, isCapable, MAY_EXEC, MAY_WRITE, type Task } from '../kernel/index.ts';
import type { Dentry } from './dentry.ts';
import type { NewInode } from './tree-inode.ts';

const S_IXGRP = 0o010;

/** @throws Errno ENOENT when the directory has been removed, EACCES */
export function mayCreate(credentials: Credentials, directory: Dentry): void {
  if (directory.isUnlinked) throw new Errno('ENOENT', `${directory.path} has been removed`);
  directory.inode.permit(credentials, MAY_WRITE | MAY_EXEC);
}

/**
 * @param asDirectory whether rmdir(2), or a rename of a directory, takes the name away
 * @throws Errno EACCES, EPERM in a sticky directory, ENOTDIR, EISDIR, EBUSY for the root of a file system
 */
export function mayDelete(credentials: Credentials, directory: Dentry, victim: Dentry, asDirectory: boolean): void {
  directory.inode.permit(credentials, MAY_WRITE | MAY_EXEC);
  if (isSticky(credentials, directory.inode, victim.inode)) throw new Errno('EPERM', `${directory.path} is sticky`);
  if (asDirectory && !victim.isDirectory) throw new Errno('ENOTDIR', `${victim.path} is not a directory`);
  if (!asDirectory && victim.isDirectory) throw new Errno('EISDIR', `${victim.path} is a directory`);
}

/** check_sticky. */
function isSticky(credentials: Credentials, directory: Inode, victim: Inode): boolean {
  return (directory.mode & S_ISVTX) !== 0 && !victim.isOwnedBy(credentials) && !directory.isOwnedBy(credentials);
}

/**
 * Owner and mode of what a task makes in a directory.
 *
 * @param mode type and permissions as the call was given them
 * @throws Errno ENOMEM
 */
export function newInode(task: Task, directory: Inode, mode: number): NewInode {
  task.system.kmalloc('struct dentry');
  const { credentials } = task;
  const inherits = (directory.mode & S_ISGID) !== 0;
  let permissions = mode & 0o7777;
  const isDirectory = (mode & S_IFMT) === S_IFDIR;
  if (inherits && isDirectory) permissions |= S_ISGID;
  else if (inherits && (mode & S_ISGID) !== 0 && (mode & S_IXGRP) !== 0) {
    // A program of a group that its maker is not in.
    if (!isCapable(credentials) && !inGroup(credentials, directory.gid)) permissions &= ~S_ISGID;
  }
  return {
    mode: (mode & S_IFMT) | (permissions & ~task.fs.umask),
    uid: credentials.uid,
    gid: inherits ? directory.gid : credentials.gid,
  };
}
