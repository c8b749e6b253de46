/** The C ABI as data: error numbers, ioctl request numbers, struct layouts, typed requests. */
export { Errno, type ErrnoName, errno, errnoName, isErrno, strerror } from './errno.ts';
export { type FlagNames, flagFormatter } from './flags.ts';
export { formatIoc, IOC_NONE, IOC_READ, IOC_SIZE_MAX, IOC_WRITE, ioc, iocDirection, iocNr, iocSize, iocType } from './ioc.ts';
export {
  array,
  bigi64,
  bigu64,
  chars,
  type Decoded,
  type DecodedStruct,
  type Encodable,
  type EncodableStruct,
  type Field,
  flags,
  i8,
  i16,
  i32,
  i64,
  type Layout,
  type Members,
  pointer,
  quote,
  Struct,
  struct,
  tail,
  u8,
  u16,
  u32,
  u64,
  union,
} from './layout.ts';
export { type AnyRequest, type ArgumentShape, hasTail, IO, IOR, IOW, IOWR, Request, requests, takesString, takesValue } from './request.ts';
