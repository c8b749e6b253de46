/** ioctopus/ims.h in native-shims/include, which is no header of Linux: 11.2 of docs/reference/ims-dsa.md. */
import { flagFormatter } from '../flags.ts';
import { array, flags, i32, pointer, struct, u16, u32, u64 } from '../layout.ts';
import { IOR, IOW, IOWR, requests } from '../request.ts';

/** What a device's store is. */
export const IMS_INFO_DYNAMIC = 1;
export const IMS_INFO_CONTEXT = 2;
export const IMS_INFO_REMAPPED = 4;
export const IMS_INFO_REMAP_REQUIRED = 8;
export const IMS_INFO_SHARED_WQ = 16;
export const IMS_INFO_PASID = 32;
/** Of an allocation. */
export const IMS_ALLOC_CREATE_EVENTFDS = 1;
export const IMS_ALLOC_MASKED = 2;
export const IMS_ALLOC_NONBLOCK = 4;
/** What a vector is. */
export const IMS_VECTOR_MASKED = 1;
export const IMS_VECTOR_PENDING = 2;
export const IMS_VECTOR_EVENTFD = 4;
export const IMS_VECTOR_REMAPPED = 8;
export const IMS_VECTOR_ACTIVATED = 16;
export const IMS_VECTOR_HANDLE = 32;
export const IMS_VECTOR_STALE = 64;
/** Of a trigger: whatever the mask and the PASID are. */
export const IMS_TRIGGER_RAW = 1;
export const IMS_OP_MASK = 0;
export const IMS_OP_UNMASK = 1;
export const IMS_HANDLE_GET = 0;
export const IMS_HANDLE_RELEASE = 1;
export const IMS_HANDLE_REVOKE = 2;
/** No entry of the remapping table. */
export const IMS_NO_IRTE = 0xffffffff;

const infoFlags = flagFormatter({
  bits: { IMS_INFO_DYNAMIC, IMS_INFO_CONTEXT, IMS_INFO_REMAPPED, IMS_INFO_REMAP_REQUIRED, IMS_INFO_SHARED_WQ, IMS_INFO_PASID },
});
const allocFlags = flagFormatter({ bits: { IMS_ALLOC_CREATE_EVENTFDS, IMS_ALLOC_MASKED, IMS_ALLOC_NONBLOCK } });
const vectorFlags = flagFormatter({
  bits: {
    IMS_VECTOR_MASKED,
    IMS_VECTOR_PENDING,
    IMS_VECTOR_EVENTFD,
    IMS_VECTOR_REMAPPED,
    IMS_VECTOR_ACTIVATED,
    IMS_VECTOR_HANDLE,
    IMS_VECTOR_STALE,
  },
});

export const ims_info = struct('ims_info', {
  version: u32,
  flags: flags(u32, infoFlags),
  slots: u32,
  in_use: u32,
  wq: u32,
  pasid: u32,
  auto_group: u32,
  next_group: u32,
  vectors_per_open: u32,
  max_nvec: u32,
  ims_offset: u64,
  reserved: array(u64, 2),
});
export const ims_alloc = struct('ims_alloc', {
  argsz: u32,
  flags: flags(u32, allocFlags),
  nvec: u32,
  group: i32,
  first_index: u32,
  got: u32,
  fds: pointer,
  handles: pointer,
});
export const ims_free = struct('ims_free', { group: u32, reserved: u32 });
export const ims_eventfds = struct('ims_eventfds', {
  argsz: u32,
  flags: u32,
  group: u32,
  start: u32,
  count: u32,
  reserved: u32,
  fds: pointer,
});
export const ims_vector = struct('ims_vector', {
  argsz: u32,
  group: u32,
  index: u32,
  flags: flags(u32, vectorFlags),
  virq: u32,
  slot: u32,
  hwirq: u32,
  int_handle: u32,
  addr_lo: u32,
  addr_hi: u32,
  data: u32,
  ctrl: u32,
  irte: u32,
  cpu: u16,
  vector: u16,
  count: u64,
});
export const ims_mask = struct('ims_mask', { group: u32, index: u32, op: u32, reserved: u32 });
export const ims_trigger = struct('ims_trigger', { group: u32, index: u32, count: u32, flags: u32 });
export const ims_handle = struct('ims_handle', { group: u32, index: u32, handle: u32, op: u32, reserved: u64 });

export const { IMS_GET_INFO, IMS_ALLOC_GROUP, IMS_FREE_GROUP, IMS_SET_EVENTFD, IMS_GET_VECTOR, IMS_MASK, IMS_TRIGGER, IMS_BIND_HANDLE } =
  requests({
    IMS_GET_INFO: IOR(0xda, 0, ims_info),
    IMS_ALLOC_GROUP: IOWR(0xda, 1, ims_alloc),
    IMS_FREE_GROUP: IOW(0xda, 2, ims_free),
    IMS_SET_EVENTFD: IOW(0xda, 3, ims_eventfds),
    IMS_GET_VECTOR: IOWR(0xda, 4, ims_vector),
    IMS_MASK: IOW(0xda, 5, ims_mask),
    IMS_TRIGGER: IOW(0xda, 6, ims_trigger),
    IMS_BIND_HANDLE: IOWR(0xda, 7, ims_handle),
  });
