/** Buffers that a controller reads and writes by itself: FUNCTIONFS_DMABUF_ of f_fs.c, section 7 of docs/reference/functionfs.md. */
import { Errno } from '../../abi/index.ts';
import { USB_FFS_DMABUF_TRANSFER_MASK } from '../../abi/uapi/index.ts';
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
import type { File, Kernel, Task } from '../../kernel/index.ts';
import type { DmaDirection, DmaSegment } from '../../memory/index.ts';
import { UsbRequest } from '../../usb/index.ts';
import { FFS_DEFECTS } from './defects.ts';
import { type DmabufVariant, variantOf } from './dmabuf-variant.ts';
import type { BoundEndpoint, FfsEndpoint } from './endpoint.ts';
import { assertSame, waitForBound } from './endpoint-io.ts';
import { isNonblocking } from './interruptible.ts';

/** DMABUF_ENQUEUE_TIMEOUT_MS: how long a transfer waits for those who use the buffer. */
const ENQUEUE_TIMEOUT_ns = 5000 * 1_000_000;

const fenceOps = { driverName: () => 'functionfs', timelineName: () => '' };

/** A buffer that an endpoint's file has attached, as `struct ffs_dmabuf_priv`: mapped from then on. */
export interface Attachment {
  /** With a reference. */
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<undefined>;
  readonly table: SgTable;
  readonly direction: DmaDirection;
  /** Of its fences. */
  readonly context: number;
  /** The endpoint's list, and each transfer until it has been cleaned up. */
  holders: number;
  /** The transfer that was queued last, and where: the only one that can be cancelled. */
  last: { readonly bound: BoundEndpoint; readonly request: UsbRequest } | undefined;
}

/** ffs_dma_resv_lock. @throws Errno EBUSY when it is taken and the file must not wait; EINTR */
function* lockReservation(file: File<FfsEndpoint>, { resv }: DmaBuf<any>): Kernel<void> {
  if (!isNonblocking(file)) yield* resv.lock.lock({ mode: 'interruptible' });
  else if (!resv.lock.tryLock()) throw new Errno('EBUSY', 'somebody has the buffer locked');
}

/**
 * FUNCTIONFS_DMABUF_ATTACH. The endpoint need not be enabled, but the function bound. Attaching a buffer again makes another attachment.
 *
 * @throws Errno EPERM not bound, or the controller has no scatter-gather; EBADF, EINVAL no dma-buf; EBUSY, EINTR; what the exporter says
 */
export function* attachBuffer(file: File<FfsEndpoint>, fd: number, task: Task): Kernel<number> {
  const endpoint = file.private;
  const { system } = endpoint.ffs;
  const device = endpoint.ffs.gadget?.dma;
  if (device === undefined) throw new Errno('EPERM', 'no controller has the function that reads and writes memory itself');
  const dmabuf = yield* dmaBufGet(fd, task);
  try {
    const attachment = yield* dmabuf.attach(device);
    try {
      system.kmalloc('struct ffs_dmabuf_priv');
      const context = allocateFenceContexts(system);
      const direction = variantOf(system).direction(endpoint.isIn);
      yield* lockReservation(file, dmabuf);
      let table: SgTable;
      try {
        table = yield* attachment.map(direction);
      } finally {
        dmabuf.resv.unlock();
      }
      endpoint.attachments.unshift({ dmabuf, attachment, table, direction, context, holders: 1, last: undefined });
    } catch (error) {
      yield* dmabuf.detach(attachment);
      throw error;
    }
  } catch (error) {
    dmabuf.put();
    throw error;
  }
  return 0;
}

/** ffs_dmabuf_put: the last holder's release waits for the reservation lock. */
function* put(attached: Attachment): Kernel<void> {
  attached.holders--;
  if (attached.holders > 0) return;
  const { dmabuf, attachment, table, direction } = attached;
  yield* attachment.unmapUnlocked(table, direction);
  yield* dmabuf.detach(attachment);
  dmabuf.put();
}

/** The newest attachment of a buffer to the controller that has the function now. @throws Errno EPERM */
function find(endpoint: FfsEndpoint, dmabuf: DmaBuf<any>): Attachment {
  const device = endpoint.ffs.gadget?.dma;
  const found = endpoint.attachments.find((one) => one.dmabuf === dmabuf && one.attachment.device === device);
  if (found === undefined) throw new Errno('EPERM', 'the buffer is not attached to this endpoint');
  return found;
}

/** Cancels what was queued last, if that is still under way, and takes the attachment from the endpoint. */
function* drop(endpoint: FfsEndpoint, attached: Attachment): Kernel<void> {
  const { last } = attached;
  if (variantOf(endpoint.ffs.system).cancels && last?.request.isQueued === true) last.bound.ep.dequeue(last.request);
  endpoint.attachments.splice(endpoint.attachments.indexOf(attached), 1);
  yield* put(attached);
}

/** FUNCTIONFS_DMABUF_DETACH. @throws Errno EBADF, EINVAL no dma-buf; EPERM not attached */
export function* detachBuffer(file: File<FfsEndpoint>, fd: number, task: Task): Kernel<number> {
  const dmabuf = yield* dmaBufGet(fd, task);
  try {
    yield* drop(file.private, find(file.private, dmabuf));
    return 0;
  } finally {
    dmabuf.put();
  }
}

/** A file of the endpoint was closed: whatever is attached goes, through whichever file it was. */
export function* detachAll(endpoint: FfsEndpoint): Kernel<void> {
  while (endpoint.attachments.length > 0) yield* drop(endpoint, endpoint.attachments[0] as Attachment);
}

/** sg_nents_for_len: the segments that so many bytes are in. */
function covering(segments: readonly DmaSegment[], length: number): readonly DmaSegment[] {
  let end = 0;
  let count = 0;
  while (end < length) end += (segments[count++] as DmaSegment).length;
  return segments.slice(0, count);
}

