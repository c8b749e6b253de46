import { O_NOATIME, S_ISGID, S_ISUID } from '../abi/uapi/index.ts';
import {
  type Credentials,
  type File,
  type FileOperations,
  Inode,
  isCapable,
  type MaybeKernel,
  type Task,
  type Timespec,
} from '../kernel/index.ts';

import type { Dentry } from './dentry.ts';

/** Who a new inode belongs to. */
export interface NewInode {
  /** Type and permissions, the umask already taken off. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const isBefore = (a: Timespec, b: Timespec) => a.sec < b.sec || (a.sec === b.sec && a.nsec < b.nsec);
const DAY_s = 24 * 60 * 60;

/** An inode that a name can lead to. */
export abstract class TreeInode extends Inode {
  /** What files opened on it do: `i_fop`. @throws Errno ENXIO when nobody serves the device */
  abstract readonly operations: FileOperations;

  /**
   * O_TRUNC and truncate(2) on a regular file, the caller's rights checked. What has no length of its own ignores it.
   *
   * @throws Errno EFBIG
   */
  truncate(_length: number): void {}

  /**
   * file_remove_privs: whoever changes the bytes of a program, root apart, makes it run as who starts it. Also setgid without the
   * group's right to execute goes, if that is not the writer's group.
   */
  dropPrivileges(credentials: Credentials): void {
    if ((this.mode & (S_ISUID | S_ISGID)) === 0 || isCapable(credentials)) return;
    this.mode &= ~(S_ISUID | (this.losesSetgid(credentials) ? S_ISGID : 0));
  }

  /** Notes a reading, as a mount with `relatime` does: once after each change, and once a day. */
  accessed(file?: File): void {
    if (file !== undefined && (file.flags & O_NOATIME) !== 0) return;
    const now = this.fs.now();
    if (isBefore(this.mtime, this.atime) && isBefore(this.ctime, this.atime) && now.sec - this.atime.sec < DAY_s) return;
    this.atime = now;
  }

  /** Notes a change of content. */
  modified(): void {
    this.mtime = this.ctime = this.fs.now();
  }
}

/** A symbolic link. */
export abstract class Symlink extends TreeInode {
  readonly operations: FileOperations = {};

  /** The path it holds; never empty. @param task who asks, for links such as /proc/self */
  abstract target(task: Task): string;

  /**
   * nd_jump_link: where it leads when that is no path, as a link of /proc/PID/fd.
   *
   * @returns a name in the tree, or an inode that has none; undefined when the path is to be followed
   * @throws Errno EACCES, ENOENT
   */
  jump?(task: Task): Dentry | TreeInode;
}

/**
 * A directory, as every file system gives one: `struct inode_operations`. Tree and walk have checked rights, names and types before
 * they call; what an operation checks itself is said there. A file system leaves out what it does not allow: EPERM, for create
 * EACCES, for temporary EOPNOTSUPP.
 */
export abstract class Directory extends TreeInode {
  /** Names at which something is mounted. They count as names of this directory even where it does not know them. */
  readonly mountPoints = new Set<string>();

  /** Whether looking for a name that does not exist is an error by itself, so that nothing can be made: /proc. */
  readonly isFixed: boolean = false;

  /** The same inode for the same thing, as long as it exists. */
  abstract lookup(name: string): TreeInode | undefined;
  /** Names and inodes as readdir(3) shows them, `.` and `..` not among them, with their positions where these mean something. */
  abstract entries(): Iterable<readonly [name: string, inode: TreeInode, position?: number]>;

  create?(name: string, attributes: NewInode): TreeInode;
  mkdir?(name: string, attributes: NewInode): MaybeKernel<unknown>;
  /** @param resolve what the target leads to as a directory, from the task's working directory on; as the walk */
  symlink?(name: string, target: string, attributes: NewInode, resolve: () => TreeInode): MaybeKernel<unknown>;
  link?(name: string, inode: TreeInode): void;
  unlink?(name: string, inode: TreeInode): MaybeKernel<void>;
  /** @throws Errno ENOTEMPTY */
  rmdir?(name: string, inode: Directory): MaybeKernel<void>;
  /**
   * @param to a directory of the same file system, maybe this one
   * @param replaced what has that name already: not `inode`, and a directory only if that is one
   * @throws Errno ENOTEMPTY when a directory to replace has names in it
   */
  rename?(name: string, inode: TreeInode, to: Directory, newName: string, replaced: TreeInode | undefined): void;
  /** O_TMPFILE: a regular file without a name. */
  temporary?(attributes: NewInode): TreeInode;
}
