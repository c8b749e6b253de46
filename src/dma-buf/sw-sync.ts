/** /sys/kernel/debug/sync of a kernel with CONFIG_SW_SYNC: drivers/dma-buf/sw_sync.c and sync_debug.c. */
import { Errno } from '../abi/index.ts';
import { SW_SYNC_GET_DEADLINE, SW_SYNC_IOC_CREATE_FENCE, SW_SYNC_IOC_INC, sw_sync_create_fence_data } from '../abi/uapi/index.ts';
import { type File, type FileOperations, ioctls, type Kernel, on, onRaw, type System, type Task, takeStruct } from '../kernel/index.ts';
import { addTaint, addTaints, debugfs, TAINT_SOFTLOCKUP } from '../vfs/index.ts';
import { answerWithSyncFile, createSyncFile, fenceOfDescriptor } from './sync-file.ts';
import { describeTimelines, SyncPoint, SyncTimeline } from './sync-timeline.ts';

type TimelineFile = File<SyncTimeline>;

/** Each open file is a timeline of its own. */
const operations: FileOperations<SyncTimeline> = {
  open(file, task) {
    file.private = new SyncTimeline(file.system, task.comm);
  },

  release: (file) => file.private.close(),

  ...ioctls<SyncTimeline>(
    onRaw(SW_SYNC_IOC_CREATE_FENCE, createFence),
    on(SW_SYNC_IOC_INC, (file: TimelineFile, value) => file.private.increment(value)),
    on(SW_SYNC_GET_DEADLINE, getDeadline),
  ),
};

/** The descriptor is taken before anything is read, as in a merge. */
function* createFence(file: TimelineFile, address: number, task: Task): Kernel<number> {
  // Fences that a program signals when it likes can hang a kernel, so Linux remembers that there was one.
  addTaint(task.system, TAINT_SOFTLOCKUP);
  const fd = yield* task.files.reserve(true);
  const argument = takeStruct(task.memory, sw_sync_create_fence_data, address);
  return yield* answerWithSyncFile(task, fd, argument, { fence: fd }, ({ value: { value } }) => {
    const point = file.private.createPoint(value);
    try {
      return createSyncFile(task.system, point);
    } finally {
      point.put();
    }
  });
}

type DeadlineRequest = (typeof SW_SYNC_GET_DEADLINE)['decoded'];

/** Of any timeline's fence, not only this one's. */
function* getDeadline(_file: TimelineFile, { deadline_ns, pad, fence_fd }: DeadlineRequest, task: Task): Kernel<{ deadline_ns: bigint }> {
  if (deadline_ns !== 0n || pad !== 0) throw new Errno('EINVAL', 'deadline_ns or pad is not 0');
  const fence = yield* fenceOfDescriptor(fence_fd, task, 'EINVAL');
  try {
    if (!(fence instanceof SyncPoint)) throw new Errno('EINVAL', `${fence.describe()} is not of a timeline`);
    if (fence.deadline_ns === undefined) throw new Errno('ENOENT', `${fence.describe()} has no deadline`);
    return { deadline_ns: BigInt.asUintN(64, BigInt(fence.deadline_ns)) };
  } finally {
    fence.put();
  }
}

/** Adds the folder, and /proc/sys/kernel/tainted, where it shows that a fence was made. */
export function addSwSync(system: System): void {
  addTaints(system);
  const folder = debugfs(system).createDirectory('sync');
  folder.createText('info', 0o444, () => describeTimelines(system));
  folder.createFile('sw_sync', 0o644, operations);
}
