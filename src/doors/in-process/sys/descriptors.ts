import { AT_FDCWD, XATTR_LIST_MAX, XATTR_SIZE_MAX } from '../../../abi/uapi/index.ts';
import { calls, type DirectoryEntry, type FdTable, type Stat, type Timespec } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { bytesOf, type Data, same, utf8 } from './base.ts';
import { PathSys } from './paths.ts';

/** Descriptors, and the files that they show. */
export abstract class DescriptorSys<M extends Mode> extends PathSys<M> {
  close(fd: number): Result<M, number> {
    return this.invoke('close', [fd], () => calls.close(this.task, fd));
  }

  dup(fd: number): Result<M, number> {
    return this.invoke('dup', [fd], () => calls.dup(this.task, fd));
  }

  dup2(from: number, to: number): Result<M, number> {
    return this.invoke('dup2', [from, to], () => calls.dup2(this.task, from, to));
  }

  dup3(from: number, to: number, flags: number): Result<M, number> {
    return this.invoke('dup3', [from, to, flags], () => calls.dup3(this.task, from, to, flags));
  }

  fcntl(fd: number, command: number, argument = 0): Result<M, number> {
    return this.invoke('fcntl', [fd, command, argument], () => calls.fcntl(this.task, fd, command, argument));
  }

  fstat(fd: number): Result<M, Stat> {
    return this.invoke('fstat', [fd], () => calls.fstat(this.task, fd));
  }

  fchmod(fd: number, mode: number): Result<M, number> {
    return this.invoke('fchmod', [fd, mode], () => calls.fchmod(this.task, fd, mode));
  }

  fchown(fd: number, uid: number, gid: number): Result<M, number> {
    return this.invoke('fchown', [fd, uid, gid], () => calls.fchown(this.task, fd, uid, gid));
  }

  futimens(fd: number, atime: Timespec | 'now' | 'omit', mtime: Timespec | 'now' | 'omit'): Result<M, number> {
    return this.invoke('futimens', [fd], () => calls.futimens(this.task, fd, atime, mtime));
  }

  fsync(fd: number): Result<M, number> {
    return this.invoke('fsync', [fd], () => calls.fsync(this.task, fd));
  }

  ftruncate(fd: number, length: number): Result<M, number> {
    return this.invoke('ftruncate', [fd, length], () => calls.ftruncate(this.task, fd, length));
  }

  fallocate(fd: number, mode: number, offset: number, length: number): Result<M, number> {
    return this.invoke('fallocate', [fd, mode, offset, length], () => calls.fallocate(this.task, fd, mode, offset, length));
  }

  /** flock(2). @param operation LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB */
  flock(fd: number, operation: number): Result<M, number> {
    return this.invoke('flock', [fd, operation], () => calls.flock(this.task, fd, operation));
  }

  /** fgetxattr(2). @param room in bytes */
  fgetxattr(fd: number, name: string, room = XATTR_SIZE_MAX): Result<M, Uint8Array> {
    const text = this.filled(utf8.encode(`${name}\0`));
    const memory = this.allocate(room);
    return this.caller.call(
      'fgetxattr',
      [fd, name],
      () => calls.fgetxattr(this.task, fd, text.address, memory.address, room),
      (length) => memory.bytes.slice(0, length),
      () => {
        this.free(memory);
        text.free();
      },
    );
  }

  /** fsetxattr(2). @param flags XATTR_CREATE, XATTR_REPLACE */
  fsetxattr(fd: number, name: string, value: Data, flags = 0): Result<M, number> {
    const bytes = bytesOf(value);
    const all = this.filled(Buffer.concat([bytes, utf8.encode(`${name}\0`)]));
    const begin = () => calls.fsetxattr(this.task, fd, all.address + bytes.length, all.address, bytes.length, flags);
    return this.caller.call('fsetxattr', [fd, name, flags], begin, same, all.free);
  }

  /** flistxattr(2). @returns the names */
  flistxattr(fd: number): Result<M, string[]> {
    const memory = this.allocate(XATTR_LIST_MAX);
    return this.caller.call(
      'flistxattr',
      [fd],
      () => calls.flistxattr(this.task, fd, memory.address, XATTR_LIST_MAX),
      (length) => Buffer.from(memory.bytes.subarray(0, length)).toString('latin1').split('\0').slice(0, -1),
      () => this.free(memory),
    );
  }

  fremovexattr(fd: number, name: string): Result<M, number> {
    const text = this.filled(utf8.encode(`${name}\0`));
    return this.caller.call('fremovexattr', [fd, name], () => calls.fremovexattr(this.task, fd, text.address), same, text.free);
  }

  /** The text of /proc/self/fdinfo/N. */
  fdinfo(fd: number): Result<M, string> {
    const files = this.task.files as FdTable;
    return this.invoke('fdinfo', [fd], () => calls.fdinfo(this.task, fd, files.closeOnExec(fd)));
  }

  /** readlink(2) of /proc/self/fd/N. */
  fdLink(fd: number): Result<M, string> {
    return this.invoke('readlinkat', [`/proc/self/fd/${fd}`], () => calls.fdLink(this.task, fd));
  }

  /** open(2) of /proc/self/fd/N. @returns the new descriptor */
  reopen(fd: number, flags: number): Result<M, number> {
    return this.invoke('openat', [AT_FDCWD, `/proc/self/fd/${fd}`, flags], () => calls.reopen(this.task, fd, flags));
  }

  /** getdents(2): every name in an open directory, `.` and `..` included. */
  getdents(fd: number): Result<M, readonly DirectoryEntry[]> {
    return this.invoke('getdents', [fd], () => calls.getdents(this.task, fd));
  }

  /** getdents64(2) with a buffer of so many bytes. @returns the entries that have room, and the bytes they take */
  getdents64(fd: number, length: number): Result<M, { readonly entries: readonly DirectoryEntry[]; readonly bytes: number }> {
    return this.invoke('getdents64', [fd, length], () => calls.getdents64(this.task, fd, length));
  }

  fchdir(fd: number): Result<M, number> {
    return this.invoke('fchdir', [fd], () => calls.fchdir(this.task, fd));
  }
}
