import type { MaybeKernel } from './colour.ts';
import type { NodeMaker } from './devices.ts';
import type { DirectoryEntry, File } from './file.ts';
import type { Stat, Timespec } from './inode.ts';
import type { SysfsDirectory } from './sysfs.ts';
import type { Task } from './task.ts';

/** Where a path begins: a directory's open file, or the task's working directory. */
export type Base = File | 'cwd';

/**
 * The file tree, as path calls see it. All paths are walked with the credentials of the task. Implemented by `src/vfs`.
 *
 * Errors of the walk: ENOENT (also for the empty path), ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
 */
export interface Vfs extends NodeMaker {
  /** The top of sysfs, for the kernel to fill. */
  readonly sysfs: SysfsDirectory;
  /** Called when a name in sysfs or /proc or a mount has come or gone. */
  onChange: (() => void) | undefined;
  /** What is mounted, in the order it was. */
  readonly mounts: readonly { readonly path: string }[];
  /** Paths of folders that {@link claimFolder} made. */
  readonly claimed: readonly string[];
  /**
   * Makes a folder of the root file system that native programs find in the machine, not in the host.
   *
   * @param folder absolute
   * @param link a link of the root to make, by which one comes to it, too: /lib on most systems
   * @param target of that link
   */
  claimFolder(folder: string, link: string, target: string): void;
  /** All names in a directory, whoever may read it; none when it is no directory. @param path absolute, without symlinks */
  namesIn(path: string): readonly DirectoryEntry[];
  /** A device number for a file system that has none of its own: get_anon_bdev. */
  takeDev(): number;
  /** The working directory and umask that the first task starts with: the root, and 022. */
  initialContext(): FsContext;
  /** What open(2) refuses before it takes a descriptor. @throws Errno EINVAL, ENOENT for the empty path, ENAMETOOLONG */
  checkOpen(path: string, flags: number): void;
  /** open(2), O_CREAT and its like included. @param mode of a new file, before the umask */
  open(task: Task, base: Base, path: string, flags: number, mode: number): MaybeKernel<File>;
  /** A new file without a name, in memory. @param flags MFD_ bits that are valid together */
  createMemfd(task: Task, name: string, flags: number): File;
  /** Opens what an open file's link in /proc/self/fd leads to. */
  reopen(task: Task, file: File, flags: number): MaybeKernel<File>;
  stat(task: Task, base: Base, path: string, followLast: boolean): Stat;
  access(task: Task, base: Base, path: string, mask: number): void;
  readlink(task: Task, base: Base, path: string): string;
  mkdir(task: Task, base: Base, path: string, mode: number): MaybeKernel<unknown>;
  rmdir(task: Task, base: Base, path: string): MaybeKernel<void>;
  unlink(task: Task, base: Base, path: string): MaybeKernel<void>;
  link(task: Task, fromBase: Base, from: string, toBase: Base, to: string, followLast: boolean): void;
  symlink(task: Task, target: string, base: Base, path: string): MaybeKernel<unknown>;
  rename(task: Task, fromBase: Base, from: string, toBase: Base, to: string): void;
  chmod(task: Task, base: Base, path: string, mode: number): void;
  chown(task: Task, base: Base, path: string, uid: number, gid: number, followLast: boolean): void;
  setTimes(
    task: Task,
    base: Base,
    path: string,
    atime: Timespec | 'now' | 'omit',
    mtime: Timespec | 'now' | 'omit',
    followLast: boolean,
  ): void;
  truncate(task: Task, base: Base, path: string, length: number): void;
  chdir(task: Task, base: Base, path: string): void;
  /** Absolute path of the working directory. */
  getcwd(task: Task): string;
  statfs(task: Task, base: Base, path: string): StatFs;
  /** Of an open file. */
  statfsOf(file: File): StatFs;
  /** A number of the mount that a file was opened in, as fdinfo shows it. */
  mountIdOf(file: File): number;
  /** Lines of /proc/mounts. */
  describeMounts(): Iterable<string>;
  /** Lines of /proc/PID/mountinfo. */
  describeMountInfo(): Iterable<string>;
  mount(task: Task, source: string, path: string, type: string, flags: number, data: string): MaybeKernel<void>;
  umount(task: Task, path: string, flags: number): void;
}

/** What statfs(2) answers. File systems in memory count no blocks. */
export interface StatFs {
  /** The magic number. */
  readonly type: number;
  readonly bsize: number;
  readonly namelen: number;
  /** ST_ bits. */
  readonly flags: number;
  /** The device number of the file system. */
  readonly fsid: number;
}

/** Working directory and umask of a task, as `fs_struct`. */
export interface FsContext {
  /** The file tree's own. */
  cwd: unknown;
  umask: number;
}
