import { type AnyRequest, hasTail, type Layout, type Request, type Struct } from '../../abi/index.ts';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  epoll_event,
  iovec,
  MAP_SHARED,
  O_CLOEXEC,
  O_RDONLY,
  PROT_READ,
  PROT_WRITE,
  XATTR_LIST_MAX,
  XATTR_SIZE_MAX,
} from '../../abi/uapi/index.ts';
import {
  type AddressSpace,
  type Credentials,
  calls,
  type DirectoryEntry,
  type EpollEvent,
  type ExitStatus,
  type FdTable,
  type IoVector,
  type Kernel,
  type PollEntry,
  type SignalAction,
  type Stat,
  type StatFs,
  sleep,
  type Task,
  type Timespec,
  type Vma,
  yieldNow,
} from '../../kernel/index.ts';
import type { Caller, Mode, Result } from './caller.ts';

/** A program: a generator that is given its calls. What it throws ends it; what it returns is its result. */
export type Program<T = void> = (sys: Sys<'task'>) => Kernel<T>;

/** A task that runs a program. */
export interface Running<T> {
  readonly pid: number;
  /** The program's result, once it has ended. @throws what the program threw */
  result(): T;
}

/** Starts programs: the part of a machine that `fork` needs. */
export interface ProgramStarter {
  start<T>(task: Task, program: Program<T>): Running<T>;
}

/** A mapping in a task's memory. */
export interface Mapping {
  readonly address: number;
  readonly length: number;
  /**
   * The bytes, when they lie in one piece of memory: a window, not a copy, also for a device that shares them. Gone once unmapped.
   * @throws Errno EFAULT when the mapping is made of several pieces: read those by `sys.peek`
   */
  readonly bytes: Uint8Array;
}

export interface MapOptions {
  readonly length: number;
  /** PROT_READ | PROT_WRITE when left out. */
  readonly prot?: number;
  /** MAP_SHARED when left out. */
  readonly flags?: number;
  readonly offset?: number;
  /** With MAP_FIXED and its like. */
  readonly address?: number;
}

export interface PollQuestion {
  readonly fd: number;
  readonly events: number;
}

/** What an entry of an epoll set waits for. */
export interface EpollQuestion {
  readonly events: number;
  /** 64 bits that come back with each event; 0 when left out. */
  readonly data?: number | bigint;
}

/** Pieces of a task's memory, or an array of `struct iovec` that lies there. */
export type Vectors = readonly IoVector[] | { readonly address: number; readonly count: number };

/** Anything that a call writes: bytes, or text that is written as UTF-8. */
export type Data = Uint8Array | string;

const utf8 = new TextEncoder();
const bytesOf = (data: Data): Uint8Array => (typeof data === 'string' ? utf8.encode(data) : data);
const same = <T>(value: T): T => value;
/** Larger arguments get memory of their own. */
const ARGUMENTS_MAX = 0x8000;
const EVENTS_AT_A_TIME_MAX = 65536;

/**
 * The system calls of one task, as a TypeScript program makes them. Errors are thrown as {@link Errno}; descriptors are numbers,
 * structs are objects, everything else is as in C. In mode `task` every call is run by `yield*`, in mode `async` by `await`.
 */
export class Sys<M extends Mode> {
  readonly #caller: Caller<M>;
  readonly #task: Task;
  readonly #space: AddressSpace;
  readonly #programs: ProgramStarter;

  constructor(caller: Caller<M>, programs: ProgramStarter) {
    const { space } = caller.task;
    if (space === undefined) throw new Error(`${caller.task.describe()} is not in process`);
    this.#caller = caller;
    this.#task = caller.task;
    this.#space = space;
    this.#programs = programs;
  }

  get pid(): number {
    return this.#task.pid;
  }

  // ---- files by name --------------------------------------------------------

  /** open(2). @param mode of a file that O_CREAT makes, before the umask @returns the descriptor */
  open(path: string, flags = O_RDONLY, mode = 0o666): Result<M, number> {
    return this.openat(AT_FDCWD, path, flags, mode);
  }

