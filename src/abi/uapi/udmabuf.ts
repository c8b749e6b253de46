/** linux/udmabuf.h. */
import { flagFormatter } from '../flags.ts';
import { bigu64, flags, struct, tail, u32 } from '../layout.ts';
import { IOW, requests } from '../request.ts';

export const UDMABUF_FLAGS_CLOEXEC = 0x1;

const formatFlags = flagFormatter({ bits: { UDMABUF_FLAGS_CLOEXEC } });

/** `offset` and `size` in bytes. */
export const udmabuf_create = struct('udmabuf_create', { memfd: u32, flags: flags(u32, formatFlags), offset: bigu64, size: bigu64 });
export const udmabuf_create_item = struct('udmabuf_create_item', { memfd: u32, __pad: u32, offset: bigu64, size: bigu64 });
export const udmabuf_create_list = struct('udmabuf_create_list', {
  flags: flags(u32, formatFlags),
  count: u32,
  list: tail(udmabuf_create_item),
});

export const { UDMABUF_CREATE, UDMABUF_CREATE_LIST } = requests({
  UDMABUF_CREATE: IOW('u', 0x42, udmabuf_create),
  UDMABUF_CREATE_LIST: IOW('u', 0x43, udmabuf_create_list),
});
