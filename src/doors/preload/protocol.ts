/** The numbers of native-shims/protocol.h; a test holds the two together. */

export const IO_SLOTS = 1024;
export const IO_PAGE = 4096;
export const IO_REGION_SIZE = (IO_SLOTS + 1) * IO_PAGE;
export const IO_DATA_SIZE = IO_PAGE - 128;
export const IO_PATHS_SIZE = 65536;
export const PATHS_WARPED = 8;
export const PATHS_LIST = 16;
export const IO_REPORT_LOCAL = 1;

/** States of a slot. */
export const IO_REQUEST = 1;
export const IO_UPCALL = 2;
export const IO_REPLY = 3;
export const IO_ANSWER = 4;

/** Offsets in a slot, in bytes. */
export const SLOT_STATE = 0;
export const SLOT_TID = 8;
export const SLOT_OP = 16;
export const SLOT_FD = 20;
export const SLOT_HANDLE = 24;
export const SLOT_LENGTH = 28;
export const SLOT_ARGS = 32;
export const SLOT_RESULT = 80;
export const SLOT_ERROR = 88;
export const SLOT_UP = 92;
export const SLOT_CANCEL = 96;
export const SLOT_DATA = 128;

/** Requests. */
export const IO_OPEN = 1;
export const IO_STAT = 2;
export const IO_FSTAT = 3;
export const IO_READ = 4;
export const IO_WRITE = 5;
export const IO_PREAD = 6;
export const IO_PWRITE = 7;
export const IO_LSEEK = 8;
export const IO_IOCTL = 9;
export const IO_FCNTL = 10;
export const IO_MMAP = 11;
export const IO_FTRUNCATE = 12;
export const IO_FALLOCATE = 13;
export const IO_FSYNC = 14;
export const IO_FCHMOD = 15;
export const IO_FCHOWN = 16;
export const IO_POLL = 17;
export const IO_ACCESS = 18;
export const IO_IDENTIFY = 19;
export const IO_NOTE = 20;
export const IO_SLEEP = 21;
export const IO_EPOLL_CTL = 30;
export const IO_EPOLL_COLLECT = 31;

/** Flags of the requests about epoll. */
export const IO_EPOLL_SENT = 1;
export const IO_EPOLL_FOREIGN = 2;
export const IO_EPOLL_MAGIC = 0x10c70b05;
export const IO_VECTOR = 50;
export const IO_SPLICE = 51;
export const IO_FLOCK = 52;
export const IO_ADVISE = 53;
export const IO_STATFS = 54;
export const IO_SETATTR = 55;
export const IO_XATTR = 56;
export const IO_LINK = 57;
export const IO_FDINFO = 58;
export const IO_REOPEN = 59;
export const IO_FLUSH = 60;
export const IO_FACCESS = 61;
export const IO_SETTLE = 62;
export const IO_GETDENTS = 70;
export const IO_RESOLVE = 71;
export const IO_READLINK = 72;
export const IO_NAME = 73;
export const IO_MOUNT = 74;
export const IO_UMOUNT = 75;
export const IO_CHDIR = 76;
export const IO_SOCKET = 80;
export const IO_SOCKET_CALL = 81;
export const IO_MESSAGE = 82;
export const IO_OPEN_MERGED = 83;
export const IO_STORE = 90;
export const IO_AIO = 100;

/** By which kind of instruction: enum io_store. */
export const IO_STORE_PLAIN = 0;
export const IO_STORE_MOVDIR64B = 1;
export const IO_STORE_ENQCMD = 2;

/** Which call of a family it is: enum io_splice, io_advise, io_setattr, io_xattr. */
export const IO_SENDFILE = 0;
export const IO_SPLICE_PIPE = 1;
export const IO_TEE = 2;
export const IO_VMSPLICE = 3;
export const IO_COPY_RANGE = 4;
export const IO_FADVISE = 0;
export const IO_READAHEAD = 1;
export const IO_SYNC_RANGE = 2;
export const IO_SYNCFS = 3;
export const IO_CHMOD = 0;
export const IO_CHOWN = 1;
export const IO_UTIMES = 2;
export const IO_TRUNCATE = 3;
export const IO_GETXATTR = 0;
export const IO_SETXATTR = 1;
export const IO_LISTXATTR = 2;
export const IO_REMOVEXATTR = 3;

/** What happens to a name: enum io_name. */
export const IO_MKDIR = 0;
export const IO_RMDIR = 1;
export const IO_UNLINK = 2;
export const IO_RENAME = 3;
export const IO_LINK_TO = 4;
export const IO_SYMLINK = 5;

/** Which call on a socket it is: enum io_socket_call, io_message. */
export const IO_BIND = 0;
export const IO_CONNECT = 1;
export const IO_GETSOCKNAME = 2;
export const IO_GETPEERNAME = 3;
export const IO_LISTEN = 4;
export const IO_SETSOCKOPT = 5;
export const IO_GETSOCKOPT = 6;
export const IO_SENDTO = 0;
export const IO_RECVFROM = 1;
export const IO_SENDMSG = 2;
export const IO_RECVMSG = 3;

/** Up-calls. */
export const IO_UP_READ = 1;
export const IO_UP_WRITE = 2;
export const IO_UP_INSTALL = 3;
export const IO_UP_CLOSE = 4;
export const IO_UP_LOOKUP = 5;
export const IO_UP_MAP = 6;
export const IO_UP_WAKER = 7;

/** What an IO_POLL does besides looking. */
export const IO_POLL_WAIT = 0;
export const IO_POLL_LOOK = 1;
export const IO_POLL_WATCH = 2;
export const IO_UP_WATCH = 30;
export const IO_UP_RESERVE = 50;
export const IO_UP_UNMAP = 51;
export const IO_UP_HOLD = 52;
export const IO_UP_SEND = 53;
export const IO_UP_FILL = 54;
export const IO_UP_DRAIN = 55;
export const IO_UP_AIO = 60;

/** What happens to requests of io_submit: enum io_aio. */
export const IO_AIO_SUBMIT = 0;
export const IO_AIO_COLLECT = 1;
export const IO_AIO_CANCEL = 2;
export const IO_AIO_DESTROY = 3;
/** Behind the number of events collected: there are other requests. */
export const IO_AIO_MORE = 2 ** 32;

/** Flags of a `struct io_vma`. */
export const IO_VMA_SHARED = 1;
export const IO_VMA_MAYWRITE = 2;
export const IO_VMA_JOINS = 4;
export const IO_VMA_FSYNC = 8;
export const IO_VMA_IO = 16;
export const IO_VMA_PORTAL = 32;