  openat(dirfd: number, path: string, flags = O_RDONLY, mode = 0o666): Result<M, number> {
    return this.#call('openat', [dirfd, path, flags, mode], () => calls.openat(this.#task, dirfd, path, flags, mode));
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
    return this.#call('fstatat', [dirfd, path, flags], () => calls.fstatat(this.#task, dirfd, path, flags));
  }

  /** access(2). @param mode R_OK 4, W_OK 2, X_OK 1, F_OK 0 */
  access(path: string, mode = 0): Result<M, number> {
    return this.#call('faccessat', [AT_FDCWD, path, mode], () => calls.faccessat(this.#task, AT_FDCWD, path, mode));
  }

  readlink(path: string): Result<M, string> {
    return this.#call('readlinkat', [AT_FDCWD, path], () => calls.readlinkat(this.#task, AT_FDCWD, path));
  }

  mkdir(path: string, mode = 0o777): Result<M, number> {
    return this.#call('mkdirat', [AT_FDCWD, path, mode], () => calls.mkdirat(this.#task, AT_FDCWD, path, mode));
  }

  rmdir(path: string): Result<M, number> {
    return this.#call('unlinkat', [AT_FDCWD, path, AT_REMOVEDIR], () => calls.unlinkat(this.#task, AT_FDCWD, path, AT_REMOVEDIR));
  }

  unlink(path: string): Result<M, number> {
    return this.#call('unlinkat', [AT_FDCWD, path, 0], () => calls.unlinkat(this.#task, AT_FDCWD, path, 0));
  }

  link(from: string, to: string): Result<M, number> {
    return this.#call('linkat', [AT_FDCWD, from, AT_FDCWD, to, 0], () => calls.linkat(this.#task, AT_FDCWD, from, AT_FDCWD, to, 0));
  }

  symlink(target: string, path: string): Result<M, number> {
    return this.#call('symlinkat', [target, AT_FDCWD, path], () => calls.symlinkat(this.#task, target, AT_FDCWD, path));
  }

  rename(from: string, to: string): Result<M, number> {
    return this.#call('renameat', [AT_FDCWD, from, AT_FDCWD, to], () => calls.renameat(this.#task, AT_FDCWD, from, AT_FDCWD, to));
  }

  chmod(path: string, mode: number): Result<M, number> {
    return this.#call('fchmodat', [AT_FDCWD, path, mode], () => calls.fchmodat(this.#task, AT_FDCWD, path, mode));
  }

  chown(path: string, uid: number, gid: number): Result<M, number> {
    return this.#call('fchownat', [AT_FDCWD, path, uid, gid, 0], () => calls.fchownat(this.#task, AT_FDCWD, path, uid, gid, 0));
  }

  lchown(path: string, uid: number, gid: number): Result<M, number> {
    const flags = AT_SYMLINK_NOFOLLOW;
    return this.#call('fchownat', [AT_FDCWD, path, uid, gid, flags], () => calls.fchownat(this.#task, AT_FDCWD, path, uid, gid, flags));
  }

  utimens(path: string, atime: Timespec | 'now' | 'omit', mtime: Timespec | 'now' | 'omit', flags = 0): Result<M, number> {
    return this.#call('utimensat', [AT_FDCWD, path], () => calls.utimensat(this.#task, AT_FDCWD, path, atime, mtime, flags));
  }

  truncate(path: string, length: number): Result<M, number> {
    return this.#call('truncate', [path, length], () => calls.truncate(this.#task, path, length));
  }

  chdir(path: string): Result<M, number> {
    return this.#call('chdir', [path], () => calls.chdir(this.#task, path));
  }

  getcwd(): Result<M, string> {
    return this.#call('getcwd', [], () => calls.getcwd(this.#task));
  }

  statfs(path: string): Result<M, StatFs> {
    return this.#call('statfs', [path], () => calls.statfs(this.#task, path));
  }

  fstatfs(fd: number): Result<M, StatFs> {
    return this.#call('fstatfs', [fd], () => calls.fstatfs(this.#task, fd));
  }

