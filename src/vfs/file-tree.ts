import type { Volume } from 'memfs';
import { Errno } from '../abi/index.ts';
import { S_IFREG, SYSFS_MAGIC, UMOUNT_NOFOLLOW } from '../abi/uapi/index.ts';
import {
  type Base,
  type DirectoryEntry,
  type File,
  type FileSystem,
  type FsContext,
  type Kernel,
  MAY_EXEC,
  MAY_WRITE,
  type MaybeKernel,
  makedev,
  type Stat,
  type StatFs,
  type System,
  type Task,
  type Timespec,
  type Vfs,
} from '../kernel/index.ts';
import type { PhysicalMemory } from '../memory/index.ts';
import { Dentry } from './dentry.ts';
import { Devtmpfs } from './devtmpfs.ts';
import { registerFileSystem } from './file-system-types.ts';
import { Memfds } from './memfd.ts';
import { MemfsStorage } from './memfs-storage.ts';
import { checkUnmountFlags, Mounts } from './mounts.ts';
import * as names from './names.ts';
import { checkOpen, open, reopen } from './open.ts';
import { configfs } from './pseudo/configfs.ts';
import { debugfs } from './pseudo/debugfs.ts';
import { Kernfs, type KernfsDirectory } from './pseudo/kernfs.ts';
import { addKernelFiles } from './pseudo/proc-kernel.ts';
import { procfs } from './pseudo/procfs.ts';
import { StoredTmpfs } from './stored-tmpfs.ts';
import { MemoryTmpfs } from './tmpfs-mount.ts';
import { type Directory, Symlink } from './tree-inode.ts';
import { Walk } from './walk.ts';

/** Minor numbers of file systems without a device, under major 0; those below are the kernel's own anonymous ones. */
const FIRST_DEV = 20;

/** The file tree of a machine: a tmpfs over a memfs volume at the root, devtmpfs at /dev, and whatever else is mounted. */
export class FileTree implements Vfs {
  /** Names and bytes of the root's regular files, directories and symlinks; anybody may change it at any time. */
  readonly volume: Volume;
  readonly #root: Dentry;
  readonly sysfs: KernfsDirectory;
  readonly #devtmpfs: Devtmpfs;
  readonly #mounts: Mounts;
  readonly #memfds: Memfds;
  readonly claimed: string[] = [];
  #nextDev = FIRST_DEV;
  onChange: (() => void) | undefined;

