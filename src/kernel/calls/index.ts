/**
 * The system calls, each as a function of the calling task. A door turns what its programs do into these calls, and their results
 * and errors into what its programs expect. All may throw Errno; those that may wait return a generator.
 */
export { poll } from '../poll.ts';
export { fchmod, fchown, fstat, futimens } from './attributes.ts';
export { close, dup, dup2, dup3, fcntl, fileControl, setFileLimit } from './descriptors.ts';
export { fallocate, fsync, ftruncate, type IoVector, ioctl, lseek, pread, pwrite, read, write } from './io.ts';
export { getdents, getdents64 } from './listing.ts';
export { type MapRequest, mmap, mprotect, munmap } from './mapping.ts';
export { fstatfs, mount, statfs, umount } from './mounts.ts';
export {
  chdir,
  faccessat,
  fchdir,
  fchmodat,
  fchownat,
  fstatat,
  getcwd,
  linkat,
  mkdirat,
  openat,
  readlinkat,
  renameat,
  symlinkat,
  truncate,
  umask,
  unlinkat,
  utimensat,
} from './paths.ts';
export { kill, sigaction } from './signals.ts';
export { type ReceivedMessage, recvmsg, sendmsg, socketpair } from './sockets.ts';
