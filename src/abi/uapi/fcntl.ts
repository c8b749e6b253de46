/** linux/fcntl.h, asm-generic/fcntl.h: x86-64's numbers. arm64 differs in O_DIRECTORY, O_NOFOLLOW, O_DIRECT and O_LARGEFILE. */
import { flagFormatter } from '../flags.ts';
import { bigi64, i16, i32, struct } from '../layout.ts';

export const O_ACCMODE = 0o3;
export const O_RDONLY = 0o0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
/** Linux calls it FASYNC in the kernel. */
export const O_ASYNC = 0o20000;
export const O_DIRECT = 0o40000;
/** What a 64-bit kernel adds to every open(2). The C library's own O_LARGEFILE is 0 on 64-bit machines. */
export const O_LARGEFILE = 0o100000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_SYNC = 0o4010000;
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20200000;

export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_GETLK = 5;
export const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_SETOWN = 8;
export const F_GETOWN = 9;
export const F_SETSIG = 10;
export const F_GETSIG = 11;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_SETLEASE = 1024;
export const F_GETLEASE = 1025;
export const F_NOTIFY = 1026;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
export const F_GET_RW_HINT = 1035;
export const F_SET_RW_HINT = 1036;

/** What F_ADD_SEALS forbids for good: other seals, to get shorter, longer, to be written, to be written by new ways, to be executable. */
export const F_SEAL_SEAL = 0x1;
export const F_SEAL_SHRINK = 0x2;
export const F_SEAL_GROW = 0x4;
export const F_SEAL_WRITE = 0x8;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;
export const F_ALL_SEALS = 0x3f;

/** Highest of the RWH_WRITE_LIFE_ hints. */
export const RWH_WRITE_LIFE_EXTREME = 5;

/** Of F_NOTIFY: keep watching after the first change. As a signed number. */
export const DN_MULTISHOT = 0x80000000 | 0;

export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

/** What fcntl(2) takes for record locks. */
export const flock = struct('flock', { l_type: i16, l_whence: i16, l_start: bigi64, l_len: bigi64, l_pid: i32 });

export const FD_CLOEXEC = 1;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;

/** `O_RDWR|O_CLOEXEC`. */
export const formatOpenFlags = flagFormatter({
  fields: [[O_ACCMODE, { O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE }]],
  bits: {
    O_TMPFILE,
    O_SYNC,
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_DSYNC,
    O_ASYNC,
    O_DIRECT,
    O_LARGEFILE,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NOATIME,
    O_CLOEXEC,
    O_PATH,
  },
});
