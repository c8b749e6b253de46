/** The numbers of native-shims/protocol.h; a test holds the two together. */

export const IO_SLOTS = 1024;
export const IO_PAGE = 4096;
export const IO_REGION_SIZE = (IO_SLOTS + 1) * IO_PAGE;
export const IO_DATA_SIZE = IO_PAGE - 128;
export const IO_PATHS_SIZE = 65536;
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

/** Up-calls. */
export const IO_UP_READ = 1;
export const IO_UP_WRITE = 2;
export const IO_UP_INSTALL = 3;
export const IO_UP_CLOSE = 4;
export const IO_UP_LOOKUP = 5;
export const IO_UP_MAP = 6;
