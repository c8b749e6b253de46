/** linux/aio_abi.h: what io_submit(2) and its like speak of. */
import { bigi64, bigu64, i16, i64, pointer, struct, u16, u32, u64 } from '../layout.ts';

export const IOCB_CMD_PREAD = 0;
export const IOCB_CMD_PWRITE = 1;
export const IOCB_CMD_FSYNC = 2;
export const IOCB_CMD_FDSYNC = 3;
export const IOCB_CMD_POLL = 5;
export const IOCB_CMD_NOOP = 6;
export const IOCB_CMD_PREADV = 7;
export const IOCB_CMD_PWRITEV = 8;

export const IOCB_FLAG_RESFD = 1;
export const IOCB_FLAG_IOPRIO = 2;

/** A request. Whoever submits it knows it by its address. */
export const iocb = struct('iocb', {
  aio_data: bigu64,
  aio_key: u32,
  aio_rw_flags: u32,
  aio_lio_opcode: u16,
  aio_reqprio: i16,
  aio_fildes: u32,
  aio_buf: pointer,
  aio_nbytes: u64,
  aio_offset: i64,
  aio_reserved2: u64,
  aio_flags: u32,
  aio_resfd: u32,
});

/** How a request ended. */
export const io_event = struct('io_event', { data: bigu64, obj: pointer, res: bigi64, res2: bigi64 });
