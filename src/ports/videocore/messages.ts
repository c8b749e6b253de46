/** The messages of the service SMEM as bytes: sections 9.2 and 9.3 of docs/reference/vc-sm-cma.md. */
import { chars, type EncodableStruct, i32, type Members, type Struct, struct, u32 } from '../../abi/index.ts';

// enum vc_sm_msg_type
export const VC_SM_MSG_TYPE_ALLOC = 0;
export const VC_SM_MSG_TYPE_LOCK = 1;
export const VC_SM_MSG_TYPE_UNLOCK = 2;
export const VC_SM_MSG_TYPE_UNLOCK_NOANS = 3;
export const VC_SM_MSG_TYPE_FREE = 4;
export const VC_SM_MSG_TYPE_RESIZE = 5;
export const VC_SM_MSG_TYPE_WALK_ALLOC = 6;
export const VC_SM_MSG_TYPE_ACTION_CLEAN = 7;
export const VC_SM_MSG_TYPE_IMPORT = 8;
export const VC_SM_MSG_TYPE_CLIENT_VERSION = 9;
export const VC_SM_MSG_TYPE_VC_MEM_REQUEST_REPLY = 10;
export const VC_SM_MSG_TYPE_RELEASED = 11;
export const VC_SM_MSG_TYPE_VC_MEM_REQUEST = 12;

// enum vc_sm_alloc_type_t
export const VC_SM_ALLOC_CACHED = 0;
export const VC_SM_ALLOC_NON_CACHED = 1;

/** Set in the first word of a message that nobody asked for. */
export const VC_SM_EVENT = 0x80000000;
/** Protocol of a driver that wants RELEASED and serves VC_MEM_REQUEST. */
export const VC_SM_PROTOCOL_VERSION = 2;

export const VC_SM_FOURCC = 0x534d454d;
export const VC_SM_RESOURCE_NAME = 32;
/** Of the largest message; what is longer no block can take. */
export const VC_SM_MAX_MSG_LEN = 60;

export const vc_sm_msg_hdr = struct('vc_sm_msg_hdr_t', { type: u32, trans_id: u32 });

export const vc_sm_alloc = struct('vc_sm_alloc_t', {
  type: u32,
  base_unit: u32,
  num_unit: u32,
  alignment: u32,
  allocator: u32,
  name: chars(VC_SM_RESOURCE_NAME),
});
export const vc_sm_alloc_result = struct('vc_sm_alloc_result_t', {
  trans_id: u32,
  res_handle: u32,
  res_mem: u32,
  res_base_size: u32,
  res_num: u32,
});
export const vc_sm_free = struct('vc_sm_free_t', { res_handle: u32, res_mem: u32 });
export const vc_sm_lock_unlock = struct('vc_sm_lock_unlock_t', { res_handle: u32, res_mem: u32 });
export const vc_sm_resize = struct('vc_sm_resize_t', { res_handle: u32, res_mem: u32, res_new_size: u32 });
export const vc_sm_lock_result = struct('vc_sm_lock_result_t', { trans_id: u32, res_handle: u32, res_mem: u32, res_old_mem: u32 });
/** `success` is 0 when all went well. */
export const vc_sm_result = struct('vc_sm_result_t', { trans_id: u32, success: i32 });
export const vc_sm_action_clean = struct('vc_sm_action_clean_t', { res_action: u32, action_trans_id: u32 });
export const vc_sm_free_all = struct('vc_sm_free_all_t', { allocator: u32 });
export const vc_sm_import = struct('vc_sm_import', {
  type: u32,
  addr: u32,
  size: u32,
  kernel_id: u32,
  allocator: u32,
  name: chars(VC_SM_RESOURCE_NAME),
});
export const vc_sm_import_result = struct('vc_sm_import_result', { trans_id: u32, res_handle: u32 });
export const vc_sm_released = struct('vc_sm_released', { cmd: u32, addr: u32, size: u32, kernel_id: u32, vc_handle: u32 });
export const vc_sm_version = struct('vc_sm_version', { version: u32 });
export const vc_sm_vc_mem_request = struct('vc_sm_vc_mem_request', {
  cmd: u32,
  trans_id: u32,
  size: u32,
  align: u32,
  name: chars(VC_SM_RESOURCE_NAME),
  vc_handle: u32,
});
export const vc_sm_vc_mem_request_result = struct('vc_sm_vc_mem_request_result', { trans_id: u32, addr: u32, kernel_id: u32 });

export const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A message of the CPU's: header and body. */
export function encodeCommand<M extends Members>(type: number, trans_id: number, layout: Struct<M>, body: EncodableStruct<M>): Uint8Array {
  const bytes = new Uint8Array(vc_sm_msg_hdr.size + layout.size);
  vc_sm_msg_hdr.encode(viewOf(bytes), 0, { type, trans_id });
  layout.encode(viewOf(bytes), vc_sm_msg_hdr.size, body);
  return bytes;
}

/** A message of the VPU's: an answer or an event, which has no header. */
export function encodeBody<M extends Members>(layout: Struct<M>, body: EncodableStruct<M>): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  layout.encode(viewOf(bytes), 0, body);
  return bytes;
}

/** A body from bytes that may be too short or too long: what is missing reads as zero. @param at where it begins */
export function decodeBody<M extends Members>(layout: Struct<M>, bytes: Uint8Array, at = 0) {
  if (bytes.length - at >= layout.size) return layout.decode(viewOf(bytes), at);
  const whole = new Uint8Array(layout.size);
  whole.set(bytes.subarray(Math.min(at, bytes.length)));
  return layout.decode(viewOf(whole), 0);
}
