/** The requests of /sys/kernel/debug/sync/sw_sync, which drivers/dma-buf/sw_sync.c keeps to itself. */
import { bigu64, chars, i32, struct, u32 } from '../layout.ts';
import { IOW, IOWR, requests } from '../request.ts';

export const sw_sync_create_fence_data = struct('sw_sync_create_fence_data', { value: u32, name: chars(32), fence: i32 });
export const sw_sync_get_deadline = struct('sw_sync_get_deadline', { deadline_ns: bigu64, pad: u32, fence_fd: i32 });

export const { SW_SYNC_IOC_CREATE_FENCE, SW_SYNC_IOC_INC, SW_SYNC_GET_DEADLINE } = requests({
  SW_SYNC_IOC_CREATE_FENCE: IOWR('W', 0, sw_sync_create_fence_data),
  SW_SYNC_IOC_INC: IOW('W', 1, u32),
  SW_SYNC_GET_DEADLINE: IOWR('W', 2, sw_sync_get_deadline),
});
