/** ffs_epfile_io of f_fs.c: reads and writes of an endpoint's file. */
import { Errno, type ErrnoName, errnoName } from '../../abi/index.ts';
import { type File, type Kernel, type Kiocb, type UserBuffer, wait } from '../../kernel/index.ts';
import { UsbRequest } from '../../usb/index.ts';
import type { BoundEndpoint, FfsEndpoint } from './endpoint.ts';
import { isNonblocking, lockOrAgain, waitOrIntr } from './interruptible.ts';
import { KMALLOC_MAX_SIZE } from './strings-block.ts';

/** @throws Errno ENODEV when the daemon has not described its function, or begins anew */
export function assertActive({ ffs }: FfsEndpoint): void {
  if (ffs.state !== 'ACTIVE') throw new Errno('ENODEV', `the function is ${ffs.state}`);
}

/** ffs_epfile_wait_ep: the endpoint of a controller, once there is one. @throws Errno EAGAIN, EINTR */
export function* waitForBound(file: File<FfsEndpoint>): Kernel<BoundEndpoint> {
  const endpoint = file.private;
  if (endpoint.bound === undefined) {
    if (isNonblocking(file)) throw new Errno('EAGAIN', `${endpoint.name} is not enabled`);
    yield* waitOrIntr(endpoint.ffs.enabled, () => endpoint.bound !== undefined);
  }
  return endpoint.bound as BoundEndpoint;
}

/** @throws Errno ESHUTDOWN when it was disabled meanwhile */
export function assertSame(endpoint: FfsEndpoint, bound: BoundEndpoint): void {
  if (endpoint.bound !== bound) throw new Errno('ESHUTDOWN', `${endpoint.name} was disabled meanwhile`);
}

/** usb_ep_align_maybe: how much a controller reads from the host for a read of so many bytes. */
function aligned({ ffs }: FfsEndpoint, { ep }: BoundEndpoint, length: number): number {
  return ffs.gadget?.quirkEpOutAlignedSize === true ? Math.ceil(length / ep.maxpacket) * ep.maxpacket : length;
}

/** ffs_alloc_buffer: without scatter-gather the data are in one piece. @throws Errno ENOMEM */
function allocate({ ffs }: FfsEndpoint, length: number): void {
  if (ffs.gadget?.sgSupported !== true && length > KMALLOC_MAX_SIZE) throw new Errno('ENOMEM', `${length} bytes are too many in one piece`);
  ffs.system.kmalloc('the data of a transfer');
}

/** What was read too much before. @returns bytes moved; 0 when there was nothing */
function* readStash(endpoint: FfsEndpoint, to: UserBuffer): Kernel<number> {
  const { stash } = endpoint;
  if (stash === undefined) return 0;
  endpoint.stash = undefined;
  const wanted = Math.min(stash.length, to.remaining);
  const done = wanted === 0 ? 0 : yield* to.put(stash.subarray(0, wanted));
  if (done < stash.length) endpoint.stash = stash.subarray(done);
  if (done < wanted) throw new Errno('EFAULT', 'what was left of the last transfer cannot be written');
  return done;
}

/** __ffs_epfile_read_data: bytes from the host to the program; what does not fit is kept for the next read. */
function* deliver(endpoint: FfsEndpoint, data: Uint8Array, to: UserBuffer): Kernel<number> {
  const wanted = Math.min(data.length, to.remaining);
  if ((yield* to.put(data.subarray(0, wanted))) < wanted) throw new Errno('EFAULT', 'the data cannot be written, and are lost');
  if (wanted < data.length) {
    const { system } = endpoint.ffs;
    system.log.print('warn', `functionfs read size ${data.length} > requested size ${wanted}, splitting request into multiple reads.`);
    endpoint.stash = data.slice(wanted);
  }
  return wanted;
}

/** Queues the endpoint's own request, and waits until it has ended. @returns bytes moved @throws Errno ESHUTDOWN, EINTR, the request's */
function* runRequest(endpoint: FfsEndpoint, bound: BoundEndpoint, data: Uint8Array, length: number): Kernel<number> {
  const { ep, request } = bound;
  request.buf = data;
  request.length = length;
  request.complete = () => endpoint.done.wake();
  ep.queue(request);
  let interrupted: unknown;
  try {
    yield* waitOrIntr(endpoint.done, () => !request.isQueued);
  } catch (error) {
    assertSame(endpoint, bound);
    if (request.isQueued) ep.dequeue(request);
    yield* wait(endpoint.done, () => !request.isQueued, { mode: 'uninterruptible' });
    interrupted = error;
  }
  // A transfer that has ended all the same is not lost.
  if (request.status < 0) throw interrupted ?? new Errno(errnoName(-request.status) as ErrnoName, `the transfer of ${ep.name} has failed`);
  return request.actual;
}

