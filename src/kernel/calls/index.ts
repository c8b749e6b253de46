/**
 * The system calls, each as a function of the calling task. A door turns what its programs do into these calls, and their results
 * and errors into what its programs expect. All may throw Errno; those that may wait return a generator.
 */

export { poll } from '../poll.ts';
export { fadvise, readahead, syncFileRange, syncfs } from './advice.ts';
export { cancelRequest, io_cancel, io_destroy, io_getevents, io_pgetevents, io_setup, io_submit } from './aio.ts';
export { type Iocb, submitOne } from './aio-submit.ts';
export { fchmod, fchown, fstat, futimens } from './attributes.ts';
export { close, dup, dup2, dup3, fcntl, fileControl, setFileLimit } from './descriptors.ts';
export { controlEpoll, EPOLL_EVENTS_MAX, epoll_create, epoll_create1, epoll_ctl, epoll_pwait, epoll_wait } from './epoll.ts';
export { eventfd2 } from './eventfd.ts';
export { fallocate, fsync, ftruncate, ioctl, lseek, pread, pwrite, read, write } from './io.ts';
export { DIRENT_HEADER, getdents, getdents64, recordLength } from './listing.ts';
export { flock } from './locks.ts';
export { madvise, mremap, msync } from './mapped-memory.ts';
export { type MapRequest, mmap, mprotect, munmap } from './mapping.ts';
export { memfdCreate } from './memfd.ts';
export { recvfrom, recvmsgAt, sendmsgAt, sendto } from './messages.ts';
export { fstatfs, mount, statfs, umount } from './mounts.ts';
export { bind, connect, getpeername, getsockname, notForDatagrams, socket } from './networking.ts';
export { faccess, fdinfo, fdLink, flush, reopen, truncateLinked } from './open-files.ts';
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
export { portalStore, storeAt } from './portal.ts';
export { kill, sigaction } from './signals.ts';
export { getsockopt, setsockopt } from './socket-options.ts';
export { type ReceivedMessage, recvmsg, sendmsg, socketpair } from './sockets.ts';
export { copyFileRange, sendfile, splice, tee, vmsplice } from './splice.ts';
export { type IoVector, preadv2, pwritev2, readv, writev } from './vectors.ts';
export { fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr } from './xattrs.ts';
