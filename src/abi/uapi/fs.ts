/** linux/fs.h, linux/falloc.h, asm-generic/ioctls.h: requests that every open file takes, and the words of lseek(2). */
import { i32 } from '../layout.ts';
import { Request, requests } from '../request.ts';

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

// linux/fadvise.h
export const POSIX_FADV_NORMAL = 0;
export const POSIX_FADV_NOREUSE = 5;

/** Of sync_file_range(2): wait before, write, wait after. */
export const SYNC_FILE_RANGE_MASK = 7;
/** Of splice(2): move, do not wait, more follows, gift. */
export const SPLICE_F_ALL = 0xf;

// linux/falloc.h: the modes of fallocate(2).
export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;
export const FALLOC_FL_COLLAPSE_RANGE = 0x08;
export const FALLOC_FL_ZERO_RANGE = 0x10;
export const FALLOC_FL_INSERT_RANGE = 0x20;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;

// Numbers from before `_IOC`, and a few whose direction bits say nothing true.
const none = (number: number) => new Request<undefined>(number, 'none', undefined, undefined);
const takesInt = (number: number) => new Request<number>(number, 'in', i32, undefined);
const givesInt = (number: number) => new Request<undefined, undefined, number, number>(number, 'out', i32, undefined);
const takesValue = (number: number) => new Request<number>(number, 'value', undefined, undefined);

export const { FIBMAP, FIGETBSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC, FIOQSIZE } = requests({
  FIBMAP: takesInt(1),
  FIGETBSZ: givesInt(2),
  FIONREAD: givesInt(0x541b),
  FIONBIO: takesInt(0x5421),
  FIONCLEX: none(0x5450),
  FIOCLEX: none(0x5451),
  FIOASYNC: takesInt(0x5452),
  FIOQSIZE: givesInt(0x5460),
});
export const { FS_IOC_FIEMAP, FICLONE, FIFREEZE, FITHAW } = requests({
  FS_IOC_FIEMAP: none(0xc020660b),
  FICLONE: takesValue(0x40049409),
  FIFREEZE: none(0xc0045877),
  FITHAW: none(0xc0045878),
});