/** Halts the endpoint: a transfer in the direction in which it does not go. @throws Errno EBADMSG when that has been done */
function halt(endpoint: FfsEndpoint, bound: BoundEndpoint): never {
  assertSame(endpoint, bound);
  bound.ep.setHalt();
  throw new Errno('EBADMSG', `${endpoint.name} goes the other way, and is halted now`);
}

/** What both kinds begin with. @throws Errno */
function* begin(file: File<FfsEndpoint>, isRead: boolean): Kernel<{ bound: BoundEndpoint; halts: boolean }> {
  const endpoint = file.private;
  assertActive(endpoint);
  const bound = yield* waitForBound(file);
  const halts = isRead === endpoint.isIn;
  if (halts && endpoint.isIsochronous) throw new Errno('EINVAL', 'isochronous endpoints are not halted');
  yield* lockOrAgain(file, endpoint.mutex);
  return { bound, halts };
}

/**
 * read(2): one request to the controller. It ends when it is full, or with a short packet.
 *
 * @throws Errno ENODEV, EAGAIN, EINTR, EINVAL, EBADMSG, ESHUTDOWN, ENOMEM, EFAULT, and as which the request ends: EOVERFLOW
 */
export function* readEndpoint(file: File<FfsEndpoint>, to: UserBuffer): Kernel<number> {
  const endpoint = file.private;
  const { bound, halts } = yield* begin(file, true);
  try {
    if (halts) halt(endpoint, bound);
    const left = yield* readStash(endpoint, to);
    if (left > 0) return left;
    assertSame(endpoint, bound);
    const length = aligned(endpoint, bound, to.remaining);
    allocate(endpoint, length);
    const data = endpoint.scratch(length);
    const actual = yield* runRequest(endpoint, bound, data, length);
    return actual === 0 ? 0 : yield* deliver(endpoint, data.subarray(0, actual), to);
  } finally {
    endpoint.mutex.unlock();
  }
}

/** write(2): one request. No packet of 0 bytes follows full ones. @throws Errno as {@link readEndpoint} */
export function* writeEndpoint(file: File<FfsEndpoint>, from: UserBuffer): Kernel<number> {
  const endpoint = file.private;
  const { bound, halts } = yield* begin(file, false);
  try {
    if (halts) halt(endpoint, bound);
    assertSame(endpoint, bound);
    const length = from.remaining;
    allocate(endpoint, length);
    const data = yield* from.take(length);
    assertSame(endpoint, bound);
    return yield* runRequest(endpoint, bound, data, length);
  } finally {
    endpoint.mutex.unlock();
  }
}

/** ffs_epfile_async_io_complete and ffs_user_copy_worker. */
function completed(endpoint: FfsEndpoint, request: UsbRequest, isRead: boolean, kiocb: Kiocb): void {
  const { status, actual } = request;
  if (status < 0) kiocb.complete(status);
  else kiocb.complete(actual, isRead ? (request.buf as Uint8Array).subarray(0, actual) : undefined);
  if (!kiocb.hasEventfd) endpoint.ffs.eventfd?.signal();
}

/**
 * A request of io_submit(2): the same, but it has its own request to the controller, so that many are under way, and takes nothing of what
 * was left of a read.
 *
 * @throws Errno as {@link readEndpoint}
 */
export function* submitTransfer(file: File<FfsEndpoint>, buffer: UserBuffer, kiocb: Kiocb, isRead: boolean): Kernel<'queued'> {
  const endpoint = file.private;
  const { bound, halts } = yield* begin(file, isRead);
  try {
    if (halts) halt(endpoint, bound);
    assertSame(endpoint, bound);
    const length = isRead ? aligned(endpoint, bound, buffer.remaining) : buffer.remaining;
    allocate(endpoint, length);
    const request = new UsbRequest();
    request.buf = isRead ? new Uint8Array(length) : yield* buffer.take(length);
    request.length = length;
    assertSame(endpoint, bound);
    const { ep } = bound;
    kiocb.setCancel(() => {
      if (!request.isQueued) throw new Errno('EINVAL', 'the transfer has ended');
      ep.dequeue(request);
    });
    request.complete = () => completed(endpoint, request, isRead, kiocb);
    ep.queue(request);
    return 'queued';
  } finally {
    endpoint.mutex.unlock();
  }
}
