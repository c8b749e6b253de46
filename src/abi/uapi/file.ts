/** sys/file.h: the operations of flock(2). */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
/** Locks of another system, which Linux no longer has: such a call does nothing. */
export const LOCK_MAND = 32;
