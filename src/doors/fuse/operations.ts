import { Errno } from '../../abi/index.ts';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  NAME_MAX,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NONBLOCK,
  PAGE_SIZE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  UTIME_NOW,
  UTIME_OMIT,
} from '../../abi/uapi/index.ts';
import {
  calls,
  type DirectoryEntry,
  type File,
  FMODE_LSEEK,
  FMODE_PREAD,
  FMODE_PWRITE,
  type Stat,
  type Task,
  type Timespec,
} from '../../kernel/index.ts';
import type { Call, Requests } from './requests.ts';
import { ATIME_SEC, CTIME_SEC, FLAGS, HANDLE, MTIME_SEC } from './shim.ts';

/** As fuse-native calls back: a negated errno or 0, and a result. */
type Done = (code: number, ...results: unknown[]) => void;

/** Flags that fcntl(2) may change while the file is open. */
const CHANGEABLE = O_APPEND | O_NONBLOCK;
/** What chown(2) leaves alone. */
const SAME_ID = 2 ** 32 - 1;

/** Linux does not let such a mount have device nodes; FIFOs and sockets it would serve itself. All of these are regular files here. */
function shownMode(mode: number): number {
  const type = mode & S_IFMT;
  return type === S_IFDIR || type === S_IFLNK ? mode : (mode & ~S_IFMT) | S_IFREG;
}

/** What fuse-native makes a `struct stat` of. Times and the whole of st_ino are put right by the native part. */
const shownStat = (stat: Stat) => ({
  mode: shownMode(stat.mode),
  uid: stat.uid,
  gid: stat.gid,
  size: stat.size,
  dev: stat.dev,
  nlink: stat.nlink,
  ino: stat.ino % 2 ** 32,
  blksize: stat.blksize,
  blocks: stat.blocks,
  atime: 0,
  mtime: 0,
  ctime: 0,
});

const shownEntry = ({ ino, type }: DirectoryEntry, dev: number) => ({
  mode: shownMode(type),
  ino: ino % 2 ** 32,
  dev,
  atime: 0,
  mtime: 0,
  ctime: 0,
});

function timeOf(sec: number, nsec: number): Timespec | 'now' | 'omit' {
  if (nsec === UTIME_NOW) return 'now';
  return nsec === UTIME_OMIT ? 'omit' : { sec, nsec };
}

