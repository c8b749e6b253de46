import {
  O_RDWR,
  POLLERR,
  POLLIN,
  SW_SYNC_IOC_CREATE_FENCE,
  SW_SYNC_IOC_INC,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  sync_fence_info,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';

export const SW_SYNC = '/sys/kernel/debug/sync/sw_sync';

/** What a program does with timelines, as the kernel's own tests do: all of it waits where the calls do. */
export class SwSync {
  readonly sys: Sys<'task'>;

  constructor(sys: Sys<'task'>) {
    this.sys = sys;
  }

  /** The same for another task. */
  with(sys: Sys<'task'>): SwSync {
    return new SwSync(sys);
  }

  timeline(): Kernel<number> {
    return this.sys.open(SW_SYNC, O_RDWR);
  }

  *fence(timeline: number, value: number): Kernel<number> {
    return (yield* this.sys.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, { value, name: 'a fence' })).fence;
  }

  *increment(timeline: number, by: number): Kernel<void> {
    yield* this.sys.ioctl(timeline, SW_SYNC_IOC_INC, by);
  }

  *merge(fence: number, other: number): Kernel<number> {
    return (yield* this.sys.ioctl(fence, SYNC_IOC_MERGE, { name: 'merged', fd2: other })).fence;
  }

  /** poll(2). @returns whether it is ready */
  *wait(fence: number, timeout_ms: number): Kernel<boolean> {
    const [events = 0] = yield* this.sys.poll([{ fd: fence, events: POLLIN | POLLERR }], timeout_ms);
    return events !== 0;
  }

  /** The status of each fence inside. */
  *statuses(fence: number): Kernel<number[]> {
    const { num_fences } = yield* this.sys.ioctl(fence, SYNC_IOC_FILE_INFO, {});
    const records = this.sys.allocate(num_fences * sync_fence_info.size);
    yield* this.sys.ioctl(fence, SYNC_IOC_FILE_INFO, { num_fences, sync_fence_info: records.address });
    const view = new DataView(this.sys.peek(records.address, records.length).slice().buffer);
    this.sys.free(records);
    return Array.from({ length: num_fences }, (_, index) => sync_fence_info.decode(view, index * sync_fence_info.size).status);
  }

  *close(...fds: number[]): Kernel<void> {
    for (const fd of fds) yield* this.sys.close(fd);
  }
}
