import { Errno } from '../abi/index.ts';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_NAME_LEN,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SET_NAME_B,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_VALID_FLAGS_MASK,
  DMA_BUF_SYNC_WRITE,
  dma_buf_export_sync_file,
  POLLIN,
  POLLOUT,
  SEEK_END,
  SEEK_SET,
} from '../abi/uapi/index.ts';
import {
  copyStringFromUser,
  type File,
  type FileOperations,
  ioctls,
  type Kernel,
  on,
  onRaw,
  type PollTable,
  type Task,
  takeStruct,
} from '../kernel/index.ts';
import type { DmaDirection } from '../memory/index.ts';
import type { DmaBuf, PollSlot } from './dma-buf.ts';
import type { DmaFence } from './dma-fence.ts';
import { getStubFence } from './dma-fence-stub.ts';
import { unwrapFence } from './dma-fence-unwrap.ts';
import { DMA_RESV_USAGE_READ, DMA_RESV_USAGE_WRITE, type DmaResvUsage, usageToWaitFor } from './dma-resv-usage.ts';
import { answerWithSyncFile, createSyncFile, fenceOfDescriptor } from './sync-file.ts';

type BufferFile = File<DmaBuf<any>>;

/** By the READ and WRITE bits of a request. */
const DIRECTIONS: readonly (DmaDirection | undefined)[] = [undefined, 'from-device', 'to-device', 'bidirectional'];

/** The file of a dma-buf: no read, no write, and no request looks at how it was opened. */
export const dmaBufOperations: FileOperations<DmaBuf<any>> = {
  release: (file) => file.private.leaveList(),

  dentryRelease: (file) => file.private.release(),

  llseek(file, offset, whence) {
    if ((whence !== SEEK_SET && whence !== SEEK_END) || offset !== 0)
      throw new Errno('EINVAL', 'only the start and the end of a buffer can be sought');
    return whence === SEEK_END ? file.private.size : 0;
  },

  poll,

  mmap: (file, vma) => file.private.mmap(vma),

  showFdinfo(file) {
    const { size, exporterName, name } = file.private;
    const named = name === undefined ? '' : `name:\t${name}\n`;
    return `size:\t${size}\ncount:\t${file.holders}\nexp_name:\t${exporterName}\n${named}`;
  },

  ...ioctls<DmaBuf<any>>(
    on(DMA_BUF_IOCTL_SYNC, (file: BufferFile, { flags }) => {
      if (flags > DMA_BUF_SYNC_VALID_FLAGS_MASK) throw new Errno('EINVAL', 'flags has an unknown bit');
      const direction = DIRECTIONS[flags & DMA_BUF_SYNC_RW];
      if (direction === undefined) throw new Errno('EINVAL', 'neither READ nor WRITE');
      return (flags & DMA_BUF_SYNC_END) !== 0 ? file.private.endCpuAccess(direction) : file.private.beginCpuAccess(direction);
    }),
    onRaw(DMA_BUF_SET_NAME_A, setName),
    onRaw(DMA_BUF_SET_NAME_B, setName),
    onRaw(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, exportSyncFile),
    on(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, importSyncFile),
  ),
};

function* setName(file: BufferFile, address: number, task: Task): Kernel<number> {
  const bytes = yield* copyStringFromUser(task.memory, address, DMA_BUF_NAME_LEN);
  if (bytes === undefined) throw new Errno('EINVAL', `a name has at most ${DMA_BUF_NAME_LEN - 1} bytes`);
  task.system.kmalloc('the name of a dma-buf');
  file.private.name = String.fromCharCode(...bytes);
  return 0;
}

/** Which intent READ, WRITE or both state. @throws Errno EINVAL for other bits or none */
function wantsWrite(flags: number): boolean {
  if ((flags & ~DMA_BUF_SYNC_RW) !== 0) throw new Errno('EINVAL', 'flags has an unknown bit');
  if (flags === 0) throw new Errno('EINVAL', 'neither READ nor WRITE');
  return (flags & DMA_BUF_SYNC_WRITE) !== 0;
}

function* exportSyncFile(file: BufferFile, address: number, task: Task): Kernel<number> {
  const argument = yield* takeStruct(task.memory, dma_buf_export_sync_file, address);
  const usage = usageToWaitFor(wantsWrite(argument.value.flags));
  const fd = yield* task.files.reserve(true);
  return yield* answerWithSyncFile(task, fd, argument, { fd }, () => {
    const fence = file.private.resv.getSingleton(usage) ?? getStubFence(task.system);
    try {
      return createSyncFile(task.system, fence);
    } finally {
      fence.put();
    }
  });
}

function* importSyncFile(file: BufferFile, { flags, fd }: { flags: number; fd: number }, task: Task): Kernel<number> {
  const usage = wantsWrite(flags) ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ;
  const fence = yield* fenceOfDescriptor(fd, task, 'EINVAL');
  const { resv } = file.private;
  try {
    yield* resv.lock.lock();
    try {
      const fences = unwrapFence(fence);
      resv.reserveFences(fences.length);
      for (const single of fences) resv.addFence(single, usage);
    } finally {
      resv.unlock();
    }
  } finally {
    fence.put();
  }
  return 0;
}

/**
 * Ready to read when no writer is pending, to write when neither a writer nor a reader is. A poll that must wait arms one callback
 * per event and buffer, which holds the fence and the file until that fence signals, whoever has gone meanwhile.
 */
function* poll(file: BufferFile, table: PollTable): Kernel<number> {
  const dmabuf = file.private;
  let events = table.events & (POLLIN | POLLOUT);
  table.wait(dmabuf.polled, events);
  if (events === 0) return 0;
  yield* dmabuf.resv.lock.lock();
  if ((events & POLLOUT) !== 0 && !isReady(dmabuf, dmabuf.pollOut, POLLOUT, DMA_RESV_USAGE_READ)) events &= ~POLLOUT;
  if ((events & POLLIN) !== 0 && !isReady(dmabuf, dmabuf.pollIn, POLLIN, DMA_RESV_USAGE_WRITE)) events &= ~POLLIN;
  dmabuf.resv.unlock();
  return events;
}

function isReady(dmabuf: DmaBuf<any>, slot: PollSlot, event: number, usage: DmaResvUsage): boolean {
  if (slot.callback !== undefined) return false;
  const callback = (fence: DmaFence) => {
    slot.callback = undefined;
    dmabuf.polled.wake(event);
    fence.put();
    dmabuf.put();
  };
  for (const { fence } of dmabuf.resv.entries(usage)) {
    if (!fence.addCallback(callback)) continue;
    slot.callback = callback;
    // Another fence may take its slot meanwhile.
    fence.get();
    dmabuf.get();
    return false;
  }
  // As in Linux, finding it ready wakes everyone who waits for that event, the caller included.
  dmabuf.polled.wake(event);
  return true;
}
