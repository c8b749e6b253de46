/** linux/sync_file.h. */
import { bigu64, chars, i32, pointer, struct, u32, u64 } from '../layout.ts';
import { IOW, IOWR, requests } from '../request.ts';

export const sync_merge_data = struct('sync_merge_data', { name: chars(32), fd2: i32, fence: i32, flags: u32, pad: u32 });
export const sync_fence_info = struct('sync_fence_info', {
  obj_name: chars(32),
  driver_name: chars(32),
  status: i32,
  flags: u32,
  timestamp_ns: u64,
});
export const sync_file_info = struct('sync_file_info', {
  name: chars(32),
  status: i32,
  flags: u32,
  num_fences: u32,
  pad: u32,
  sync_fence_info: pointer,
});
export const sync_set_deadline = struct('sync_set_deadline', { deadline_ns: bigu64, pad: u64 });

export const { SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO, SYNC_IOC_SET_DEADLINE } = requests({
  SYNC_IOC_MERGE: IOWR('>', 3, sync_merge_data),
  SYNC_IOC_FILE_INFO: IOWR('>', 4, sync_file_info),
  SYNC_IOC_SET_DEADLINE: IOW('>', 5, sync_set_deadline),
});
