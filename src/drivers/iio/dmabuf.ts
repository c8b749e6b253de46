/**
 * dma-bufs that programs give a buffer to be filled or sent: section 11.2 of docs/reference/functionfs.md, drivers/iio/industrialio-buffer.c.
 */
import { type Decoded, Errno } from '../../abi/index.ts';
import { IIO_BUFFER_DMABUF_CYCLIC, IIO_BUFFER_DMABUF_SUPPORTED_FLAGS, type iio_dmabuf } from '../../abi/uapi/index.ts';
import {
  allocateFenceContexts,
  beginAccess,
  beginSignalling,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  type DmaBuf,
  type DmaBufAttachment,
  dmaBufGet,
  endAccess,
  endSignalling,
  usageToWaitFor,
  watchTransfer,
} from '../../dma-buf/index.ts';
import type { Kernel, Task } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import { AttachedDmabuf, DmabufTransfer } from './attached-dmabuf.ts';
import type { IioBuffer } from './buffer.ts';
import type { DmaBlock } from './dma-block.ts';

/** What moves the samples of a buffer, as far as dma-bufs are concerned. */
export interface DmabufAccess {
  /** As which attached buffers are accessed. */
  readonly device: DmaDevice;
  /** @param size of the dma-buf, in bytes @throws Errno EBUSY, ENOMEM */
  attach(size: number): DmaBlock;
  /** @throws Errno EBUSY, EPERM */
  enqueue(block: DmaBlock, transfer: DmabufTransfer): void;
}

/** DMABUF_ENQUEUE_TIMEOUT_MS. */
const TIMEOUT_ns = 5e9;

function accessOf({ access }: IioBuffer): DmabufAccess {
  if (access.dmabufs === undefined) throw new Errno('EPERM', 'the buffer takes no dma-bufs');
  return access.dmabufs;
}

/** iio_dma_resv_lock. @throws Errno EBUSY, ERESTARTSYS */
function* lockReservation({ resv }: DmaBuf<any>, isNonblocking: boolean): Kernel<void> {
  if (!isNonblocking) yield* resv.lock.lock({ mode: 'interruptible' });
  else if (!resv.lock.tryLock()) throw new Errno('EBUSY', 'somebody holds the reservation lock');
}

/** IIO_BUFFER_DMABUF_ATTACH_IOCTL. @throws Errno EPERM, ENOMEM, EBADF, EINVAL, EBUSY, ERESTARTSYS, and what attaching and mapping say */
export function* attachDmabuf(buffer: IioBuffer, fd: number, isNonblocking: boolean, task: Task): Kernel<void> {
  const access = accessOf(buffer);
  const { system } = buffer.device;
  system.kmalloc('struct iio_dmabuf_priv');
  const context = allocateFenceContexts(system);
  const dmabuf = yield* dmaBufGet(fd, task);
  let attachment: DmaBufAttachment<undefined> | undefined;
  let attached: AttachedDmabuf;
  try {
    attachment = yield* dmabuf.attach(access.device);
    attached = yield* mapAttachment(buffer, { dmabuf, attachment, context }, isNonblocking);
  } catch (error) {
    if (attachment !== undefined) yield* dmabuf.detach(attachment);
    dmabuf.put();
    throw error;
  }
  yield* buffer.dmabufsLock.lock();
  const isKnown = buffer.dmabufs.some((each) => each.dmabuf === dmabuf);
  if (!isKnown) buffer.dmabufs.unshift(attached);
  buffer.dmabufsLock.unlock();
  if (!isKnown) return;
  yield* attached.put();
  throw new Errno('EBUSY', 'the dma-buf is attached to the buffer already');
}

/** From the reservation lock to the block. On failure nothing is left but the attachment. */
function* mapAttachment(
  buffer: IioBuffer,
  parts: Pick<AttachedDmabuf, 'dmabuf' | 'attachment' | 'context'>,
  isNonblocking: boolean,
): Kernel<AttachedDmabuf> {
  const { dmabuf, attachment } = parts;
  const direction = buffer.direction === 'in' ? 'from-device' : 'to-device';
  yield* lockReservation(dmabuf, isNonblocking);
  try {
    const table = yield* attachment.map(direction);
    try {
      const block = accessOf(buffer).attach(dmabuf.size);
      return new AttachedDmabuf(buffer, { ...parts, table, direction, block });
    } catch (error) {
      yield* attachment.unmap(table, direction);
      throw error;
    }
  } finally {
    dmabuf.resv.unlock();
  }
}

