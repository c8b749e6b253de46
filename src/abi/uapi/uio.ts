/** linux/uio.h, and the RWF_ flags of linux/fs.h. */
import { i64, pointer, struct } from '../layout.ts';

/** Most pieces that one call may have. */
export const UIO_MAXIOV = 1024;

export const iovec = struct('iovec', { iov_base: pointer, iov_len: i64 });

export const RWF_HIPRI = 0x01;
export const RWF_DSYNC = 0x02;
export const RWF_SYNC = 0x04;
export const RWF_NOWAIT = 0x08;
export const RWF_APPEND = 0x10;
export const RWF_NOAPPEND = 0x20;
export const RWF_ATOMIC = 0x40;