/** Waits for those who use the buffer. Under the reservation lock. @throws Errno EBUSY, ERESTARTSYS */
function* waitForOthers(file: File<FfsEndpoint>, { resv }: DmaBuf<any>, variant: DmabufVariant): Kernel<void> {
  const usage = usageToWaitFor(variant.writes(file.private.isIn));
  const timeout_ns = isNonblocking(file) || !variant.waits ? 0 : ENQUEUE_TIMEOUT_ns;
  if (resv.testSignaled(usage)) return;
  if (timeout_ns === 0 || !(yield* resv.wait(usage, { timeout_ns }))) throw new Errno('EBUSY', 'somebody still uses the buffer');
}

/** As usb_ffs_dmabuf_transfer_req. */
interface TransferRequest {
  readonly fd: number;
  readonly flags: number;
  readonly length: number;
}

/**
 * FUNCTIONFS_DMABUF_TRANSFER: queues the first bytes of an attached buffer, and returns. A fence of the buffer says when that is done.
 *
 * @throws Errno EINVAL flags, no dma-buf, no or too great a length; EBADF; EPERM not attached; EAGAIN, EINTR, ESHUTDOWN as reads and
 *   writes; EBUSY; ERESTARTSYS; ENOMEM
 */
export function* transferBuffer(file: File<FfsEndpoint>, { fd, flags, length }: TransferRequest, task: Task): Kernel<number> {
  if ((flags & ~USB_FFS_DMABUF_TRANSFER_MASK) !== 0) throw new Errno('EINVAL', 'there are no flags');
  const endpoint = file.private;
  const dmabuf = yield* dmaBufGet(fd, task);
  try {
    if (length === 0 || length > dmabuf.size) throw new Errno('EINVAL', `${length} bytes of a buffer of ${dmabuf.size}`);
    const attached = find(endpoint, dmabuf);
    attached.holders++;
    let fence: DmaFence;
    let bound: BoundEndpoint;
    try {
      bound = yield* waitForBound(file);
      fence = yield* publish(file, attached, bound);
    } catch (error) {
      yield* put(attached);
      throw error;
    }
    queue(file.private, attached, bound, fence, length);
    return 0;
  } finally {
    dmabuf.put();
  }
}

/** The part of a transfer under the reservation lock. @returns its fence, which others wait for from now on */
function* publish(file: File<FfsEndpoint>, attached: Attachment, bound: BoundEndpoint): Kernel<DmaFence> {
  const endpoint = file.private;
  const { system } = endpoint.ffs;
  const { dmabuf, attachment, table, direction, context } = attached;
  const variant = variantOf(system);
  if (variant.brackets) beginAccess(system, attachment, table, direction);
  let fence: DmaFence;
  try {
    yield* lockReservation(file, dmabuf);
    try {
      yield* waitForOthers(file, dmabuf, variant);
      dmabuf.resv.reserveFences(1);
      system.kmalloc('struct ffs_dma_fence');
      assertSame(endpoint, bound);
      fence = new DmaFence(system, { ops: fenceOps, context, seqno: ++endpoint.seqno });
      dmabuf.resv.addFence(fence, variant.writes(endpoint.isIn) ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
    } finally {
      dmabuf.resv.unlock();
    }
  } catch (error) {
    if (variant.brackets) endAccess(system, attachment, table, direction);
    throw error;
  }
  watchTransfer(attachment, fence);
  return fence;
}

/** @throws Errno what the controller says, with which the fence has signalled then */
function queue(endpoint: FfsEndpoint, attached: Attachment, bound: BoundEndpoint, fence: DmaFence, length: number): void {
  const request = new UsbRequest();
  request.sg = covering(attached.table.segments, length);
  request.length = length;
  request.complete = () => signalDone(endpoint, attached, fence, request.status);
  const { system } = endpoint.ffs;
  const cookie = beginSignalling(system);
  try {
    bound.ep.queue(request);
    attached.last = { bound, request };
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    system.log.print('warn', `FFS: Failed to queue DMABUF: ${-error.errno}`);
    signalDone(endpoint, attached, fence, -error.errno);
    throw error;
  } finally {
    endSignalling(system, cookie);
  }
}

/** ffs_dmabuf_signal_done: may run where nothing may wait, so what is left to do comes later. @param status 0 or a negative errno */
function signalDone(endpoint: FfsEndpoint, attached: Attachment, fence: DmaFence, status: number): void {
  const { system } = endpoint.ffs;
  const { attachment, table, direction } = attached;
  if (system.findings.recreates(FFS_DEFECTS.UNMAPS_EARLY)) {
    system.scheduler.spawn('ffs_dmabuf_unmap_and_signal', undefined, unmapAndSignal(attached, fence));
    return;
  }
  if (variantOf(system).brackets) endAccess(system, attachment, table, direction);
  const cookie = beginSignalling(system);
  if (status < 0) fence.setError(status);
  fence.signal();
  endSignalling(system, cookie);
  system.scheduler.spawn('ffs_dmabuf_cleanup', undefined, cleanUp(attached, fence));
}

/** What must not be done before the fence has signalled: it takes the lock of the buffer. */
function* cleanUp(attached: Attachment, fence: DmaFence): Kernel<void> {
  yield* put(attached);
  fence.put();
}

/** The wrong way round: who holds the lock may be waiting for the fence. */
function* unmapAndSignal(attached: Attachment, fence: DmaFence): Kernel<void> {
  const { system } = attached.dmabuf;
  const cookie = beginSignalling(system);
  yield* put(attached);
  fence.signal();
  endSignalling(system, cookie);
  fence.put();
}
