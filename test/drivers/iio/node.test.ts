import {
  F_GETFD,
  F_GETFL,
  F_SETFL,
  FD_CLOEXEC,
  IIO_BUFFER_DMABUF_ATTACH_IOCTL,
  IIO_BUFFER_DMABUF_DETACH_IOCTL,
  IIO_BUFFER_DMABUF_ENQUEUE_IOCTL,
  IIO_BUFFER_GET_FD_IOCTL,
  IIO_GET_EVENT_FD_IOCTL,
  O_NONBLOCK,
  O_PATH,
  O_RDWR,
  POLLIN,
  POLLOUT,
} from '../../../src/abi/uapi/index.ts';
import { answerOf, describe, expect, test } from './fixture.ts';

/** What 6.12.95 answered with ti-adc081c on i2c-stub, but where a dma-buf can be attached here and could not there. */
describe('the node', () => {
  test('has one opener at a time', ({ bench: { receive } }) => {
    receive.open();
    expect(answerOf(() => receive.open())).toBe('EBUSY');
    expect(receive.open(O_PATH)).toBeGreaterThan(0);
  });

  test('is free again when its opener has closed it', ({ bench: { receive, sys } }) => {
    sys.close(receive.open());
    expect(receive.open()).toBeGreaterThanOrEqual(0);
  });

  test('has its own answers where files have none', ({ bench: { receive, sys } }) => {
    const node = receive.open(O_RDWR | O_NONBLOCK);
    expect(Buffer.from(sys.read(node, 16))).toHaveLength(0);
    expect(answerOf(() => sys.write(node, Buffer.alloc(16)))).toBe('EPERM');
    expect(sys.lseek(node, 5, 0)).toBe(0);
    expect(answerOf(() => sys.mmap(node, { length: 4096 }))).toBe('ENODEV');
    expect(sys.poll([{ fd: node, events: POLLIN | POLLOUT }], 0)).toEqual([0]);
  });

  test('knows only how to give a buffer', ({ bench: { receive, sys } }) => {
    const node = receive.open();
    for (const request of [0x1234, 0x5401, 0x541b, IIO_BUFFER_DMABUF_ATTACH_IOCTL.number, IIO_GET_EVENT_FD_IOCTL.number])
      expect(answerOf(() => sys.ioctl(node, request, 0))).toBe('ENODEV');
    expect(answerOf(() => sys.ioctl(node, IIO_BUFFER_GET_FD_IOCTL.number, 0))).toBe('EFAULT');
    for (const index of [1, -1]) expect(answerOf(() => receive.buffer(node, index))).toBe('ENODEV');
  });
});

describe('the descriptor of a buffer', () => {
  test('is given once, and the node is busy meanwhile', ({ bench: { receive, sys } }) => {
    const node = receive.open();
    const buffer = receive.buffer(node);
    expect(answerOf(() => receive.buffer(node))).toBe('EBUSY');
    expect(answerOf(() => sys.read(node, 16))).toBe('EBUSY');
    expect(answerOf(() => sys.write(node, Buffer.alloc(4)))).toBe('EBUSY');
    expect(sys.poll([{ fd: node, events: POLLIN | POLLOUT }], 0)).toEqual([0]);
    sys.close(buffer);
    expect(receive.buffer(node)).toBe(buffer);
  });

  test('outlives the node', ({ bench: { receive, sys } }) => {
    const node = receive.open();
    const buffer = receive.buffer(node);
    sys.close(node);
    expect(Buffer.from(sys.read(buffer, 16))).toHaveLength(0);
    expect(answerOf(() => receive.buffer(receive.open()))).toBe('EBUSY');
  });

  test('looks as an anonymous file does', ({ bench: { receive, sys } }) => {
    const buffer = receive.buffer(receive.open());
    expect(sys.fcntl(buffer, F_GETFL)).toBe(O_RDWR);
    expect(sys.fcntl(buffer, F_GETFD)).toBe(FD_CLOEXEC);
    expect(sys.readlink(`/proc/self/fd/${buffer}`)).toBe('anon_inode:iio:buffer');
    expect(sys.lseek(buffer, 5, 0)).toBe(0);
    expect(answerOf(() => sys.pread(buffer, 4, 0))).toBe('ESPIPE');
    expect(answerOf(() => sys.write(buffer, Buffer.alloc(16)))).toBe('EPERM');
    for (const request of [0x1234, 0x5401, 0x541b, IIO_GET_EVENT_FD_IOCTL.number, IIO_BUFFER_GET_FD_IOCTL.number])
      expect(answerOf(() => sys.ioctl(buffer, request, 0))).toBe('EINVAL');
  });

  test('checks arguments in order', ({ bench: { receive, sys } }) => {
    const buffer = receive.buffer(receive.open());
    sys.fcntl(buffer, F_SETFL, O_NONBLOCK);
    for (const { number } of [IIO_BUFFER_DMABUF_ATTACH_IOCTL, IIO_BUFFER_DMABUF_DETACH_IOCTL, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL])
      expect(answerOf(() => sys.ioctl(buffer, number, 0))).toBe('EFAULT');
    expect(answerOf(() => receive.attach(buffer, -1))).toBe('EBADF');
    expect(answerOf(() => receive.detach(buffer, -1))).toBe('EBADF');
    expect(answerOf(() => receive.attach(buffer, buffer))).toBe('EINVAL');
    expect(answerOf(() => receive.enqueue(buffer, 0xffffffff, 0))).toBe('EBADF');
    for (const flags of [2, 1]) expect(answerOf(() => receive.enqueue(buffer, 0xffffffff, 0, flags))).toBe('EINVAL');
  });
});
