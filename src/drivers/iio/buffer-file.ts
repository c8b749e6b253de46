/** The files of a device: its node, and descriptors of single buffers (drivers/iio/industrialio-buffer.c and -core.c). */
import { Errno, i32 } from '../../abi/index.ts';
import {
  IIO_BUFFER_DMABUF_ATTACH_IOCTL,
  IIO_BUFFER_DMABUF_DETACH_IOCTL,
  IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
  IIO_BUFFER_GET_FD_IOCTL,
  IIO_GET_EVENT_FD_IOCTL,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../../abi/uapi/index.ts';
import {
  copyStructFromUser,
  copyStructToUser,
  type File,
  type FileOperations,
  ioctls,
  type Kernel,
  on,
  onRaw,
  type PollTable,
  type Task,
  type UserBuffer,
  wait,
} from '../../kernel/index.ts';
import type { IioBuffer } from './buffer.ts';
import { attachDmabuf, detachAll, detachDmabuf, enqueueDmabuf } from './dmabuf.ts';
import type { IioDevice } from './iio-device.ts';

const isNonblocking = ({ flags }: File) => (flags & O_NONBLOCK) !== 0;

function assertPresent({ isGone }: IioDevice): void {
  if (isGone) throw new Errno('ENODEV', 'the device is gone');
}

/** iio_buffer_read: waits for the watermark, or for as much as is wanted. */
function* read(file: File, buffer: IioBuffer, to: UserBuffer): Kernel<number> {
  const { device, direction, bytesPerDatum, watermark } = buffer;
  assertPresent(device);
  if (direction !== 'in') throw new Errno('EPERM', 'samples go out through this buffer');
  if (bytesPerDatum === 0) return 0;
  const toWait = isNonblocking(file) ? 0 : Math.min(Math.floor(to.remaining / bytesPerDatum), watermark);
  for (;;) {
    yield* wait(buffer.pollq, () => buffer.isReady(toWait));
    assertPresent(device);
    const done = yield* buffer.access.read(to);
    if (done > 0) return done;
    if (isNonblocking(file)) throw new Errno('EAGAIN', 'there are no samples');
  }
}

/** iio_buffer_write: all of it, unless it may not wait. */
function* write(file: File, buffer: IioBuffer, from: UserBuffer): Kernel<number> {
  const { device, direction, access, pollq } = buffer;
  assertPresent(device);
  if (direction !== 'out') throw new Errno('EPERM', 'samples come in through this buffer');
  const wanted = from.remaining;
  for (let written = 0; ; ) {
    const hasRoom = () => device.isGone || access.available > 0;
    if (!hasRoom() && isNonblocking(file)) {
      if (written > 0) return written;
      throw new Errno('EAGAIN', 'there is no room');
    }
    yield* wait(pollq, hasRoom);
    assertPresent(device);
    written += yield* access.write(from);
    if (written === wanted) return written;
  }
}

/** iio_buffer_poll. */
function poll(buffer: IioBuffer, table: PollTable): number {
  if (buffer.device.isGone) return 0;
  table.wait(buffer.pollq);
  if (buffer.direction === 'out') return buffer.access.available > 0 ? POLLOUT | POLLWRNORM : 0;
  return buffer.isReady(buffer.watermark) ? POLLIN | POLLRDNORM : 0;
}

/** noop_llseek. */
const llseek = (file: File) => file.position;

const bufferRequests = ioctls<IioBuffer>(
  onRaw(IIO_BUFFER_DMABUF_ATTACH_IOCTL, function* (file: File<IioBuffer>, address, task) {
    const buffer = file.private;
    // Before the argument is looked at.
    if (buffer.access.dmabufs === undefined) throw new Errno('EPERM', 'the buffer takes no dma-bufs');
    yield* attachDmabuf(buffer, yield* copyStructFromUser(task.memory, i32, address), isNonblocking(file), task);
  }),
  on(IIO_BUFFER_DMABUF_DETACH_IOCTL, (file: File<IioBuffer>, fd, task) => detachDmabuf(file.private, fd, task)),
  on(IIO_BUFFER_DMABUF_ENQUEUE_IOCTL, (file: File<IioBuffer>, request, task) =>
    enqueueDmabuf(file.private, request, isNonblocking(file), task),
  ),
);

const bufferNumbers = new Set(bufferRequests.requests.map(({ number }) => number));

const bufferOperations: FileOperations<IioBuffer> = {
  llseek,
  read: (file, to) => read(file, file.private, to),
  write: (file, from) => write(file, file.private, from),
  poll: ({ private: buffer }, table) => poll(buffer, table),
  requests: bufferRequests.requests,
  ioctl(file, request, address, task) {
    if (!bufferNumbers.has(request >>> 0)) throw new Errno('EINVAL', 'a buffer does not know this request');
    return bufferRequests.ioctl(file, request, address, task);
  },
  *release({ private: buffer }) {
    buffer.pollq.wake();
    yield* detachAll(buffer);
    buffer.isBusy = false;
  },
};

/** IIO_BUFFER_GET_FD_IOCTL. When the number cannot be written back the descriptor stays, as in 6.12. */
function* getBuffer(device: IioDevice, address: number, task: Task): Kernel<void> {
  const index = yield* copyStructFromUser(task.memory, i32, address);
  const buffer = device.buffers[index];
  if (buffer === undefined) throw new Errno('ENODEV', `there is no buffer ${index}`);
  if (buffer.isBusy) throw new Errno('EBUSY', `buffer ${index} has a descriptor already`);
  const { system } = device;
  buffer.isBusy = true;
  let fd: number;
  let file: File<IioBuffer> | undefined;
  try {
    system.kmalloc('struct iio_dev_buffer_pair');
    file = system.anonymous.open('iio:buffer', bufferOperations, buffer, O_RDWR);
    fd = yield* task.files.install(file, true);
  } catch (error) {
    if (file !== undefined) file.abandon();
    buffer.isBusy = false;
    throw error;
  }
  yield* copyStructToUser(task.memory, i32, address, fd);
}

/** Of the node, through which the first buffer is read and written while nobody has a descriptor of it. */
export function bufferDeviceOperations(device: IioDevice): FileOperations {
  const first = () => {
    const [buffer] = device.buffers;
    if (buffer === undefined) throw new Errno('EINVAL', 'the device has no buffer');
    if (buffer.isBusy) throw new Errno('EBUSY', 'the buffer has a descriptor of its own');
    return buffer;
  };
  return {
    open() {
      if (device.isBusy) throw new Errno('EBUSY', `${device.id} is open`);
      device.isBusy = true;
    },
    release() {
      device.isBusy = false;
    },
    llseek,
    read: (file, to) => read(file, first(), to),
    write: (file, from) => write(file, first(), from),
    poll: (_file, table) => (device.buffers[0]?.isBusy === false ? poll(device.buffers[0], table) : 0),
    // It has no events, so nobody serves the second.
    requests: [IIO_BUFFER_GET_FD_IOCTL, IIO_GET_EVENT_FD_IOCTL],
    ioctl(_file, request, address, task) {
      assertPresent(device);
      if (request >>> 0 !== IIO_BUFFER_GET_FD_IOCTL.number) throw new Errno('ENODEV', 'nobody knows this request');
      return zero(getBuffer(device, address, task));
    },
  };
}

function* zero(call: Kernel<void>): Kernel<number> {
  yield* call;
  return 0;
}