  /** mount(2). @param flags MS_ bits */
  mount(source: string, path: string, type: string, flags = 0, data = ''): Result<M, number> {
    return this.#call('mount', [source, path, type, flags], () => calls.mount(this.#task, source, path, type, flags, data));
  }

  /** umount2(2). @param flags MNT_ bits */
  umount(path: string, flags = 0): Result<M, number> {
    return this.#call('umount2', [path, flags], () => calls.umount(this.#task, path, flags));
  }

  umask(mask: number): Result<M, number> {
    return this.#call('umask', [mask], () => calls.umask(this.#task, mask));
  }

  // ---- descriptors ------------------------------------------------------------

  close(fd: number): Result<M, number> {
    return this.#call('close', [fd], () => calls.close(this.#task, fd));
  }

  dup(fd: number): Result<M, number> {
    return this.#call('dup', [fd], () => calls.dup(this.#task, fd));
  }

  dup2(from: number, to: number): Result<M, number> {
    return this.#call('dup2', [from, to], () => calls.dup2(this.#task, from, to));
  }

  dup3(from: number, to: number, flags: number): Result<M, number> {
    return this.#call('dup3', [from, to, flags], () => calls.dup3(this.#task, from, to, flags));
  }

  fcntl(fd: number, command: number, argument = 0): Result<M, number> {
    return this.#call('fcntl', [fd, command, argument], () => calls.fcntl(this.#task, fd, command, argument));
  }

  fstat(fd: number): Result<M, Stat> {
    return this.#call('fstat', [fd], () => calls.fstat(this.#task, fd));
  }

  fchmod(fd: number, mode: number): Result<M, number> {
    return this.#call('fchmod', [fd, mode], () => calls.fchmod(this.#task, fd, mode));
  }

  fchown(fd: number, uid: number, gid: number): Result<M, number> {
    return this.#call('fchown', [fd, uid, gid], () => calls.fchown(this.#task, fd, uid, gid));
  }

  futimens(fd: number, atime: Timespec | 'now' | 'omit', mtime: Timespec | 'now' | 'omit'): Result<M, number> {
    return this.#call('futimens', [fd], () => calls.futimens(this.#task, fd, atime, mtime));
  }

  fsync(fd: number): Result<M, number> {
    return this.#call('fsync', [fd], () => calls.fsync(this.#task, fd));
  }

  ftruncate(fd: number, length: number): Result<M, number> {
    return this.#call('ftruncate', [fd, length], () => calls.ftruncate(this.#task, fd, length));
  }

  fallocate(fd: number, mode: number, offset: number, length: number): Result<M, number> {
    return this.#call('fallocate', [fd, mode, offset, length], () => calls.fallocate(this.#task, fd, mode, offset, length));
  }

  /** flock(2). @param operation LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB */
  flock(fd: number, operation: number): Result<M, number> {
    return this.#call('flock', [fd, operation], () => calls.flock(this.#task, fd, operation));
  }

