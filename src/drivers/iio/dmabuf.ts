/**
 * dma-bufs that programs give a buffer to be filled or sent: section 11.2 of docs/reference/functionfs.md, drivers/iio/industrialio-buffer.c.
 */
import { type Decoded, Errno, errno } from '../../abi/index.ts';
import { IIO_BUFFER_DMABUF_CYCLIC, IIO_BUFFER_DMABUF_SUPPORTED_FLAGS, type iio_dmabuf } from '../../abi/uapi/index.ts';
import {
  allocateFenceContexts,
  beginAccess,
  beginSignalling,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  type DmaBuf,
  type DmaBufAttachment,
  DmaFence,
  dmaBufGet,
  endAccess,
  endSignalling,
  type SgTable,
  usageToWaitFor,
  watchTransfer,
} from '../../dma-buf/index.ts';
import type { Kernel, Task } from '../../kernel/index.ts';
import type { DmaDevice, DmaDirection } from '../../memory/index.ts';
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

const fenceOps = { driverName: () => 'iio', timelineName: () => 'iio' };

/** A dma-buf that is attached to a buffer, as `struct iio_dmabuf_priv`: held by the list of the buffer and by each transfer. */
export class AttachedDmabuf {
  readonly buffer: IioBuffer;
  /** With a reference. */
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<undefined>;
  readonly table: SgTable;
  readonly direction: DmaDirection;
  readonly block: DmaBlock;
  readonly context: number;
  seqno = 0;
  #holders = 1;

  constructor(buffer: IioBuffer, parts: Pick<AttachedDmabuf, 'dmabuf' | 'attachment' | 'table' | 'direction' | 'block' | 'context'>) {
    this.buffer = buffer;
    this.dmabuf = parts.dmabuf;
    this.attachment = parts.attachment;
    this.table = parts.table;
    this.direction = parts.direction;
    this.block = parts.block;
    this.context = parts.context;
  }

  get(): this {
    this.#holders++;
    return this;
  }

  *put(): Kernel<void> {
    if (--this.#holders > 0) return;
    yield* this.attachment.unmapUnlocked(this.table, this.direction);
    this.block.kill();
    yield* this.dmabuf.detach(this.attachment);
    this.dmabuf.put();
  }
}

/** One use of an attached dma-buf: `struct iio_dma_fence`, and what the queue is told. */
export class DmabufTransfer {
  readonly attached: AttachedDmabuf;
  /** With a reference until it has signalled. */
  readonly fence: DmaFence;
  readonly bytesUsed: number;
  readonly isCyclic: boolean;

  /** @param attached with a reference, which becomes the transfer's */
  constructor(attached: AttachedDmabuf, bytesUsed: number, isCyclic: boolean) {
    const { system } = attached.dmabuf;
    system.kmalloc('struct iio_dma_fence');
    this.attached = attached;
    this.bytesUsed = bytesUsed;
    this.isCyclic = isCyclic;
    this.fence = new DmaFence(system, { ops: fenceOps, context: attached.context, seqno: ++attached.seqno });
  }

  /**
   * iio_buffer_signal_dmabuf_done: the fence signals, and what may wait is left to a worker.
   *
   * @param code 0, or a negative errno
   */
  done(code: number): void {
    const { fence, attached } = this;
    const { system } = attached.dmabuf;
    const cookie = beginSignalling(system);
    if (code !== 0) fence.setError(code);
    try {
      endAccess(system, attached.attachment, attached.table, attached.direction);
    } catch (error) {
      if (code === 0) fence.setError(-(error as Errno).errno);
    }
    fence.signal();
    endSignalling(system, cookie);
    system.scheduler.spawn('iio_buffer_cleanup', undefined, this.abandon());
  }

  /** Drops what it holds. */
  *abandon(): Kernel<void> {
    this.fence.put();
    yield* this.attached.put();
  }
}

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
  const access = accessOf(buffer);
  const { attached, fence } = transfer;
  const { dmabuf, attachment, table, direction } = attached;
  const isWrite = buffer.direction === 'in';
  try {
    yield* lockReservation(dmabuf, isNonblocking);
    try {
      const wait = { timeout_ns: isNonblocking ? 0 : TIMEOUT_ns };
      if (!(yield* dmabuf.resv.wait(usageToWaitFor(isWrite), wait))) throw new Errno('EBUSY', 'others have not finished with the dma-buf');
      dmabuf.resv.reserveFences(1);
      dmabuf.resv.addFence(fence, isWrite ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
    } finally {
      dmabuf.resv.unlock();
    }
  } catch (error) {
    yield* transfer.abandon();
    throw error;
  }
  watchTransfer(attachment, fence);
  const cookie = beginSignalling(dmabuf.system);
  try {
    beginAccess(dmabuf.system, attachment, table, direction);
    access.enqueue(attached.block, transfer);
  } catch (error) {
    transfer.done(-((error as Errno).errno ?? errno.EIO));
    throw error;
  } finally {
    endSignalling(dmabuf.system, cookie);
  }
}
