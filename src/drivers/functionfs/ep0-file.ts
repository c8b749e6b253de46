/** ffs_ep0_operations of f_fs.c: the file by which a daemon describes its function, hears events and answers control requests. */
import { Errno, type ErrnoName, errnoName } from '../../abi/index.ts';
import {
  FUNCTIONFS_INTERFACE_REVMAP,
  FUNCTIONFS_SETUP,
  POLLIN,
  POLLOUT,
  POLLWRNORM,
  USB_DIR_IN,
  usb_functionfs_event,
} from '../../abi/uapi/index.ts';
import type { File, FileOperations, Kernel, Task, UserBuffer } from '../../kernel/index.ts';
import { readDescriptors, readHead } from './descriptor-block.ts';
import { makeEndpoints } from './endpoint.ts';
import type { Ffs } from './ffs.ts';
import type { FfsFile } from './file-system.ts';
import { isNonblocking, lockOrAgain, waitOrIntr } from './interruptible.ts';
import { KMALLOC_MAX_SIZE, readStrings } from './strings-block.ts';

/** What the shorter of the two heads has. */
const BLOCK_MIN = 16;

/** ffs_prepare_buffer. @throws Errno ENOMEM, EFAULT */
function* copyIn(ffs: Ffs, from: UserBuffer, length: number): Kernel<Uint8Array> {
  if (length > KMALLOC_MAX_SIZE) throw new Errno('ENOMEM', `${length} bytes are more than the kernel has in one piece`);
  ffs.system.kmalloc('the data of a control request');
  return yield* from.take(length);
}

/** The first two writes. @returns the block's length */
function* describe(ffs: Ffs, from: UserBuffer, task: Task): Kernel<number> {
  const length = from.remaining;
  if (length < BLOCK_MIN) throw new Errno('EINVAL', `a block has at least ${BLOCK_MIN} bytes`);
  const block = yield* copyIn(ffs, from, length);
  if (ffs.state === 'READ_DESCRIPTORS') {
    ffs.system.log.print('info', 'read descriptors');
    const head = readHead(block, ffs.totals);
    if (head.eventfd !== undefined) {
      ffs.eventfd?.put();
      ffs.eventfd = undefined;
      ffs.eventfd = yield* task.files.eventfd(head.eventfd);
    }
    ffs.descriptors = readDescriptors(head, ffs.totals);
    ffs.state = 'READ_STRINGS';
    return length;
  }
  ffs.system.log.print('info', 'read strings');
  ffs.strings = readStrings(block, ffs.totals.strings);
  try {
    ffs.addEndpoints(makeEndpoints(ffs));
  } catch (error) {
    ffs.state = 'CLOSING';
    throw error;
  }
  ffs.state = 'ACTIVE';
  becomeReady(ffs);
  return length;
}

/** ffs_ready. @throws Errno EINVAL when the instance is gone; EBUSY */
function becomeReady(ffs: Ffs): void {
  const { instance } = ffs;
  if (instance !== undefined && !instance.isReady) {
    instance.isReady = true;
    return;
  }
  ffs.state = 'CLOSING';
  if (instance === undefined) throw new Errno('EINVAL', 'the function has been removed');
  throw new Errno('EBUSY', 'the function is ready already');
}

/** Whether the pending setup wants data from the daemon. */
const isIn = ({ events }: Ffs) => (events.setup.bRequestType & USB_DIR_IN) !== 0;

/** A call in the direction in which the setup does not go. */
function stall(ffs: Ffs): never {
  ffs.stall();
  throw new Errno('EL2HLT', 'the request is refused: the host sees a stall');
}

/** __ffs_ep0_queue_wait: the data stage, or the status stage without data. @returns bytes moved @throws Errno EINVAL, EINTR, its own */
function* transfer(ffs: Ffs, data: Uint8Array, length: number): Kernel<number> {
  ffs.checkCancelled();
  if (ffs.bound === undefined) throw new Errno('EINVAL', 'no controller has the function any more');
  const { gadget, ep0Request: request } = ffs.bound;
  request.zero = length < ffs.events.setup.wLength;
  request.buf = data;
  request.length = length;
  gadget.ep0.queue(request);
  try {
    yield* waitOrIntr(ffs.ep0Done, () => !request.isQueued);
  } catch (error) {
    // The setup stays pending.
    if (request.isQueued) gadget.ep0.dequeue(request);
    throw error;
  }
  ffs.setupState = 'NO_SETUP';
  if (request.status < 0) throw new Errno(errnoName(-request.status) as ErrnoName, 'the control transfer has failed');
  return request.actual;
}