  /** fgetxattr(2). @param room in bytes */
  fgetxattr(fd: number, name: string, room = XATTR_SIZE_MAX): Result<M, Uint8Array> {
    const text = this.#filled(utf8.encode(`${name}\0`));
    const memory = this.allocate(room);
    return this.#caller.call(
      'fgetxattr',
      [fd, name],
      () => calls.fgetxattr(this.#task, fd, text.address, memory.address, room),
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
    const all = this.#filled(Buffer.concat([bytes, utf8.encode(`${name}\0`)]));
    const begin = () => calls.fsetxattr(this.#task, fd, all.address + bytes.length, all.address, bytes.length, flags);
    return this.#caller.call('fsetxattr', [fd, name, flags], begin, same, all.free);
  }

  /** flistxattr(2). @returns the names */
  flistxattr(fd: number): Result<M, string[]> {
    const memory = this.allocate(XATTR_LIST_MAX);
    return this.#caller.call(
      'flistxattr',
      [fd],
      () => calls.flistxattr(this.#task, fd, memory.address, XATTR_LIST_MAX),
      (length) => Buffer.from(memory.bytes.subarray(0, length)).toString('latin1').split('\0').slice(0, -1),
      () => this.free(memory),
    );
  }

  fremovexattr(fd: number, name: string): Result<M, number> {
    const text = this.#filled(utf8.encode(`${name}\0`));
    return this.#caller.call('fremovexattr', [fd, name], () => calls.fremovexattr(this.#task, fd, text.address), same, text.free);
  }

  /** The text of /proc/self/fdinfo/N. */
  fdinfo(fd: number): Result<M, string> {
    const files = this.#task.files as FdTable;
    return this.#call('fdinfo', [fd], () => calls.fdinfo(this.#task, fd, files.closeOnExec(fd)));
  }

  /** readlink(2) of /proc/self/fd/N. */
  fdLink(fd: number): Result<M, string> {
    return this.#call('readlinkat', [`/proc/self/fd/${fd}`], () => calls.fdLink(this.#task, fd));
  }

  /** open(2) of /proc/self/fd/N. @returns the new descriptor */
  reopen(fd: number, flags: number): Result<M, number> {
    return this.#call('openat', [AT_FDCWD, `/proc/self/fd/${fd}`, flags], () => calls.reopen(this.#task, fd, flags));
  }

  /** getdents(2): every name in an open directory, `.` and `..` included. */
  getdents(fd: number): Result<M, readonly DirectoryEntry[]> {
    return this.#call('getdents', [fd], () => calls.getdents(this.#task, fd));
  }

  /** getdents64(2) with a buffer of so many bytes. @returns the entries that have room, and the bytes they take */
  getdents64(fd: number, length: number): Result<M, { readonly entries: readonly DirectoryEntry[]; readonly bytes: number }> {
    return this.#call('getdents64', [fd, length], () => calls.getdents64(this.#task, fd, length));
  }

  fchdir(fd: number): Result<M, number> {
    return this.#call('fchdir', [fd], () => calls.fchdir(this.#task, fd));
  }

  // ---- bytes ------------------------------------------------------------------

  /** read(2). @returns the bytes that came: at most `count`, none at the end */
  read(fd: number, count: number): Result<M, Uint8Array> {
    const buffer = this.#room(count);
    return this.#caller.call(
      'read',
      [fd, count],
      () => calls.read(this.#task, fd, [buffer]),
      (done) => this.#space.bytes(buffer.address, count).slice(0, done),
      buffer.free,
    );
  }

  /** write(2). @returns how many bytes were taken */
  write(fd: number, data: Data): Result<M, number> {
    const buffer = this.#filled(bytesOf(data));
    return this.#caller.call('write', [fd, buffer.length], () => calls.write(this.#task, fd, [buffer]), same, buffer.free);
  }

  pread(fd: number, count: number, offset: number): Result<M, Uint8Array> {
    const buffer = this.#room(count);
    return this.#caller.call(
      'pread',
      [fd, count, offset],
      () => calls.pread(this.#task, fd, [buffer], offset),
      (done) => this.#space.bytes(buffer.address, count).slice(0, done),
      buffer.free,
    );
  }

  pwrite(fd: number, data: Data, offset: number): Result<M, number> {
    const buffer = this.#filled(bytesOf(data));
    return this.#caller.call(
      'pwrite',
      [fd, buffer.length, offset],
      () => calls.pwrite(this.#task, fd, [buffer], offset),
      same,
      buffer.free,
    );
  }

  /** readv(2) into memory of the task. @returns bytes read */
  readv(fd: number, vectors: Vectors): Result<M, number> {
    return this.#vectored('readv', fd, vectors, (at, count) => calls.readv(this.#task, fd, at, count));
  }

  /** writev(2) from memory of the task. */
  writev(fd: number, vectors: Vectors): Result<M, number> {
    return this.#vectored('writev', fd, vectors, (at, count) => calls.writev(this.#task, fd, at, count));
  }

  /** preadv2(2); preadv(2) without flags. @param offset undefined for the file's own position */
  preadv2(fd: number, vectors: Vectors, offset: number | undefined, flags = 0): Result<M, number> {
    return this.#vectored('preadv2', fd, vectors, (at, count) => calls.preadv2(this.#task, fd, at, count, offset, flags));
  }

  pwritev2(fd: number, vectors: Vectors, offset: number | undefined, flags = 0): Result<M, number> {
    return this.#vectored('pwritev2', fd, vectors, (at, count) => calls.pwritev2(this.#task, fd, at, count, offset, flags));
  }

  /** sendfile(2) from the file's own position. */
  sendfile(outFd: number, inFd: number, count: number): Result<M, number> {
    return this.#call('sendfile', [outFd, inFd, count], () => calls.sendfile(this.#task, outFd, inFd, 0, count));
  }

  /** splice(2) at the files' own positions. */
  splice(inFd: number, outFd: number, length: number, flags = 0): Result<M, number> {
    return this.#call('splice', [inFd, outFd, length, flags], () => calls.splice(this.#task, inFd, 0, outFd, 0, length, flags));
  }

  /** copy_file_range(2) at the files' own positions. */
  copyFileRange(inFd: number, outFd: number, length: number): Result<M, number> {
    const begin = () => calls.copyFileRange(this.#task, inFd, 0, outFd, 0, length, 0);
    return this.#call('copy_file_range', [inFd, outFd, length], begin);
  }

  /** posix_fadvise(2). */
  fadvise(fd: number, offset: number, length: number, advice: number): Result<M, number> {
    return this.#call('fadvise64', [fd, offset, length, advice], () => calls.fadvise(this.#task, fd, offset, length, advice));
  }

  readahead(fd: number): Result<M, number> {
    return this.#call('readahead', [fd], () => calls.readahead(this.#task, fd));
  }

  syncFileRange(fd: number, offset: number, length: number, flags: number): Result<M, number> {
    return this.#call('sync_file_range', [fd, offset, length, flags], () => calls.syncFileRange(this.#task, fd, offset, length, flags));
  }

  syncfs(fd: number): Result<M, number> {
    return this.#call('syncfs', [fd], () => calls.syncfs(this.#task, fd));
  }

  lseek(fd: number, offset: number, whence: number): Result<M, number> {
    return this.#call('lseek', [fd, offset, whence], () => calls.lseek(this.#task, fd, offset, whence));
  }

  /**
   * ioctl(2). With a typed request: its argument is checked and encoded, and the answer is what the request gives: the struct for
   * requests that the kernel answers in, else the return value. With a number: the argument is passed as it is.
   */
  ioctl<A, D, R, W>(fd: number, request: Request<A, D, R, W>, ...argument: A extends undefined ? [] : [A]): Result<M, R>;
  ioctl(fd: number, request: number, argument: number): Result<M, number>;
  ioctl(fd: number, request: AnyRequest | number, argument?: any): Result<M, any> {
    if (typeof request === 'number') return this.#ioctl(fd, request, argument as number);
    if (request.shape === 'none' || request.shape === 'value')
      return this.#ioctl(fd, request.number, (argument as number | undefined) ?? 0);
    if (request.shape === 'string') {
      const text = this.#filled(utf8.encode(`${argument as string}\0`));
      return this.#ioctl(fd, request.number, text.address, same, text.free);
    }
    const layout = request.layout as Layout<any, any>;
    const { address, free } = this.#struct(layout, request.shape === 'out' ? undefined : argument);
    if (request.shape === 'in') return this.#ioctl(fd, request.number, address, same, free);
    const decode = () => layout.decode(this.#space.view, this.#space.readable(address, layout.size));
    return this.#ioctl(fd, request.number, address, decode, free);
  }

  #ioctl<R>(fd: number, request: number, argument: number, end: (value: number) => R = same as never, free?: () => void): Result<M, R> {
    return this.#caller.call('ioctl', [fd, request, argument], () => calls.ioctl(this.#task, fd, request, argument), end, free);
  }

  /**
   * poll(2).
   *
   * @param timeout_ms of virtual time; -1 for no end, 0 to only look
   * @returns revents of each question
   */
  poll(questions: readonly PollQuestion[], timeout_ms = -1): Result<M, number[]> {
    const entries: PollEntry[] = questions.map(({ fd, events }) => ({ fd, events, revents: 0 }));
    const timeout_ns = timeout_ms < 0 ? Number.POSITIVE_INFINITY : timeout_ms * 1e6;
    return this.#caller.call(
      'poll',
      [entries, timeout_ms],
      () => calls.poll(this.#task, entries, timeout_ns),
      () => entries.map((entry) => entry.revents),
    );
  }

  /** epoll_create(2). @param size only has to be positive */
  epoll_create(size: number): Result<M, number> {
    return this.#call('epoll_create', [size], () => calls.epoll_create(this.#task, size));
  }

  /** epoll_create1(2). @param flags EPOLL_CLOEXEC */
  epoll_create1(flags = 0): Result<M, number> {
    return this.#call('epoll_create1', [flags], () => calls.epoll_create1(this.#task, flags));
  }

  /** epoll_ctl(2). @param event a NULL pointer when left out */
  epoll_ctl(epfd: number, op: number, fd: number, event?: EpollQuestion): Result<M, number> {
    if (event === undefined) return this.#call('epoll_ctl', [epfd, op, fd, 0], () => calls.epoll_ctl(this.#task, epfd, op, fd, 0));
    const { address, free } = this.#struct(epoll_event, event);
    const begin = () => calls.epoll_ctl(this.#task, epfd, op, fd, address);
    return this.#caller.call('epoll_ctl', [epfd, op, fd, address], begin, same, free);
  }

  /**
   * epoll_wait(2).
   *
   * @param maxevents of more than 65536, so many come at a time
   * @param timeout_ms of virtual time; -1 for no end, 0 to only look
   * @returns the events that came, in order
   */
  epoll_wait(epfd: number, maxevents: number, timeout_ms = -1): Result<M, EpollEvent[]> {
    return this.#epollWait('epoll_wait', epfd, maxevents, timeout_ms, (address, count, timeout_ns) =>
      calls.epoll_wait(this.#task, epfd, address, count, timeout_ns),
    );
  }

  /** epoll_pwait(2). @param blocked signals that are blocked instead of none while the call waits */
  epoll_pwait(epfd: number, maxevents: number, timeout_ms: number, blocked: readonly number[]): Result<M, EpollEvent[]> {
    return this.#epollWait('epoll_pwait', epfd, maxevents, timeout_ms, (address, count, timeout_ns) =>
      calls.epoll_pwait(this.#task, epfd, address, count, timeout_ns, blocked),
    );
  }

  #epollWait(
    name: string,
    epfd: number,
    maxevents: number,
    timeout_ms: number,
    wait: (address: number, count: number, timeout_ns: number) => Kernel<number>,
  ): Result<M, EpollEvent[]> {
    const isAllowed = maxevents <= calls.EPOLL_EVENTS_MAX;
    const count = isAllowed ? Math.min(maxevents, EVENTS_AT_A_TIME_MAX) : maxevents;
    const room = this.#room(isAllowed ? Math.max(count, 0) * epoll_event.size : 0);
    const timeout_ns = timeout_ms < 0 ? Number.POSITIVE_INFINITY : timeout_ms * 1e6;
    return this.#caller.call(
      name,
      [epfd, room.address, maxevents, timeout_ms],
      () => wait(room.address, count, timeout_ns),
      (ready) =>
        Array.from({ length: ready }, (_, index) => {
          const at = this.#space.readable(room.address + index * epoll_event.size, epoll_event.size);
          return epoll_event.decode(this.#space.view, at);
        }),
      room.free,
    );
  }

  // ---- memory -------------------------------------------------------------------

  /** mmap(2) of a file. */
  mmap(fd: number, options: MapOptions): Result<M, Mapping> {
    const { length, prot: protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED, offset = 0, address = 0 } = options;
    return this.#caller.call(
      'mmap',
      [address, length, protection, flags, fd, offset],
      () => calls.mmap(this.#task, fd, { address, length, protection, flags, offset }),
      (vma) => this.#mapping(vma, length),
    );
  }

  munmap(mapping: Pick<Mapping, 'address' | 'length'>): Result<M, number> {
    const { address, length } = mapping;
    return this.#call('munmap', [address, length], () => calls.munmap(this.#task, address, length));
  }

  mprotect(mapping: Pick<Mapping, 'address' | 'length'>, prot: number): Result<M, number> {
    const { address, length } = mapping;
    return this.#call('mprotect', [address, length, prot], () => calls.mprotect(this.#task, address, length, prot));
  }

  /** mremap(2). @param to where, with MREMAP_FIXED @returns the address that it has then */
  mremap(mapping: Pick<Mapping, 'address' | 'length'>, length: number, flags = 0, to = 0): Result<M, number> {
    const { address } = mapping;
    const begin = () => calls.mremap(this.#task, address, mapping.length, length, flags, to);
    return this.#call('mremap', [address, mapping.length, length, flags], begin);
  }

  /** msync(2). @param flags MS_SYNC or MS_ASYNC, MS_INVALIDATE */
  msync(mapping: Pick<Mapping, 'address' | 'length'>, flags: number): Result<M, number> {
    const { address, length } = mapping;
    return this.#call('msync', [address, length, flags], () => calls.msync(this.#task, address, length, flags));
  }

  madvise(mapping: Pick<Mapping, 'address' | 'length'>, advice: number): Result<M, number> {
    const { address, length } = mapping;
    return this.#call('madvise', [address, length, advice], () => calls.madvise(this.#task, address, length, advice));
  }

  /** Memory of the task's own, for pointers inside arguments: zero, page aligned, with an unmapped page behind it. No call. */
  allocate(length: number): Mapping {
    const address = this.#space.allocate(length);
    const space = this.#space;
    return {
      address,
      length,
      get bytes() {
        return space.bytes(address, length);
      },
    };
  }

  /**
   * What a load instruction reads: a copy of the bytes. No call.
   *
   * @throws Errno EFAULT where a program would get SIGSEGV
   */
  peek(address: number, length: number): Uint8Array {
    return this.#space.load(address, length);
  }

  /** What a store instruction does. No call. @throws Errno EFAULT where a program would get SIGSEGV; bytes before it are stored */
  poke(address: number, bytes: Uint8Array): void {
    this.#space.store(address, bytes);
  }

  /** Frees what {@link allocate} gave. */
  free(memory: Pick<Mapping, 'address' | 'length'>): void {
    this.#space.unmap(memory.address, Math.ceil(memory.length / 4096) * 4096);
  }

  // ---- passing descriptors --------------------------------------------------------

  /** socketpair(2): AF_UNIX, SOCK_SEQPACKET. @param flags O_CLOEXEC, O_NONBLOCK */
  socketpair(flags = 0): Result<M, [number, number]> {
    return this.#call('socketpair', [flags], () => calls.socketpair(this.#task, flags));
  }

  /** sendmsg(2), with descriptors by SCM_RIGHTS. */
  sendmsg(fd: number, data: Data, fds: readonly number[] = []): Result<M, number> {
    return this.#call('sendmsg', [fd, fds.length], () => calls.sendmsg(this.#task, fd, bytesOf(data), fds));
  }

  /** recvmsg(2). @param flags O_CLOEXEC as MSG_CMSG_CLOEXEC @returns no bytes at the end */
  recvmsg(fd: number, flags = 0): Result<M, calls.ReceivedMessage> {
    return this.#call('recvmsg', [fd, flags], () => calls.recvmsg(this.#task, fd, (flags & O_CLOEXEC) !== 0));
  }

  // ---- tasks ------------------------------------------------------------------------

  /** fork(2): a child with copies of the descriptors and of the memory runs the program. @returns its pid */
  fork(program: Program<any>): Result<M, number> {
    return this.#call('fork', [], () => this.#programs.start(this.#task.system.tasks.fork(this.#task), program).pid);
  }

  /** A thread: it shares descriptors and memory. @returns its tid */
  thread(program: Program<any>): Result<M, number> {
    return this.#call('clone', [], () => this.#programs.start(this.#task.system.tasks.thread(this.#task), program).pid);
  }

  /** waitpid(2). */
  waitpid(pid: number): Result<M, ExitStatus> {
    return this.#call('waitpid', [pid], () => this.#task.system.tasks.wait(pid));
  }

  kill(pid: number, signal: number): Result<M, number> {
    return this.#call('kill', [pid, signal], () => calls.kill(this.#task, pid, signal));
  }

  sigaction(signal: number, action: SignalAction | 'ignore' | 'default'): Result<M, number> {
    return this.#call('sigaction', [signal], () => calls.sigaction(this.#task, signal, action));
  }

  /** setresuid(2), setresgid(2) and setgroups(2) at once. There is no way back: only root may. */
  setCredentials(credentials: Credentials): void {
    if (this.#task.credentials.uid !== 0) throw new Error('only root may change who it is');
    this.#task.credentials = credentials;
  }

  /** setrlimit(2) for RLIMIT_NOFILE. @param limit one more than the highest descriptor that new ones may get */
  setFileLimit(limit: number): Result<M, number> {
    return this.#call('setrlimit', ['RLIMIT_NOFILE', limit], () => calls.setFileLimit(this.#task, limit));
  }

  /** Lets other tasks go first. */
  sched_yield(): Result<M, void> {
    return this.#call('sched_yield', [], () => yieldNow());
  }

  /** Sleeps in virtual time. */
  nanosleep(duration_ns: number): Result<M, void> {
    return this.#call('nanosleep', [duration_ns], () => sleep(duration_ns));
  }

  // ---- the door's own ---------------------------------------------------------------

  #call<T>(name: string, args: readonly unknown[], begin: () => T | Kernel<T>): Result<M, T> {
    return this.#caller.call(name, args, begin, same);
  }

  /** A call that takes an array of `struct iovec`. */
  #vectored(name: string, fd: number, vectors: Vectors, begin: (address: number, count: number) => Kernel<number>) {
    if ('address' in vectors) return this.#call(name, [fd, vectors.count], () => begin(vectors.address, vectors.count));
    const room = this.#room(vectors.length * iovec.size);
    const bytes = this.#space.bytes(room.address, Math.max(room.length, 1));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const [index, { address, length }] of vectors.entries())
      iovec.encode(view, index * iovec.size, { iov_base: address, iov_len: length });
    return this.#caller.call(name, [fd, vectors.length], () => begin(room.address, vectors.length), same, room.free);
  }

  /** Memory for an argument of that length until `free` is called. */
  #room(length: number): IoVector & { readonly free: () => void } {
    if (length <= ARGUMENTS_MAX) {
      const address = this.#space.pushArguments(length);
      return { address, length, free: () => this.#space.dropArguments(address) };
    }
    const memory = this.allocate(length);
    return { address: memory.address, length, free: () => this.free(memory) };
  }

  #filled(bytes: Uint8Array): IoVector & { readonly free: () => void } {
    const room = this.#room(bytes.length);
    if (bytes.length > 0) this.#space.bytes(room.address, bytes.length).set(bytes);
    return room;
  }

  #struct(layout: Layout<any, any>, value: unknown): { readonly address: number; readonly free: () => void } {
    const length = hasTail(layout) && value !== undefined ? (layout as Struct<any>).sizeOf(value as never) : layout.size;
    const address = this.#space.pushArguments(length);
    const at = this.#space.readable(address, length);
    layout.encode(this.#space.view, at, value);
    if (length > layout.size) (layout as Struct<any>).encodeTail(this.#space.view, at, value as never);
    return { address, free: () => this.#space.dropArguments(address) };
  }

  #mapping(vma: Vma, length: number): Mapping {
    const space = this.#space;
    const { address } = vma;
    return {
      address,
      length,
      get bytes() {
        return space.bytes(address, length);
      },
    };
  }
}
