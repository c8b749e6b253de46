import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  NAME_MAX,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  PAGE_SIZE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  UTIME_NOW,
  UTIME_OMIT,
} from '../../abi/uapi/index.ts';
import type { CallArguments, DirectoryEntry, Stat, StatFs, Timespec } from '../../kernel/index.ts';
import type { KernelRequests } from './kernel-requests.ts';
import type { Call, Listing, MountCallName } from './mount-calls.ts';
import { ATIME_SEC, CTIME_SEC, FLAGS, HANDLE, MTIME_SEC } from './shim.ts';

/** As fuse-native calls back: a negated errno or 0, and a result. */
type Done = (code: number, ...results: unknown[]) => void;

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
export function operations(requests: KernelRequests) {
  /** Splits off the number by which the native part knows the request. */
  const split = (numbered: string): [number: number, path: string] => {
    const colon = numbered.indexOf(':');
    return [Number(numbered.slice(0, colon)), numbered.slice(colon + 1)];
  };
  const word = (number: number, which: number) => requests.word(number, which);

  /** Calls that give nothing back but success. */
  const plain = (number: number, done: Done, name: MountCallName, ...args: CallArguments) =>
    requests.ask(number, { name, args }, (code) => done(-code));

  const moving = (number: number, name: 'read' | 'write', fd: number, bytes: Uint8Array, offset: number, done: Done) =>
    // For fuse-native a number of bytes takes the place of the errno.
    requests.ask<number>(number, { name, args: [fd, bytes.length, offset, word(number, FLAGS)], bytes }, (code, count = 0) =>
      done(code === 0 ? count : -code),
    );

  const opening = (number: number, path: string, flags: number, mode: number, done: Done) =>
    requests.ask<number>(number, { name: 'openat', args: [AT_FDCWD, path, flags | O_CLOEXEC, mode] }, (code, fd = 0) => done(-code, fd));

  return {
    getattr(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      const fd = word(number, HANDLE);
      const call: Call = fd >= 0 ? { name: 'fstat', args: [fd] } : { name: 'fstatat', args: [AT_FDCWD, path, AT_SYMLINK_NOFOLLOW] };
      requests.ask<Stat>(number, call, (code, stat) => {
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
      requests.ask<Listing>(number, { name: 'getdents', args: [word(number, HANDLE)] }, (code, listing) => {
        if (listing === undefined) return done(-code);
        const { dev, entries } = listing;
        done(
          0,
          entries.map(({ name }) => name),
          entries.map((entry) => shownEntry(entry, dev)),
        );
      });
    },

    releasedir(numbered: string, fd: number, done: Done) {
      plain(split(numbered)[0], done, 'close', fd);
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
      moving(split(numbered)[0], 'read', fd, buffer.subarray(0, length), offset, done);
    },

    write(numbered: string, fd: number, buffer: Uint8Array, length: number, offset: number, done: Done) {
      moving(split(numbered)[0], 'write', fd, buffer.subarray(0, length), offset, done);
    },

    release(numbered: string, fd: number, done: Done) {
      plain(split(numbered)[0], done, 'close', fd);
    },

    fsync(numbered: string, _onlyData: number, fd: number, done: Done) {
      plain(split(numbered)[0], done, 'fsync', fd);
    },

    truncate(numbered: string, length: number, done: Done) {
      const [number, path] = split(numbered);
      const fd = word(number, HANDLE);
      if (fd >= 0) plain(number, done, 'ftruncate', fd, length);
      else plain(number, done, 'truncate', path, length);
    },

    utimens(numbered: string, _atime: number, _mtime: number, done: Done) {
      const [number, path] = split(numbered);
      const [atime, mtime] = [ATIME_SEC, MTIME_SEC].map((first) => timeOf(word(number, first), word(number, first + 1)));
      plain(number, done, 'utimensat', AT_FDCWD, path, atime, mtime, AT_SYMLINK_NOFOLLOW);
    },

    readlink(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      requests.ask<string>(number, { name: 'readlinkat', args: [AT_FDCWD, path] }, (code, target = '') => done(-code, target));
    },

    access(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, 'faccessat', AT_FDCWD, path, mode);
    },

    /** Regular files come by `create`. */
    mknod(numbered: string, mode: number, _dev: number, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, 'mknodat', AT_FDCWD, path, mode);
    },

    mkdir(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, 'mkdirat', AT_FDCWD, path, mode);
    },

    rmdir(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, 'unlinkat', AT_FDCWD, path, AT_REMOVEDIR);
    },

    unlink(numbered: string, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, 'unlinkat', AT_FDCWD, path, 0);
    },

    symlink(numbered: string, path: string, done: Done) {
      const [number, target] = split(numbered);
      plain(number, done, 'symlinkat', target, AT_FDCWD, path);
    },

    rename(numbered: string, to: string, done: Done) {
      const [number, from] = split(numbered);
      plain(number, done, 'renameat', AT_FDCWD, from, AT_FDCWD, to);
    },

    link(numbered: string, to: string, done: Done) {
      const [number, from] = split(numbered);
      plain(number, done, 'linkat', AT_FDCWD, from, AT_FDCWD, to, 0);
    },

    chmod(numbered: string, mode: number, done: Done) {
      const [number, path] = split(numbered);
      plain(number, done, 'fchmodat', AT_FDCWD, path, mode & ~S_IFMT);
    },

    chown(numbered: string, uid: number, gid: number, done: Done) {
      const [number, path] = split(numbered);
      const [user, group] = [uid, gid].map((id) => (id === SAME_ID ? -1 : id));
      plain(number, done, 'fchownat', AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
    },

    statfs(numbered: string, done: Done) {
      requests.ask<StatFs>(split(numbered)[0], { name: 'statfs', args: ['/'] }, (code, found) => {
        if (found === undefined) done(-code);
        else done(0, { bsize: found.bsize, frsize: PAGE_SIZE, namemax: NAME_MAX });
      });
    },
  };
}
