/** fs/aio.c: io_setup(2) and its like. */
import { bigu64, Errno, struct, u32 } from '../../abi/index.ts';
import { io_event, iocb, PAGE_SIZE } from '../../abi/uapi/index.ts';
import { AioContext } from '../aio-context.ts';
import type { Kernel } from '../colour.ts';
import type { System } from '../system.ts';
import type { Task } from '../task.ts';
import { copyFromUser, copyStructFromUser, copyToUser } from '../user-memory.ts';
import { ALL_KEYS, wait, waitOn } from '../wait.ts';
import { submitOne } from './aio-submit.ts';

/** /proc/sys/fs/aio-max-nr. */
const AIO_MAX_NR = 0x10000;
/** What ioctx_alloc takes for an overflow, in bytes of events. */
const EVENTS_BYTES_MAX = 0x10000000;
const KIOCB_KEY = 0;
/** Where `aio_key` stands. */
const KEY_AT = 8;
const POINTER_SIZE = 8;

/** `struct aio_ring`, without the events behind it: those are not shown to the program. */
const aio_ring = struct('aio_ring', {
  id: u32,
  nr: u32,
  head: u32,
  tail: u32,
  magic: u32,
  compat_features: u32,
  incompat_features: u32,
  header_length: u32,
});

/** aio_nr: what all contexts of the machine were made for. */
const usedBySystem = (_system: System) => ({ requests: 0 });

/** A ring for so many events, rounded up to whole pages as aio_setup_ring does. */
function ringFor(requests: number, cpus: number): { readonly size: number; readonly pages: number } {
  const events = (Math.max(requests, cpus * 4) * 2) >>> 0;
  if (events > EVENTS_BYTES_MAX / io_event.size) throw new Errno('EINVAL', `${requests} requests are too many`);
  if (events === 0 || requests > AIO_MAX_NR) throw new Errno('EAGAIN', `${requests} requests are more than ${AIO_MAX_NR}`);
  const pages = Math.ceil((aio_ring.size + (events + 2) * io_event.size) / PAGE_SIZE);
  return { size: Math.floor((pages * PAGE_SIZE - aio_ring.size) / io_event.size), pages };
}

const tooMany = () => new Errno('EAGAIN', `all contexts together are for at most ${AIO_MAX_NR} requests`);

/**
 * io_setup(2), for a task in process: natively the program's kernel makes contexts.
 *
 * @param requests at least so many can be under way
 * @param address of an aio_context_t that is 0, and becomes the context
 * @throws Errno EFAULT; EINVAL for one that is not 0, no requests or by far too many; EAGAIN beyond /proc/sys/fs/aio-max-nr
 */
export function* io_setup(task: Task, requests: number, address: number): Kernel<number> {
  const { space, system } = task;
  if (space === undefined) throw new Error(`${task.describe()} is not in process`);
  const before = yield* copyFromUser(task.memory, address, POINTER_SIZE);
  if (before.some((byte) => byte !== 0) || requests === 0) throw new Errno('EINVAL', 'the context is not 0, or there are no requests');
  const { size, pages } = ringFor(requests >>> 0, system.cpus);
  const used = system.single(usedBySystem);
  if (used.requests + requests > AIO_MAX_NR) throw tooMany();
  system.kmalloc('struct kioctx');
  const id = space.allocate(pages * PAGE_SIZE);
  const header = new Uint8Array(aio_ring.size);
  aio_ring.encode(new DataView(header.buffer), 0, { nr: size, header_length: aio_ring.size });
  space.store(id, header);
  used.requests += requests;
  const context = new AioContext(system, id, size, space);
  context.onDeath = () => {
    used.requests -= requests;
    space.unmap(id, pages * PAGE_SIZE);
  };
  task.aio.add(context);
  const value = new Uint8Array(POINTER_SIZE);
  bigu64.encode(new DataView(value.buffer), 0, id);
  try {
    yield* copyToUser(task.memory, address, value);
  } catch (error) {
    task.aio.remove(context);
    context.kill();
    throw error;
  }
  return 0;
}

/** io_destroy(2): cancels what can be cancelled and waits for all. @throws Errno EINVAL */
export function* io_destroy(task: Task, id: number): Kernel<number> {
  const context = task.aio.find(id);
  task.aio.remove(context);
  context.kill();
  yield* wait(context.changed, () => context.requests.size === 0, { mode: 'uninterruptible' });
  return 0;
}

