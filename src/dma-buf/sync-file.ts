import { Errno } from '../abi/index.ts';
import {
  O_RDONLY,
  POLLIN,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  sync_fence_info,
  sync_file_info,
  sync_merge_data,
} from '../abi/uapi/index.ts';
import {
  copyToUser,
  type File,
  type FileOperations,
  ioctls,
  type Kernel,
  on,
  onRaw,
  type System,
  type Task,
  takeStruct,
  WaitQueue,
} from '../kernel/index.ts';
import type { DmaFence, DmaFenceCallback } from './dma-fence.ts';
import { mergeFences, unwrapFence } from './dma-fence-unwrap.ts';

/** A fence as a file (drivers/dma-buf/sync_file.c). */
interface SyncFile {
  readonly fence: DmaFence;
  /** Of a merge; empty when the fence's own name shows. */
  readonly userName: string;
  readonly signaled: WaitQueue;
  /** Registered with the fence from the first poll on. */
  callback: DmaFenceCallback | undefined;
}

const NAME_MAX = 31;

/** sync_file_create: a read-only file that holds a reference of its own to the fence. @throws Errno ENOMEM */
export function createSyncFile(system: System, fence: DmaFence, userName = ''): File<SyncFile> {
  system.kmalloc('struct sync_file');
  const syncFile: SyncFile = { fence, userName, signaled: new WaitQueue(fence.describe()), callback: undefined };
  let file: File<SyncFile>;
  try {
    file = system.anonymous.open('sync_file', operations, syncFile, O_RDONLY);
  } catch {
    // sync_file_alloc does not tell why.
    throw new Errno('ENOMEM', 'no file for a sync file');
  }
  fence.get();
  return file;
}

/** sync_file_get_fence: the fence of a file, with a reference; undefined when the file is something else. */
export function fenceOfSyncFile(file: File): DmaFence | undefined {
  return file.ops === operations ? (file as File<SyncFile>).private.fence.get() : undefined;
}

const operations: FileOperations<SyncFile> = {
  release(file) {
    const { fence, callback } = file.private;
    if (callback !== undefined) fence.removeCallback(callback);
    fence.put();
  },

  poll(file, table) {
    const syncFile = file.private;
    table.wait(syncFile.signaled);
    if (syncFile.callback === undefined) {
      syncFile.callback = () => syncFile.signaled.wakeAll();
      if (!syncFile.fence.addCallback(syncFile.callback)) syncFile.signaled.wakeAll();
    }
    return syncFile.fence.isSignaled ? POLLIN : 0;
  },

  ...ioctls<SyncFile>(
    onRaw(SYNC_IOC_MERGE, merge),
    onRaw(SYNC_IOC_FILE_INFO, fileInfo),
    on(SYNC_IOC_SET_DEADLINE, (file: File<SyncFile>, { deadline_ns, pad }) => {
      if (pad !== 0) throw new Errno('EINVAL', 'pad is not 0');
      // ktime_t is signed: what has the top bit set is long past.
      file.private.fence.setDeadline(deadline_ns >= 2 ** 63 ? deadline_ns - 2 ** 64 : deadline_ns);
    }),
  ),
};

/** The descriptor is taken before anything is read: with a full table a bad pointer, too, is EMFILE. */
function* merge(file: File<SyncFile>, address: number, task: Task): Kernel<number> {
  const fd = yield* task.files.reserve(true);
  let merged: File<SyncFile> | undefined;
  try {
    const argument = yield* takeStruct(task.memory, sync_merge_data, address);
    const { flags, pad, fd2, name } = argument.value;
    if (flags !== 0 || pad !== 0) throw new Errno('EINVAL', 'flags or pad is not 0');
    merged = yield* mergeWith(file, fd2, name.slice(0, NAME_MAX), task);
    argument.bytes[NAME_MAX] = 0;
    yield* argument.giveBack({ fence: fd });
  } catch (error) {
    merged?.put();
    yield* task.files.cancel(fd);
    throw error;
  }
  yield* task.files.fill(fd, merged);
  return 0;
}

function* mergeWith(file: File<SyncFile>, fd2: number, name: string, task: Task): Kernel<File<SyncFile>> {
  const second = yield* fenceOfDescriptor(fd2, task, 'ENOENT');
  try {
    const both = mergeFences(task.system, [file.private.fence, second]);
    try {
      return createSyncFile(task.system, both, name);
    } finally {
      both.put();
    }
  } finally {
    second.put();
  }
}

/** The fence of a sync file's descriptor, with a reference. @param code of the error for anything else */
export function* fenceOfDescriptor(fd: number, task: Task, code: 'ENOENT' | 'EINVAL'): Kernel<DmaFence> {
  let file: File;
  try {
    file = yield* task.files.get(fd);
  } catch {
    throw new Errno(code, `descriptor ${fd} is not open`);
  }
  const fence = fenceOfSyncFile(file);
  file.put();
  if (fence === undefined) throw new Errno(code, `descriptor ${fd} is not a sync file`);
  return fence;
}

function* fileInfo(file: File<SyncFile>, address: number, task: Task): Kernel<number> {
  const argument = yield* takeStruct(task.memory, sync_file_info, address);
  const { flags, pad, num_fences: room, sync_fence_info: records } = argument.value;
  if (flags !== 0 || pad !== 0) throw new Errno('EINVAL', 'flags or pad is not 0');
  const { fence, userName } = file.private;
  const fences = unwrapFence(fence);
  let status: number;
  if (room === 0) {
    status = fence.status;
  } else {
    if (room < fences.length) throw new Errno('EINVAL', `there are ${fences.length} fences`);
    task.system.kmalloc('struct sync_fence_info');
    const info = describeFences(fences);
    yield* copyToUser(task.memory, records, info.bytes);
    status = info.status;
  }
  putString(argument.bytes, (userName === '' ? fence.name : userName).slice(0, NAME_MAX));
  yield* argument.giveBack({ status, num_fences: fences.length });
  return 0;
}

/** Writes text and its NUL at the start of a struct; what the program had behind it stays. */
function putString(bytes: Uint8Array, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  bytes[text.length] = 0;
}

/** The records of FILE_INFO, and the status of them all: the first fence that is not plain success decides. */
function describeFences(fences: readonly DmaFence[]): { readonly bytes: Uint8Array; readonly status: number } {
  const bytes = new Uint8Array(fences.length * sync_fence_info.size);
  const view = new DataView(bytes.buffer);
  let status = 1;
  for (const [index, fence] of fences.entries()) {
    const own = fence.status;
    sync_fence_info.encode(view, index * sync_fence_info.size, {
      obj_name: fence.timelineName.slice(0, NAME_MAX),
      driver_name: fence.driverName.slice(0, NAME_MAX),
      status: own,
      timestamp_ns: own === 0 ? 0 : fence.timestamp_ns,
    });
    if (status > 0) status = own;
  }
  return { bytes, status };
}
