/** linux/limits.h, asm-generic/resource.h and what follows from 64-bit machines with 4 KiB pages. */
export const PATH_MAX = 4096;
export const NAME_MAX = 255;
export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;
/** Most bytes one read(2) or write(2) moves (MAX_RW_COUNT of linux/fs.h). */
export const MAX_RW_COUNT = 0x7ffff000;
/** RLIMIT_NOFILE that a session usually starts with. */
export const NR_OPEN_DEFAULT = 1024;
