import { AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, O_RDONLY } from '../../../abi/uapi/index.ts';
import { calls, type Stat, type StatFs, type Timespec } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { SysBase } from './base.ts';

/** Files by name. */
export abstract class PathSys<M extends Mode> extends SysBase<M> {
  /** open(2). @param mode of a file that O_CREAT makes, before the umask @returns the descriptor */
  open(path: string, flags = O_RDONLY, mode = 0o666): Result<M, number> {
    return this.openat(AT_FDCWD, path, flags, mode);
  }

  openat(dirfd: number, path: string, flags = O_RDONLY, mode = 0o666): Result<M, number> {
    return this.invoke('openat', [dirfd, path, flags, mode], () => calls.openat(this.task, dirfd, path, flags, mode));
  }

  /** stat(2). */
  stat(path: string): Result<M, Stat> {
    return this.fstatat(AT_FDCWD, path, 0);
  }

  /** lstat(2). */
  lstat(path: string): Result<M, Stat> {
    return this.fstatat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  fstatat(dirfd: number, path: string, flags: number): Result<M, Stat> {
    return this.invoke('fstatat', [dirfd, path, flags], () => calls.fstatat(this.task, dirfd, path, flags));
  }

  /** access(2). @param mode R_OK 4, W_OK 2, X_OK 1, F_OK 0 */
  access(path: string, mode = 0): Result<M, number> {
    return this.invoke('faccessat', [AT_FDCWD, path, mode], () => calls.faccessat(this.task, AT_FDCWD, path, mode));
  }

  readlink(path: string): Result<M, string> {
    return this.invoke('readlinkat', [AT_FDCWD, path], () => calls.readlinkat(this.task, AT_FDCWD, path));
  }

  mkdir(path: string, mode = 0o777): Result<M, number> {
    return this.invoke('mkdirat', [AT_FDCWD, path, mode], () => calls.mkdirat(this.task, AT_FDCWD, path, mode));
  }

  rmdir(path: string): Result<M, number> {
    return this.invoke('unlinkat', [AT_FDCWD, path, AT_REMOVEDIR], () => calls.unlinkat(this.task, AT_FDCWD, path, AT_REMOVEDIR));
  }

  unlink(path: string): Result<M, number> {
    return this.invoke('unlinkat', [AT_FDCWD, path, 0], () => calls.unlinkat(this.task, AT_FDCWD, path, 0));
  }

  link(from: string, to: string): Result<M, number> {
    return this.invoke('linkat', [AT_FDCWD, from, AT_FDCWD, to, 0], () => calls.linkat(this.task, AT_FDCWD, from, AT_FDCWD, to, 0));
  }

  symlink(target: string, path: string): Result<M, number> {
    return this.invoke('symlinkat', [target, AT_FDCWD, path], () => calls.symlinkat(this.task, target, AT_FDCWD, path));
  }

  rename(from: string, to: string): Result<M, number> {
    return this.invoke('renameat', [AT_FDCWD, from, AT_FDCWD, to], () => calls.renameat(this.task, AT_FDCWD, from, AT_FDCWD, to));
  }

  chmod(path: string, mode: number): Result<M, number> {
    return this.invoke('fchmodat', [AT_FDCWD, path, mode], () => calls.fchmodat(this.task, AT_FDCWD, path, mode));
  }

  chown(path: string, uid: number, gid: number): Result<M, number> {
    return this.invoke('fchownat', [AT_FDCWD, path, uid, gid, 0], () => calls.fchownat(this.task, AT_FDCWD, path, uid, gid, 0));
  }

  lchown(path: string, uid: number, gid: number): Result<M, number> {
    const flags = AT_SYMLINK_NOFOLLOW;
    return this.invoke('fchownat', [AT_FDCWD, path, uid, gid, flags], () => calls.fchownat(this.task, AT_FDCWD, path, uid, gid, flags));
  }

  utimens(path: string, atime: Timespec | 'now' | 'omit', mtime: Timespec | 'now' | 'omit', flags = 0): Result<M, number> {
    return this.invoke('utimensat', [AT_FDCWD, path], () => calls.utimensat(this.task, AT_FDCWD, path, atime, mtime, flags));
  }

  truncate(path: string, length: number): Result<M, number> {
    return this.invoke('truncate', [path, length], () => calls.truncate(this.task, path, length));
  }

  chdir(path: string): Result<M, number> {
    return this.invoke('chdir', [path], () => calls.chdir(this.task, path));
  }

  getcwd(): Result<M, string> {
    return this.invoke('getcwd', [], () => calls.getcwd(this.task));
  }

  statfs(path: string): Result<M, StatFs> {
    return this.invoke('statfs', [path], () => calls.statfs(this.task, path));
  }

  fstatfs(fd: number): Result<M, StatFs> {
    return this.invoke('fstatfs', [fd], () => calls.fstatfs(this.task, fd));
  }

  /** mount(2). @param flags MS_ bits */
  mount(source: string, path: string, type: string, flags = 0, data = ''): Result<M, number> {
    return this.invoke('mount', [source, path, type, flags, data], () => calls.mount(this.task, source, path, type, flags, data));
  }

  /** umount2(2). @param flags MNT_ bits */
  umount(path: string, flags = 0): Result<M, number> {
    return this.invoke('umount2', [path, flags], () => calls.umount(this.task, path, flags));
  }

  umask(mask: number): Result<M, number> {
    return this.invoke('umask', [mask], () => calls.umask(this.task, mask));
  }
}