function* write(ffs: Ffs, from: UserBuffer, task: Task): Kernel<number> {
  switch (ffs.state) {
    case 'READ_DESCRIPTORS':
    case 'READ_STRINGS':
      return yield* describe(ffs, from, task);
    case 'ACTIVE': {
      ffs.checkCancelled();
      if (ffs.setupState === 'NO_SETUP') throw new Errno('ESRCH', 'no setup waits for an answer');
      if (!isIn(ffs)) stall(ffs);
      const length = Math.min(from.remaining, ffs.events.setup.wLength);
      const data = yield* copyIn(ffs, from, length);
      return yield* transfer(ffs, data, length);
    }
    default:
      throw new Errno('EBADFD', `the function is ${ffs.state}`);
  }
}

function* readEvents(file: File<Ffs>, to: UserBuffer): Kernel<Uint8Array> {
  const ffs = file.private;
  const room = Math.floor(to.remaining / usb_functionfs_event.size);
  if (room === 0) throw new Errno('EINVAL', `an event has ${usb_functionfs_event.size} bytes`);
  const { events } = ffs;
  if (isNonblocking(file) && events.length === 0) throw new Errno('EAGAIN', 'there is no event');
  yield* waitOrIntr(ffs.eventCame, () => events.length > 0);
  const types = events.take(Math.min(room, events.length));
  const bytes = events.encode(types);
  if (types.includes(FUNCTIONFS_SETUP)) ffs.setupState = 'SETUP_PENDING';
  return bytes;
}

function* readSetup(ffs: Ffs, to: UserBuffer): Kernel<number> {
  if (isIn(ffs)) stall(ffs);
  const length = Math.min(to.remaining, ffs.events.setup.wLength);
  ffs.system.kmalloc('the data of a control request');
  const data = new Uint8Array(length);
  const actual = yield* transfer(ffs, data, length);
  // All of the buffer goes to the program, with zeros where nothing came; 7.1 gives only what came.
  if (actual > 0 && (yield* to.put(data)) < length) throw new Errno('EFAULT', 'the data cannot be written');
  return actual;
}

export const ep0Operations: FileOperations<Ffs> = {
  open(file) {
    const ffs = (file.inode as FfsFile<Ffs>).of;
    if (ffs.state === 'CLOSING') throw new Errno('EBUSY', 'the function is being reset');
    file.private = ffs;
    file.makeNonseekable();
    return ffs.fileOpened();
  },

  release: (file) => file.private.fileClosed(),

  *read(file, to) {
    const ffs = file.private;
    ffs.checkCancelled();
    yield* lockOrAgain(file, ffs.mutex);
    let events: Uint8Array;
    try {
      if (ffs.state !== 'ACTIVE') throw new Errno('EBADFD', `the function is ${ffs.state}`);
      ffs.checkCancelled();
      if (ffs.setupState === 'SETUP_PENDING') return yield* readSetup(ffs, to);
      events = yield* readEvents(file, to);
    } finally {
      ffs.mutex.unlock();
    }
    if ((yield* to.put(events)) < events.length) throw new Errno('EFAULT', 'the events cannot be written, and are lost');
    return events.length;
  },

  *write(file, from, _at, task) {
    const ffs = file.private;
    ffs.checkCancelled();
    yield* lockOrAgain(file, ffs.mutex);
    try {
      return yield* write(ffs, from, task);
    } finally {
      ffs.mutex.unlock();
    }
  },

  ioctl(file, request, argument) {
    const ffs = file.private;
    if (request === FUNCTIONFS_INTERFACE_REVMAP.number) {
      if (ffs.func === undefined) throw new Errno('ENODEV', 'no function is enabled');
      return ffs.func.interfaceOf(argument);
    }
    const { gadget } = ffs;
    if (gadget?.ops.ioctl === undefined) throw new Errno('ENOTTY', 'ep0 does not know this request');
    return gadget.ops.ioctl(gadget, request, argument);
  },
  requests: [FUNCTIONFS_INTERFACE_REVMAP],

  *poll(file, table) {
    const ffs = file.private;
    table.wait(ffs.eventCame);
    if (!ffs.mutex.tryLock()) {
      if (isNonblocking(file)) return POLLWRNORM;
      try {
        yield* lockOrAgain(file, ffs.mutex);
      } catch {
        return POLLWRNORM;
      }
    }
    ffs.mutex.unlock();
    return POLLWRNORM | readiness(ffs);
  },
};

function readiness({ state, setupState, events }: Ffs): number {
  switch (state) {
    case 'READ_DESCRIPTORS':
    case 'READ_STRINGS':
      return POLLOUT;
    case 'ACTIVE':
      if (setupState !== 'NO_SETUP') return POLLIN | POLLOUT;
      return events.length > 0 ? POLLIN : 0;
    default:
      return 0;
  }
}
