import { Errno } from '../../../abi/index.ts';
import { iocb } from '../../../abi/uapi/index.ts';
import { AioContext, calls, type Kernel } from '../../../kernel/index.ts';
import { granted } from '../exhausted.ts';
import * as protocol from '../protocol.ts';
import { outcome, type Slot } from '../slot.ts';
import { type Call, type Readers, refused } from './call.ts';

/** Layout of struct io_aio_request. */
const REQUEST_SIZE = 80;
const REQUEST_HANDLE = 8;
const REQUEST_KEY_FAULT = 12;
const REQUEST_IOCB = 16;

/** As many contexts as the library knows. */
const CONTEXTS_MAX = 256;

/** A request as it came: the program's struct iocb, and what the library says of it. */
interface Submitted {
  readonly address: number;
  readonly handle: number;
  readonly hasKeyFault: boolean;
  readonly wanted: calls.Iocb;
}

function decode(bytes: Uint8Array): Submitted[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / REQUEST_SIZE) }, (_, index) => {
    const at = index * REQUEST_SIZE;
    return {
      address: Number(view.getBigUint64(at, true)),
      handle: view.getUint32(at + REQUEST_HANDLE, true),
      hasKeyFault: view.getUint32(at + REQUEST_KEY_FAULT, true) !== 0,
      wanted: iocb.decode(view, at + REQUEST_IOCB),
    };
  });
}

/** The server's part of a context, made with its first emulated request. The program gets the eventfd that wakes it. */
function* contextOf(slot: Slot, id: number, size: number): Kernel<AioContext> {
  const { client, task } = slot;
  const known = task.aio.get(id);
  if (known !== undefined) return known;
  yield* client.makingAio.lock();
  try {
    return task.aio.get(id) ?? (yield* makeContext(slot, id, size));
  } finally {
    client.makingAio.unlock();
  }
}

function* makeContext(slot: Slot, id: number, size: number): Kernel<AioContext> {
  const { client, task } = slot;
  const { addon, system } = client.server;
  if (task.aio.size >= CONTEXTS_MAX) throw new Errno('EAGAIN', `a process has at most ${CONTEXTS_MAX} contexts`);
  const waker = granted(addon.event(), 'an eventfd');
  try {
    outcome(yield* client.sending(waker, () => slot.ask(protocol.IO_UP_AIO, id)), 'a descriptor to be woken by');
  } catch (error) {
    addon.close(waker);
    throw error;
  }
  const context = new AioContext(system, id, Math.max(2, size), undefined);
  context.onEvent = () => addon.signal(waker);
  context.onDeath = () => addon.close(waker);
  task.aio.add(context);
  return context;
}

function* submit(slot: Slot, id: number, size: number, requests: readonly Submitted[]): Kernel<number> {
  const context = yield* contextOf(slot, id, size);
  for (const [done, { address, handle, hasKeyFault, wanted }] of requests.entries()) {
    const file = slot.client.fileOf(handle);
    if (file !== undefined) slot.known.set(wanted.aio_fildes | 0, file);
    const checkKey = function* (): Kernel<void> {
      if (hasKeyFault) throw new Errno('EFAULT', 'aio_key cannot be written');
    };
    try {
      yield* calls.submitOne(slot.task, context, address, wanted, checkKey);
    } catch (error) {
      if (done > 0 && error instanceof Errno) return done;
      throw error;
    }
  }
  return requests.length;
}

function* collect(slot: Slot, id: number, address: number, count: number): Kernel<number> {
  const context = slot.task.aio.get(id);
  if (context === undefined) return 0;
  const got = yield* context.read(slot.task, address, count);
  // The program has taken note of what the eventfd said.
  if (context.hasEvents) context.onEvent?.();
  return context.hasEvents || context.requests.size > 0 ? got + protocol.IO_AIO_MORE : got;
}

function cancel(slot: Slot, id: number, obj: number): never {
  calls.cancelRequest(slot.task.aio.find(id), obj);
  throw new Errno('EINPROGRESS', 'the request is being cancelled');
}

function aioCall(slot: Slot): Call {
  const [kind, id, a, b] = [0, 1, 2, 3].map((index) => slot.argument(index)) as [number, number, number, number];
  switch (kind) {
    case protocol.IO_AIO_SUBMIT: {
      const requests = decode(slot.data(Math.min(Math.max(b, 0) * REQUEST_SIZE, slot.uint(protocol.SLOT_LENGTH))).slice());
      return { name: 'io_submit', args: [id, requests.length], begin: () => submit(slot, id, a, requests) };
    }
    case protocol.IO_AIO_COLLECT:
      return { name: 'io_getevents', args: [id, b], begin: () => collect(slot, id, a, b) };
    case protocol.IO_AIO_CANCEL:
      return { name: 'io_cancel', args: [id, a], begin: () => cancel(slot, id, a) };
    case protocol.IO_AIO_DESTROY:
      return { name: 'io_destroy', args: [id], begin: () => calls.io_destroy(slot.task, id) };
    default:
      return refused(`aio ${kind}`, [], 'ENOSYS');
  }
}

/** Requests of io_submit(2) on emulated files: those on real ones are in the program's own kernel. */
export const aio: Readers = { [protocol.IO_AIO]: aioCall };
