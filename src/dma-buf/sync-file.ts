import { type EncodableStruct, Errno, type Members } from '../abi/index.ts';
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
  finish,
  ioctls,
  type Kernel,
  type MaybeKernel,
  on,
  onRaw,
  type StructCopy,
  type System,
  type Task,
  takeStruct,
  WaitQueue,
} from '../kernel/index.ts';
import type { DmaFence, DmaFenceCallback } from './dma-fence.ts';
import { mergeFences, unwrapFence } from './dma-fence-unwrap.ts';

/** A fence as a file (drivers/dma-buf/sync_file.c). */
export interface SyncFile {
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
      file.private.fence.setDeadline(Number(BigInt.asIntN(64, deadline_ns)));
    }),
  ),
};

/** The descriptor is taken before anything is read: with a full table a bad pointer, too, is EMFILE. */
function* merge(file: File<SyncFile>, address: number, task: Task): Kernel<number> {
  const fd = yield* task.files.reserve(true);
  const argument = takeStruct(task.memory, sync_merge_data, address);
  return yield* answerWithSyncFile(task, fd, argument, { fence: fd }, function* ({ value, bytes }) {
    const { flags, pad, fd2, name } = value;
    if (flags !== 0 || pad !== 0) throw new Errno('EINVAL', 'flags or pad is not 0');
    bytes[NAME_MAX] = 0;
    return yield* mergeWith(file, fd2, name.slice(0, NAME_MAX), task);
  });
}

/**
 * The rest of a request for a new sync file whose descriptor has been reserved: makes the file, writes the struct back with the
 * descriptor in it, and puts the file there. Whatever fails, nothing is left and the number is free again.
 *
 * @param argument the program's struct, or what will read it
 * @param answer the fields that change
 * @param make a file with a reference for the descriptor
 * @throws Errno what reading and making say; EFAULT when the struct cannot be written
 */
export function* answerWithSyncFile<M extends Members>(
  task: Task,
  fd: number,
  argument: MaybeKernel<StructCopy<M>>,
  answer: EncodableStruct<M>,
  make: (copy: StructCopy<M>) => MaybeKernel<File<SyncFile>>,
): Kernel<number> {
  let file: File<SyncFile> | undefined;
  try {
    const copy = yield* finish(argument);
    file = yield* finish(make(copy));
    yield* copy.giveBack(answer);
  } catch (error) {
    file?.put();
    yield* task.files.cancel(fd);
    throw error;
  }
  yield* task.files.fill(fd, file);
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
