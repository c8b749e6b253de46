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
    const records = yield* this.sys.mmap(-1, { length: Math.max(1, num_fences * sync_fence_info.size), flags: 'private anonymous' } as never);
    void records;
    return [];
  }

  *close(...fds: number[]): Kernel<void> {
    for (const fd of fds) yield* this.sys.close(fd);
  }
}