  /** @param ram where memory files have their pages */
  constructor(system: System, ram: PhysicalMemory) {
    const storage = new MemfsStorage();
    this.volume = storage.volume;
    this.#root = new Dentry(new StoredTmpfs(system, storage, this.takeDev()).root, undefined, '');
    this.#mounts = new Mounts(system, () => this.onChange?.());
    this.#mounts.add({ root: this.#root, source: 'rootfs', fs: this.#root.inode.fs, flags: 0 });
    this.#memfds = new Memfds(system, ram);
    this.#devtmpfs = new Devtmpfs(system, storage, this.takeDev());
    this.sysfs = new Kernfs(system, 'sysfs', SYSFS_MAGIC, this.takeDev(), () => this.onChange?.()).root;
    for (const type of [
      { name: 'sysfs', mount: () => this.sysfs },
      { name: 'tmpfs', mount: () => new MemoryTmpfs(system, storage, this.takeDev()).root },
      { name: 'devtmpfs', mount: () => this.#devtmpfs.root },
    ])
      registerFileSystem(system, type);
    this.attach('/dev', this.#devtmpfs.root, 'devtmpfs');
  }

  /** A device number for a file system that has none of its own: get_anon_bdev. */
  takeDev(): number {
    return makedev(0, this.#nextDev++);
  }

  /**
   * Mounts a file system, as the kernel does at boot.
   *
   * @param path absolute; its last name need not exist
   * @param source what /proc/mounts says it is of
   * @throws Errno ENOENT when a folder on the way is missing, ENOTDIR, EBUSY when something is mounted there
   */
  attach(path: string, root: Directory, source: string = root.fs.type): void {
    const parts = path.split('/').filter((name) => name !== '');
    const name = parts.pop();
    let at = this.#root;
    for (const part of parts) {
      const next = at.lookup(part);
      if (next === undefined) throw new Errno('ENOENT', `there is no ${part} in ${at.path}`);
      at = next;
    }
    if (name === undefined || at.lookup(name)?.isMountPoint) throw new Errno('EBUSY', `something is mounted at ${path}`);
    if (!at.isDirectory) throw new Errno('ENOTDIR', `${at.path} is not a directory`);
    this.#mounts.add({ root: at.mount(name, root), source, fs: root.fs, flags: 0 });
  }

  /** What an init program mounts when the kernel has come up. */
  mountPseudo(system: System): void {
    addKernelFiles(system);
    this.attach('/proc', procfs(system));
    this.attach('/sys', this.sysfs);
    system.deviceModel.kernel.createMountPoint('debug');
    this.attach('/sys/kernel/debug', debugfs(system));
    system.deviceModel.kernel.createMountPoint('config');
    this.attach('/sys/kernel/config', configfs(system));
  }

  /** What is mounted, in the order it was. */
  get mounts(): readonly { readonly path: string; readonly fs: FileSystem }[] {
    return this.#mounts.all.map(({ root, fs }) => ({ path: root.path, fs }));
  }

  claimFolder(folder: string, link: string, target: string): void {
    this.volume.mkdirSync(folder, { recursive: true });
    this.volume.symlinkSync(target, link);
    this.claimed.push(folder, folder.replace(target, link));
    this.onChange?.();
  }

  namesIn(path: string): readonly DirectoryEntry[] {
    let at: Dentry | undefined = this.#root;
    for (const part of path.split('/').filter((name) => name !== '')) at = at?.isDirectory ? at.lookup(part) : undefined;
    return at?.isDirectory ? [...at.entries()].filter(({ name }) => name !== '.' && name !== '..') : [];
  }

  mountIdOf(file: File): number {
    return this.#mounts.idOf(file);
  }

  /** What /proc/mounts says. */
  describeMountInfo(): Iterable<string> {
    return this.#mounts.infoLines();
  }

  describeMounts(): Iterable<string> {
    return this.#mounts.lines();
  }

  /** @throws Errno as {@link Mounts.mount}; as the walk */
  mount(task: Task, source: string, path: string, type: string, flags: number, data: string): Kernel<void> {
    return this.#mounts.mount(task, source, this.#lookup(task, 'cwd', path, true), type, flags, data);
  }

  /** @throws Errno as {@link Mounts.umount}; as the walk */
  umount(task: Task, path: string, flags: number): void {
    checkUnmountFlags(flags);
    this.#mounts.umount(task, this.#lookup(task, 'cwd', path, (flags & UMOUNT_NOFOLLOW) === 0), flags);
  }

  statfs(task: Task, base: Base, path: string): StatFs {
    return this.#mounts.statfs(this.#lookup(task, base, path, true));
  }

  statfsOf(file: File): StatFs {
    return this.#mounts.statfsOf(file);
  }

  createNode(path: string, mode: number, rdev: number): void {
    this.#devtmpfs.createNode(path, mode, rdev);
  }

  removeNode(path: string, rdev: number): void {
    this.#devtmpfs.removeNode(path, rdev);
  }

  initialContext(): FsContext {
    return { cwd: this.#root, umask: 0o022 };
  }

  checkOpen(path: string, flags: number): void {
    checkOpen(path, flags);
  }

  open(task: Task, base: Base, path: string, flags: number, mode: number): MaybeKernel<File> {
    return open(this.#root, task, base, path, flags, mode);
  }

  createMemfd(task: Task, name: string, flags: number): File {
    return this.#memfds.create(task, name, flags);
  }

  reopen(task: Task, file: File, flags: number): MaybeKernel<File> {
    return reopen(task, file, flags);
  }

  stat(task: Task, base: Base, path: string, followLast: boolean): Stat {
    return this.#lookup(task, base, path, followLast).inode.stat();
  }

  access(task: Task, base: Base, path: string, mask: number): void {
    this.#lookup(task, base, path, true).inode.permit(task.credentials, mask);
  }

  /** @throws Errno EINVAL for what is not a symlink; as the walk */
  readlink(task: Task, base: Base, path: string): string {
    const { inode } = this.#lookup(task, base, path, false);
    if (!(inode instanceof Symlink)) throw new Errno('EINVAL', `${path} is not a symlink`);
    inode.accessed();
    return inode.target(task);
  }

  mkdir(task: Task, base: Base, path: string, mode: number): MaybeKernel<unknown> {
    return names.mkdir(this.#root, task, base, path, mode);
  }

  rmdir(task: Task, base: Base, path: string): MaybeKernel<void> {
    return names.rmdir(this.#root, task, base, path);
  }

  unlink(task: Task, base: Base, path: string): MaybeKernel<void> {
    return names.unlink(this.#root, task, base, path);
  }

  link(task: Task, fromBase: Base, from: string, toBase: Base, to: string, followLast: boolean): void {
    names.link(this.#root, task, fromBase, from, toBase, to, followLast);
  }

  symlink(task: Task, target: string, base: Base, path: string): MaybeKernel<unknown> {
    return names.symlink(this.#root, task, target, base, path);
  }

  rename(task: Task, fromBase: Base, from: string, toBase: Base, to: string): void {
    names.rename(this.#root, task, fromBase, from, toBase, to);
  }

  chmod(task: Task, base: Base, path: string, mode: number): void {
    this.#lookup(task, base, path, true).inode.chmod(task.credentials, mode);
  }

  chown(task: Task, base: Base, path: string, uid: number, gid: number, followLast: boolean): void {
    this.#lookup(task, base, path, followLast).inode.chown(task.credentials, uid, gid);
  }

  setTimes(
    task: Task,
    base: Base,
    path: string,
    atime: Timespec | 'now' | 'omit',
    mtime: Timespec | 'now' | 'omit',
    followLast: boolean,
  ): void {
    // Linux does not even look at the path then.
    if (atime === 'omit' && mtime === 'omit') return;
    this.#lookup(task, base, path, followLast).inode.setTimes(task.credentials, atime, mtime);
  }

  /** @throws Errno EISDIR, EINVAL for other things without bytes, EACCES, EFBIG; as the walk */
  truncate(task: Task, base: Base, path: string, length: number): void {
    const { inode } = this.#lookup(task, base, path, true);
    if (inode.isDirectory) throw new Errno('EISDIR', `${path} is a directory`);
    if (!inode.isType(S_IFREG)) throw new Errno('EINVAL', `${path} is not a regular file`);
    inode.permit(task.credentials, MAY_WRITE);
    inode.dropPrivileges(task.credentials);
    inode.truncate(length);
  }

  /** @throws Errno ENOTDIR, EACCES for a directory that must not be searched; as the walk */
  chdir(task: Task, base: Base, path: string): void {
    const directory = new Walk(this.#root, task).lookup(base, path, true, true);
    directory.inode.permit(task.credentials, MAY_EXEC);
    task.fs.cwd = directory;
  }

  /** @throws Errno ENOENT when the directory has been removed */
  getcwd(task: Task): string {
    const cwd = task.fs.cwd as Dentry;
    if (cwd.isUnlinked) throw new Errno('ENOENT', `${cwd.path}: the working directory is gone`);
    return cwd.path;
  }

  #lookup(task: Task, base: Base, path: string, followLast: boolean): Dentry {
    return new Walk(this.#root, task).lookup(base, path, followLast);
  }
}