/** IIO_BUFFER_DMABUF_DETACH_IOCTL: a transfer under way goes on, and keeps the dma-buf so long. @throws Errno EBADF, EINVAL, EPERM */
export function* detachDmabuf(buffer: IioBuffer, fd: number, task: Task): Kernel<void> {
  const dmabuf = yield* dmaBufGet(fd, task);
  yield* buffer.dmabufsLock.lock();
  try {
    const at = buffer.dmabufs.findIndex((each) => each.dmabuf === dmabuf);
    if (at < 0) throw new Errno('EPERM', 'the dma-buf is not attached to the buffer');
    yield* (buffer.dmabufs.splice(at, 1)[0] as AttachedDmabuf).put();
  } finally {
    buffer.dmabufsLock.unlock();
    dmabuf.put();
  }
}

/** What closing the descriptor of a buffer does. */
export function* detachAll(buffer: IioBuffer): Kernel<void> {
  yield* buffer.dmabufsLock.lock();
  for (const attached of buffer.dmabufs.splice(0)) yield* attached.put();
  buffer.dmabufsLock.unlock();
}

/** IIO_BUFFER_DMABUF_ENQUEUE_IOCTL. @throws Errno EINVAL, EBADF, EPERM, ENOMEM, EBUSY, ERESTARTSYS */
export function* enqueueDmabuf(
  buffer: IioBuffer,
  { fd, flags, bytes_used }: Decoded<typeof iio_dmabuf>,
  isNonblocking: boolean,
  task: Task,
): Kernel<void> {
  if ((flags & ~IIO_BUFFER_DMABUF_SUPPORTED_FLAGS) !== 0) throw new Errno('EINVAL', 'flags has an unknown bit');
  const isCyclic = (flags & IIO_BUFFER_DMABUF_CYCLIC) !== 0;
  if (isCyclic && buffer.direction === 'in') throw new Errno('EINVAL', 'what comes in is not repeated');
  const dmabuf = yield* dmaBufGet(fd, task);
  try {
    if (bytes_used === 0 || bytes_used > dmabuf.size)
      throw new Errno('EINVAL', `bytes_used is ${bytes_used}, and the buffer has ${dmabuf.size} bytes`);
    yield* buffer.dmabufsLock.lock();
    const attached = buffer.dmabufs.find((each) => each.dmabuf === dmabuf)?.get();
    buffer.dmabufsLock.unlock();
    if (attached === undefined) throw new Errno('EPERM', 'the dma-buf is not attached to the buffer');
    let transfer: DmabufTransfer;
    try {
      transfer = new DmabufTransfer(attached, bytes_used, isCyclic);
    } catch (error) {
      yield* attached.put();
      throw error;
    }
    yield* publishAndEnqueue(buffer, transfer, isNonblocking);
  } finally {
    dmabuf.put();
  }
}

/** The fence goes into the dma-buf before the queue is asked: a refusal is an error of the fence, too. */
function* publishAndEnqueue(buffer: IioBuffer, transfer: DmabufTransfer, isNonblocking: boolean): Kernel<void> {
  const { attached, fence } = transfer;
  const { dmabuf, attachment, table, direction } = attached;
  try {
    beginAccess(dmabuf.system, attachment, table, direction);
    try {
      yield* publish(buffer, transfer, isNonblocking);
    } catch (error) {
      endAccess(dmabuf.system, attachment, table, direction);
      throw error;
    }
  } catch (error) {
    yield* transfer.abandon();
    throw error;
  }
  watchTransfer(attachment, fence);
  const cookie = beginSignalling(dmabuf.system);
  try {
    accessOf(buffer).enqueue(attached.block, transfer);
  } catch (error) {
    transfer.done(-(error as Errno).errno);
    throw error;
  } finally {
    endSignalling(dmabuf.system, cookie);
  }
}

/** Waits for those who use the dma-buf, and adds the fence. @throws Errno EBUSY, ERESTARTSYS, ENOMEM */
function* publish(buffer: IioBuffer, { attached: { dmabuf }, fence }: DmabufTransfer, isNonblocking: boolean): Kernel<void> {
  const isWrite = buffer.direction === 'in';
  const { resv } = dmabuf;
  yield* lockReservation(dmabuf, isNonblocking);
  try {
    const wait = { timeout_ns: isNonblocking ? 0 : TIMEOUT_ns };
    if (!(yield* resv.wait(usageToWaitFor(isWrite), wait))) throw new Errno('EBUSY', 'others have not finished with the dma-buf');
    resv.reserveFences(1);
    resv.addFence(fence, isWrite ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
  } finally {
    resv.unlock();
  }
}
