/** fs/aio.c: how a request of io_submit(2) begins. */
import { Errno, errno } from '../../abi/index.ts';
import * as uapi from '../../abi/uapi/index.ts';
import { type AioContext, AioRequest } from '../aio-context.ts';
import { finish, type Kernel } from '../colour.ts';
import { isCapable } from '../credentials.ts';
import { type File, FMODE_READ, FMODE_WRITE } from '../file.ts';
import type { AsyncTransfer } from '../kiocb.ts';
import { PollTable, pollFile } from '../poll.ts';
import type { Task } from '../task.ts';
import { UserBuffer } from '../user-memory.ts';
import type { QueuedWait, Waiter, WaitQueue } from '../wait.ts';
import { importPiece, importVectors } from './vectors.ts';

export type Iocb = ReturnType<typeof uapi.iocb.decode>;

const RWF_SUPPORTED =
  uapi.RWF_HIPRI | uapi.RWF_DSYNC | uapi.RWF_SYNC | uapi.RWF_NOWAIT | uapi.RWF_APPEND | uapi.RWF_NOAPPEND | uapi.RWF_ATOMIC;

/** Classes of linux/ioprio.h. */
const IOPRIO_CLASS_SHIFT = 13;
const IOPRIO_CLASS_RT = 1;
const IOPRIO_CLASS_IDLE = 3;
const IOPRIO_LEVEL_MASK = 7;

/** ioprio_check_cap. @throws Errno EPERM, EINVAL */
function checkPriority(task: Task, priority: number): void {
  const kind = (priority & 0xffff) >> IOPRIO_CLASS_SHIFT;
  if (kind === IOPRIO_CLASS_RT && !isCapable(task.credentials)) throw new Errno('EPERM', 'only root may have real-time priority');
  if (kind > IOPRIO_CLASS_IDLE) throw new Errno('EINVAL', `there is no class ${kind} of priorities`);
  if (kind === 0 && (priority & IOPRIO_LEVEL_MASK) !== 0) throw new Errno('EINVAL', 'a level needs a class');
}

/** kiocb_set_rw_flags; nothing here knows to read without waiting, or to write at once. @throws Errno EOPNOTSUPP, EINVAL */
function checkFlags(flags: number): void {
  if ((flags & ~RWF_SUPPORTED) !== 0) throw new Errno('EOPNOTSUPP', `flags 0x${flags.toString(16)} are unknown`);
  if ((flags & uapi.RWF_APPEND) !== 0 && (flags & uapi.RWF_NOAPPEND) !== 0) throw new Errno('EINVAL', 'at the end and not at the end');
  if ((flags & (uapi.RWF_NOWAIT | uapi.RWF_ATOMIC)) !== 0) throw new Errno('EOPNOTSUPP', 'the file does not know these flags');
}

/** rw_verify_area. @throws Errno EINVAL for an offset below 0 or an end beyond 2^63, EOVERFLOW */
function checkArea(file: File, position: number, count: number): void {
  if (file.ops.unsignedOffsets === true) {
    if (position < 0 && count >= -position) throw new Errno('EOVERFLOW', 'the offsets wrap around');
  } else if (position < 0 || position + count >= 2 ** 63) {
    throw new Errno('EINVAL', `offset ${position} is none`);
  }
}

const interrupted: ReadonlySet<string> = new Set(['ERESTARTSYS', 'ERESTARTNOHAND']);

/** The operation to its end, or until it is queued. What it throws is the request's result. */
function* transfer(request: AioRequest, operation: AsyncTransfer, buffer: UserBuffer, task: Task): Kernel<number | 'queued'> {
  try {
    return yield* finish(operation(request.file, buffer, request, task));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    // Others may be under way already, so the call cannot start again.
    return interrupted.has(error.code) ? -errno.EINTR : -error.errno;
  }
}

/** The operation read or write of a file that ends before io_submit does. */
const reading: AsyncTransfer = (file, to, request, task) => file.ops.read?.(file, to, { position: request.position }, task) ?? 0;
const writing: AsyncTransfer = (file, from, request, task) => file.ops.write?.(file, from, { position: request.position }, task) ?? 0;

/** aio_read and aio_write. @throws Errno what io_submit fails with */
function* readOrWrite(task: Task, request: AioRequest, wanted: Iocb, writes: boolean, vectored: boolean): Kernel<void> {
  const { file } = request;
  if ((wanted.aio_flags & uapi.IOCB_FLAG_IOPRIO) !== 0) checkPriority(task, wanted.aio_reqprio);
  checkFlags(wanted.aio_rw_flags);
  if ((file.mode & (writes ? FMODE_WRITE : FMODE_READ)) === 0) throw new Errno('EBADF', `not open for ${writes ? 'writing' : 'reading'}`);
  const iter = writes ? file.ops.writeIter : file.ops.readIter;
  if (iter === undefined) throw new Errno('EINVAL', `${file.path} has no ${writes ? 'write' : 'read'}_iter`);
  const pieces = vectored
    ? yield* importVectors(task, wanted.aio_buf, wanted.aio_nbytes)
    : [importPiece(wanted.aio_buf, wanted.aio_nbytes)];
  const buffer = new UserBuffer(task.memory, pieces);
  checkArea(file, wanted.aio_offset, buffer.remaining);
  const appends = writes && (wanted.aio_rw_flags & uapi.RWF_APPEND) !== 0;
  request.position = appends ? file.inode.size : wanted.aio_offset;
  if (!writes) request.memory = pieces;
  const operation = iter === true ? (writes ? writing : reading) : iter;
  const result = yield* transfer(request, operation, buffer, task);
  if (result !== 'queued') request.complete(result);
}