/**
 * io_submit(2).
 *
 * @param address of `count` addresses of structs iocb
 * @returns how many have begun; the first that cannot ends it
 * @throws Errno EINVAL for a negative count and an unknown context; what is wrong with the first: see {@link submitOne}
 */
export function* io_submit(task: Task, id: number, count: number, address: number): Kernel<number> {
  if (count < 0) throw new Errno('EINVAL', `${count} requests`);
  const context = task.aio.find(id);
  for (let done = 0; done < Math.min(count, context.size); done++) {
    try {
      const pointer = yield* copyFromUser(task.memory, address + done * POINTER_SIZE, POINTER_SIZE);
      const obj = Number(new DataView(pointer.buffer, pointer.byteOffset).getBigUint64(0, true));
      const wanted = yield* copyStructFromUser(task.memory, iocb, obj);
      yield* submitOne(task, context, obj, wanted, () => copyToUser(task.memory, obj + KEY_AT, new Uint8Array(4).fill(KIOCB_KEY)));
    } catch (error) {
      if (done > 0 && error instanceof Errno) return done;
      throw error;
    }
  }
  return Math.min(count, context.size);
}

/**
 * io_cancel(2). How the request ends is reported as ever.
 *
 * @param obj the address of the struct iocb
 * @throws Errno EFAULT; EINVAL for an unknown context and for what is not under way, or cannot be cancelled; what cancelling says; else
 *   EINPROGRESS, always
 */
export function* io_cancel(task: Task, id: number, obj: number): Kernel<number> {
  const key = yield* copyFromUser(task.memory, obj + KEY_AT, 4);
  if (key.some((byte) => byte !== KIOCB_KEY)) throw new Errno('EINVAL', 'the request was never submitted');
  cancelRequest(task.aio.find(id), obj);
  throw new Errno('EINPROGRESS', 'the request is being cancelled');
}

/** @throws Errno EINVAL when it is not among those that can be cancelled; what cancelling says */
export function cancelRequest(context: AioContext, obj: number): void {
  const request = [...context.requests].find((one) => one.obj === obj && one.isCancellable);
  if (request === undefined) throw new Errno('EINVAL', 'no such request can be cancelled');
  request.cancel();
}

/**
 * io_getevents(2).
 *
 * @param least how many events to wait for
 * @param address of `most` structs io_event
 * @param timeout_ns 0 or less to only look, Infinity for no end
 * @returns how many came: fewer than `least` when the time is up or a signal comes
 * @throws Errno EINVAL for an unknown context, and when `least` is negative or more than `most`; EFAULT; EINTR when a signal comes before
 *   the first
 */
export function* io_getevents(task: Task, id: number, least: number, most: number, address: number, timeout_ns: number): Kernel<number> {
  const context = task.aio.find(id);
  if (least > most || least < 0) throw new Errno('EINVAL', `from ${least} to ${most} events`);
  const sleep = waitOn([{ queue: context.changed, key: ALL_KEYS }], { timeout_ns });
  let count = 0;
  for (let wake: string = timeout_ns <= 0 ? 'timeout' : 'woken'; ; wake = yield sleep) {
    do {
      try {
        count += yield* context.read(task, address + count * io_event.size, most - count);
      } catch (error) {
        if (count > 0 && error instanceof Errno) return count;
        throw error;
      }
    } while (context.hasEvents && count < most);
    if (count >= least || (count > 0 && wake !== 'woken')) return count;
    if (context.isDead) throw new Errno('EINVAL', 'the context is being destroyed');
    if (wake === 'signal') throw new Errno('EINTR', 'a signal came during io_getevents');
    if (wake === 'timeout') return count;
  }
}

/** io_pgetevents(2). @param blocked signals that wait until the call ends @throws Errno as {@link io_getevents} */
export function* io_pgetevents(
  task: Task,
  id: number,
  least: number,
  most: number,
  address: number,
  timeout_ns: number,
  blocked: readonly number[],
): Kernel<number> {
  const before = task.signals.block(blocked);
  try {
    return yield* io_getevents(task, id, least, most, address, timeout_ns);
  } catch (error) {
    if (error instanceof Errno && error.code === 'EINTR') throw new Errno('ERESTARTNOHAND', error.reason);
    throw error;
  } finally {
    task.signals.block(before);
  }
}