/** The operations that fuse-native is given: what the kernel asks of a mounted file system, as calls of the machine's kernel. */
export function operations(requests: Requests) {
  const { files } = requests;

  /** Splits off the number by which the native part knows the request. */
  const split = (numbered: string): [number: number, path: string] => {
    const colon = numbered.indexOf(':');
    return [Number(numbered.slice(0, colon)), numbered.slice(colon + 1)];
  };
  const word = (number: number, which: number) => requests.word(number, which);

  /** Calls that give nothing back but success. */
  const plain = (number: number, done: Done, call: Call<unknown>) => requests.serve(number, call, (code) => done(-code));

  /** Bytes are moved where the kernel says, unless the file has no positions. */
  const moving = (number: number, fd: number, buffer: Uint8Array, length: number, offset: number, isWrite: boolean, done: Done) => {
    const bytes = buffer.subarray(0, length);
    const memory = [{ address: 0, length }];
    const file = files.at(fd) as File;
    const isPlaced = (file.mode & FMODE_LSEEK) !== 0 && (file.mode & (isWrite ? FMODE_PWRITE : FMODE_PREAD)) !== 0;
    file.flags = (file.flags & ~CHANGEABLE) | (word(number, FLAGS) & CHANGEABLE);
    const verb = isWrite ? 'write' : 'read';
    const call: Call<number> = isPlaced
      ? { name: `p${verb}`, args: [fd, length, offset], bytes, begin: (task) => calls[`p${verb}`](task, fd, memory, offset) }
      : { name: verb, args: [fd, length], bytes, begin: (task) => calls[verb](task, fd, memory) };
    // For fuse-native a number of bytes takes the place of the errno.
    requests.serve(number, call, (code, count = 0) => done(code === 0 ? count : -code));
  };

  const opening = (number: number, path: string, flags: number, mode: number, done: Done) =>
    requests.serve(
      number,
      { name: 'openat', args: [AT_FDCWD, path, flags, mode], begin: (task) => calls.openat(task, AT_FDCWD, path, flags | O_CLOEXEC, mode) },
      (code, fd = 0) => done(-code, fd),
    );

  const closing = (numbered: string, fd: number, done: Done) =>
    plain(split(numbered)[0], done, { name: 'close', args: [fd], begin: (task) => calls.close(task, fd) });

  return {
    getattr(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      const fd = word(number, HANDLE);
      const call: Call<Stat> =
        fd >= 0
          ? { name: 'fstat', args: [fd], begin: (task) => calls.fstat(task, fd) }
          : {
              name: 'fstatat',
              args: [AT_FDCWD, path, AT_SYMLINK_NOFOLLOW],
              begin: (task) => calls.fstatat(task, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW),
            };
      requests.serve(number, call, (code, stat) => {
        if (stat === undefined) return done(-code);
        for (const [first, time] of [
          [ATIME_SEC, stat.atime],
          [MTIME_SEC, stat.mtime],
          [CTIME_SEC, stat.ctime],
        ] as const) {
          requests.setWord(number, first, time.sec);
          requests.setWord(number, first + 1, time.nsec);
        }
        done(0, shownStat(stat));
      });
    },

    opendir(numbered: string, _flags: number, done: Done) {
      const [number, path] = split(numbered);
      opening(number, path, word(number, FLAGS) | O_DIRECTORY, 0, done);
    },

    readdir(numbered: string, done: Done) {
      const [number] = split(numbered);
      const fd = word(number, HANDLE);
      requests.serve(number, { name: 'getdents', args: [fd], begin: (task) => calls.getdents(task, fd) }, (code, entries) => {
        if (entries === undefined) return done(-code);
        const { dev } = (files.at(fd) as File).inode.fs;
        done(
          0,
          entries.map(({ name }) => name),
          entries.map((entry) => shownEntry(entry, dev)),
        );
      });
    },

    releasedir(numbered: string, fd: number, done: Done) {
      closing(numbered, fd, done);
    },

    open(numbered: string, _flags: number, done: Done) {
      const [number, path] = split(numbered);
      opening(number, path, word(number, FLAGS), 0, done);
    },

    create(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      opening(number, path, word(number, FLAGS) | O_CREAT, mode & ~S_IFMT, done);
    },

    read(numbered: string, fd: number, buffer: Uint8Array, length: number, offset: number, done: Done) {
      moving(split(numbered)[0], fd, buffer, length, offset, false, done);
    },

    write(numbered: string, fd: number, buffer: Uint8Array, length: number, offset: number, done: Done) {
      moving(split(numbered)[0], fd, buffer, length, offset, true, done);
    },

    release(numbered: string, fd: number, done: Done) {
      closing(numbered, fd, done);
    },

    fsync(numbered: string, _onlyData: number, fd: number, done: Done) {
      plain(split(numbered)[0], done, { name: 'fsync', args: [fd], begin: (task) => calls.fsync(task, fd) });
    },

    truncate(numbered: string, length: number, done: Done) {
      const [number, path] = split(numbered);
      const fd = word(number, HANDLE);
      plain(
        number,
        done,
        fd >= 0
          ? { name: 'ftruncate', args: [fd, length], begin: (task) => calls.ftruncate(task, fd, length) }
          : { name: 'truncate', args: [path, length], begin: (task) => calls.truncate(task, path, length) },
      );
    },

    utimens(numbered: string, _atime: number, _mtime: number, done: Done) {
      const [number, path] = split(numbered);
      const [atime, mtime] = [ATIME_SEC, MTIME_SEC].map((first) => timeOf(word(number, first), word(number, first + 1))) as [
        ReturnType<typeof timeOf>,
        ReturnType<typeof timeOf>,
      ];
      const begin = (task: Task) => calls.utimensat(task, AT_FDCWD, path, atime, mtime, AT_SYMLINK_NOFOLLOW);
      plain(number, done, { name: 'utimensat', args: [AT_FDCWD, path], begin });
    },

    readlink(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      const call = { name: 'readlinkat', args: [AT_FDCWD, path], begin: (task: Task) => calls.readlinkat(task, AT_FDCWD, path) };
      requests.serve(number, call, (code, target = '') => done(-code, target));
    },

    access(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, {
        name: 'faccessat',
        args: [AT_FDCWD, path, mode],
        begin: (task) => calls.faccessat(task, AT_FDCWD, path, mode),
      });
    },

    /** Regular files come by `create`. */
    mknod(numbered: string, mode: number, _dev: number, done: Done) {
      const [number, path] = split(numbered);
      const begin = () => {
        throw new Errno('EPERM', 'only the machine makes such nodes');
      };
      plain(number, done, { name: 'mknodat', args: [AT_FDCWD, path, mode], begin });
    },

    mkdir(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, { name: 'mkdirat', args: [AT_FDCWD, path, mode], begin: (task) => calls.mkdirat(task, AT_FDCWD, path, mode) });
    },

    rmdir(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      const begin = (task: Task) => calls.unlinkat(task, AT_FDCWD, path, AT_REMOVEDIR);
      plain(number, done, { name: 'unlinkat', args: [AT_FDCWD, path, AT_REMOVEDIR], begin });
    },

    unlink(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, { name: 'unlinkat', args: [AT_FDCWD, path, 0], begin: (task) => calls.unlinkat(task, AT_FDCWD, path, 0) });
    },

    symlink(numbered: string, path: string, done: Done) {
      const [number, target] = split(numbered);
      plain(number, done, {
        name: 'symlinkat',
        args: [target, AT_FDCWD, path],
        begin: (task) => calls.symlinkat(task, target, AT_FDCWD, path),
      });
    },

    rename(numbered: string, to: string, done: Done) {
      const [number, from] = split(numbered);
      plain(number, done, {
        name: 'renameat',
        args: [AT_FDCWD, from, AT_FDCWD, to],
        begin: (task) => calls.renameat(task, AT_FDCWD, from, AT_FDCWD, to),
      });
    },

    link(numbered: string, to: string, done: Done) {
      const [number, from] = split(numbered);
      plain(number, done, {
        name: 'linkat',
        args: [AT_FDCWD, from, AT_FDCWD, to, 0],
        begin: (task) => calls.linkat(task, AT_FDCWD, from, AT_FDCWD, to, 0),
      });
    },

    chmod(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      const bits = mode & ~S_IFMT;
      plain(number, done, { name: 'fchmodat', args: [AT_FDCWD, path, bits], begin: (task) => calls.fchmodat(task, AT_FDCWD, path, bits) });
    },

    chown(numbered: string, uid: number, gid: number, done: Done) {
      const [number, path] = split(numbered);
      const [user, group] = [uid, gid].map((id) => (id === SAME_ID ? -1 : id)) as [number, number];
      const begin = (task: Task) => calls.fchownat(task, AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
      plain(number, done, { name: 'fchownat', args: [AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW], begin });
    },

    statfs(numbered: string, done: Done) {
      const [number] = split(numbered);
      requests.serve(number, { name: 'statfs', args: ['/'], begin: (task) => calls.statfs(task, '/') }, (code, found) => {
        if (found === undefined) done(-code);
        else done(0, { bsize: found.bsize, frsize: PAGE_SIZE, namemax: NAME_MAX });
      });
    },
  };
}