/** aio_fsync. @throws Errno EINVAL */
function synchronize(task: Task, request: AioRequest, wanted: Iocb): void {
  const { fsync } = request.file.ops;
  if (wanted.aio_buf !== 0 || wanted.aio_offset !== 0 || wanted.aio_nbytes !== 0 || wanted.aio_rw_flags !== 0)
    throw new Errno('EINVAL', 'fsync has no arguments');
  if (fsync === undefined) throw new Errno('EINVAL', `${request.file.path} has nothing to write back`);
  task.system.scheduler.spawn('fsync of io_submit', undefined, complete(request, fsync));
}

function* complete(request: AioRequest, fsync: NonNullable<File['ops']['fsync']>): Kernel<void> {
  let result = 0;
  try {
    yield* finish(fsync(request.file));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    result = -error.errno;
  }
  request.complete(result);
}

/** A poll that waits: `struct poll_iocb` in a queue of its file. */
class AioPoll implements Waiter {
  readonly #request: AioRequest;
  readonly #events: number;
  readonly #queue: WaitQueue;
  #isCancelled = false;
  #isLooking = false;
  #isOver = false;

  constructor(request: AioRequest, events: number, { queue, key }: QueuedWait) {
    this.#request = request;
    this.#events = events;
    this.#queue = queue;
    queue.add(this, key);
    request.setCancel(() => {
      this.#isCancelled = true;
      this.wake();
    });
  }

  wake(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#request.file.system.scheduler.spawn('poll of io_submit', undefined, this.#look());
  }

  /** aio_poll_complete_work. */
  *#look(): Kernel<void> {
    // Who wakes from here on has it look again.
    this.#isLooking = false;
    const mask = this.#isCancelled ? 0 : yield* pollFile(this.#request.file, new PollTable(this.#events));
    if (this.#isOver || (mask === 0 && !this.#isCancelled)) return;
    this.#isOver = true;
    this.#queue.remove(this);
    this.#request.complete(mask);
  }
}

/** aio_poll: one event, when one of those asked is there. @throws Errno EINVAL, also for a file that nothing can wake */
function* poll(request: AioRequest, wanted: Iocb): Kernel<void> {
  if (wanted.aio_buf > 0xffff) throw new Errno('EINVAL', 'unknown events');
  if (wanted.aio_offset !== 0 || wanted.aio_nbytes !== 0 || wanted.aio_rw_flags !== 0)
    throw new Errno('EINVAL', 'poll has no other arguments');
  const events = wanted.aio_buf | uapi.POLLERR | uapi.POLLHUP;
  const table = new PollTable(events);
  const ready = yield* pollFile(request.file, table);
  if (ready !== 0) return request.complete(ready);
  const [place, ...more] = table.queues;
  if (place === undefined || more.length > 0) throw new Errno('EINVAL', `${request.file.path} has not one place to wait`);
  new AioPoll(request, events, place);
}

function* begin(task: Task, request: AioRequest, wanted: Iocb): Kernel<void> {
  switch (wanted.aio_lio_opcode) {
    case uapi.IOCB_CMD_PREAD:
      return yield* readOrWrite(task, request, wanted, false, false);
    case uapi.IOCB_CMD_PWRITE:
      return yield* readOrWrite(task, request, wanted, true, false);
    case uapi.IOCB_CMD_PREADV:
      return yield* readOrWrite(task, request, wanted, false, true);
    case uapi.IOCB_CMD_PWRITEV:
      return yield* readOrWrite(task, request, wanted, true, true);
    case uapi.IOCB_CMD_FSYNC:
    case uapi.IOCB_CMD_FDSYNC:
      return synchronize(task, request, wanted);
    case uapi.IOCB_CMD_POLL:
      return yield* poll(request, wanted);
    default:
      throw new Errno('EINVAL', `operation ${wanted.aio_lio_opcode} is unknown`);
  }
}

/**
 * io_submit_one.
 *
 * @param obj the address of the `struct iocb`
 * @param setKey KIOCB_KEY into its `aio_key`
 * @throws Errno EINVAL, EAGAIN when there is no room, EBADF, EINVAL for what is no eventfd, what `setKey` says, and what the operation
 *   says before it begins; later errors are the request's result
 */
export function* submitOne(task: Task, context: AioContext, obj: number, wanted: Iocb, setKey: () => Kernel<void>): Kernel<void> {
  if (wanted.aio_reserved2 !== 0) throw new Errno('EINVAL', 'aio_reserved2 is reserved');
  if (wanted.aio_nbytes >= 2 ** 63) throw new Errno('EINVAL', 'the length does not fit ssize_t');
  context.take();
  let request: AioRequest | undefined;
  try {
    const file = yield* task.files.get(wanted.aio_fildes | 0);
    request = new AioRequest(context, file, obj, wanted.aio_data);
    if ((wanted.aio_flags & uapi.IOCB_FLAG_RESFD) !== 0) request.eventfd = yield* task.files.eventfd(wanted.aio_resfd | 0);
    yield* setKey();
    context.requests.add(request);
    yield* begin(task, request, wanted);
  } catch (error) {
    if (request === undefined) context.giveBack();
    else request.abandon();
    throw error;
  }
}
