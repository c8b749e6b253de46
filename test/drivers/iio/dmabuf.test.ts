import { errno } from '../../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_WRITE,
  F_SETFL,
  IIO_BUFFER_DMABUF_CYCLIC,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  POLLOUT,
  SYNC_IOC_FILE_INFO,
  sync_fence_info,
} from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { bufferAt } from '../../dma-buf/fixture.ts';
import { ALL_CHANNELS, allocate, answerOf, type Bench, bytesOf, describe, expect, type Radio, test, watchFences } from './fixture.ts';

const SIZE = 65_536;
const SCAN = 8;
/** 8192 scans at 30.72 MHz, and something for interrupts. */
const BLOCK_ns = (8192 / 30.72e6) * 1e9 + 10_000;

/** An enabled buffer with one dma-buf, or how far it came. */
function setUp({ sys }: Bench, radio: Radio) {
  radio.choose();
  const node = radio.open();
  const buffer = radio.buffer(node);
  const fd = allocate(sys, SIZE);
  return { node, buffer, fd };
}

/** The fences that a sync file of a dma-buf is made of. */
function fencesOf(sys: Sys<'sync'>, fd: number, flags: number) {
  const file = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags }).fd;
  const room = sys.allocate(8 * sync_fence_info.size);
  const { num_fences } = sys.ioctl(file, SYNC_IOC_FILE_INFO, { num_fences: 8, sync_fence_info: room.address });
  const bytes = room.bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fences = Array.from({ length: num_fences }, (_, i) => sync_fence_info.decode(view, i * sync_fence_info.size));
  sys.free(room);
  sys.close(file);
  return fences.map(({ driver_name, obj_name, status }) => `${driver_name} ${obj_name} ${status}`);
}

describe('attach', () => {
  test('is EBUSY the second time, and EPERM to undo twice', ({ bench }) => {
    const { receive } = bench;
    const { buffer, fd } = setUp(bench, receive);
    expect(receive.attach(buffer, fd)).toBe(0);
    expect(answerOf(() => receive.attach(buffer, fd))).toBe('EBUSY');
    expect(receive.detach(buffer, fd)).toBe(0);
    expect(answerOf(() => receive.detach(buffer, fd))).toBe('EPERM');
    expect(receive.attach(buffer, fd)).toBe(0);
  });

  test('is EBUSY while the buffer is read, until it is disabled', ({ bench }) => {
    const { receive } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.enable();
    expect(answerOf(() => receive.attach(buffer, fd))).toBe('EBUSY');
    receive.disable();
    expect(receive.attach(buffer, fd)).toBe(0);
  });

  test('keeps the dma-buf when the program lets go of it', ({ bench }) => {
    const { receive, sys, machine } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    sys.close(fd);
    expect(machine.system.ledger.count('buffer')).toBe(1);
    sys.close(buffer);
    expect(machine.system.ledger.count('buffer')).toBe(0);
  });
});

describe('enqueue', () => {
  test.for([
    ['bytes_used 0', 0, 0, 'EINVAL'],
    ['more than it has', SIZE + 1, 0, 'EINVAL'],
    ['an unknown flag', SIZE, 2, 'EINVAL'],
    ['the flag of what goes out', SIZE, IIO_BUFFER_DMABUF_CYCLIC, 'EINVAL'],
    ['what is not attached', SIZE, 0, 'EPERM'],
  ] as const)('of %s', ([, bytes, flags, answer], { bench }) => {
    const { buffer, fd } = setUp(bench, bench.receive);
    expect(answerOf(() => bench.receive.enqueue(buffer, fd, bytes, flags))).toBe(answer);
  });

  test('fills the dma-buf once the buffer is enabled', ({ bench }) => {
    const { receive, sys, adc, machine } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    receive.enqueue(buffer, fd, SIZE);
    expect(fencesOf(sys, fd, DMA_BUF_SYNC_WRITE)).toEqual(['iio iio 0']);
    const status = watchFences(sys, fd);
    machine.system.scheduler.runFor(BLOCK_ns);
    expect(status()).toBe(0);
    receive.enable();
    expect(sys.poll([{ fd, events: POLLIN | POLLOUT }])).toEqual([POLLIN | POLLOUT]);
    expect(status()).toBe(1);
    const bytes = bytesOf(sys, fd, SIZE);
    // The board came up a moment before.
    const first = Array.from({ length: 32_768 }, (_, i) => i).find(
      (i) => Buffer.compare(adc.pattern.bytes(ALL_CHANNELS, i, SIZE / SCAN), bytes) === 0,
    );
    expect(first).toBeDefined();
  });

  test('fills no more than bytes_used', ({ bench }) => {
    const { receive, sys } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    receive.enqueue(buffer, fd, 4096);
    receive.enable();
    sys.poll([{ fd, events: POLLIN }]);
    const bytes = bytesOf(sys, fd, SIZE);
    expect(bytes.subarray(0, 4096).some((byte) => byte !== 0)).toBe(true);
    expect(bytes.subarray(4096).every((byte) => byte === 0)).toBe(true);
  });

  test('of several fills one after the other, without a gap', ({ bench }) => {
    const { receive, sys, adc } = bench;
    const { buffer, fd } = setUp(bench, receive);
    const fds = [fd, allocate(sys, SIZE), allocate(sys, SIZE)];
    for (const each of fds) {
      receive.attach(buffer, each);
      receive.enqueue(buffer, each, SIZE);
    }
    receive.enable();
    for (const each of fds) expect(sys.poll([{ fd: each, events: POLLIN }])).toEqual([POLLIN]);
    const all = Buffer.concat(fds.map((each) => bytesOf(sys, each, SIZE)));
    const scans = SIZE / SCAN;
    const firsts = Array.from({ length: 32_768 }, (_, i) => i);
    expect(firsts.some((i) => Buffer.compare(adc.pattern.bytes(ALL_CHANNELS, i, 3 * scans), all) === 0)).toBe(true);
  });

  test('waits for who uses the dma-buf, at most five seconds', ({ bench }) => {
    const { receive, machine } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    receive.enqueue(buffer, fd, SIZE);
    const start_ns = machine.system.now();
    expect(answerOf(() => receive.enqueue(buffer, fd, SIZE))).toBe('EBUSY');
    expect(machine.system.now() - start_ns).toBe(5e9);
    receive.enable();
    expect(receive.enqueue(buffer, fd, SIZE)).toBe(0);
  });

  test('does not wait when it may not', ({ bench }) => {
    const { receive, sys, machine } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    receive.enqueue(buffer, fd, SIZE);
    sys.fcntl(buffer, F_SETFL, O_NONBLOCK);
    const start_ns = machine.system.now();
    expect(answerOf(() => receive.enqueue(buffer, fd, SIZE))).toBe('EBUSY');
    expect(machine.system.now()).toBe(start_ns);
  });

  test('does not wait for the reservation lock then, either', ({ bench }) => {
    const { receive, sys, machine } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    sys.fcntl(buffer, F_SETFL, O_NONBLOCK);
    const { resv } = bufferAt(machine, fd);
    resv.lock.tryLock();
    expect(answerOf(() => receive.enqueue(buffer, fd, SIZE))).toBe('EBUSY');
    resv.unlock();
    expect(receive.enqueue(buffer, fd, SIZE)).toBe(0);
  });

  test('of what the hardware cannot do is told by the fence', ({ bench }) => {
    const { receive, sys } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    expect(receive.enqueue(buffer, fd, 12)).toBe(0);
    const status = watchFences(sys, fd);
    receive.enable();
    expect(status()).toBe(-errno.ENOMEM);
    // As in 6.12, such a block is the hardware's for ever.
    expect(answerOf(() => receive.enqueue(buffer, fd, SIZE))).toBe('EBUSY');
    receive.detach(buffer, fd);
    receive.attach(buffer, fd);
    expect(receive.enqueue(buffer, fd, SIZE)).toBe(0);
  });

  test('twice of what goes out is EPERM before the buffer is enabled, EBUSY after: readers do not wait for each other', ({ bench }) => {
    const { send, sys, machine } = bench;
    const { buffer, fd } = setUp(bench, send);
    send.attach(buffer, fd);
    send.enqueue(buffer, fd, SIZE);
    expect(fencesOf(sys, fd, DMA_BUF_SYNC_WRITE)).toEqual(['iio iio 0']);
    expect(fencesOf(sys, fd, DMA_BUF_SYNC_READ)).toEqual(['stub stub 1']);
    expect(answerOf(() => send.enqueue(buffer, fd, SIZE))).toBe('EPERM');
    send.enable();
    expect(answerOf(() => send.enqueue(buffer, fd, SIZE))).toBe('EBUSY');
    // As in 6.12, the fence of the one that was refused took the place of the one that is still under way.
    expect(sys.poll([{ fd, events: POLLOUT }], 0)).toEqual([POLLOUT]);
    expect(answerOf(() => send.enqueue(buffer, fd, SIZE))).toBe('EBUSY');
    machine.system.scheduler.runFor(BLOCK_ns);
    expect(send.enqueue(buffer, fd, SIZE)).toBe(0);
  });
});

describe('what is under way', () => {
  test('ends with EINTR when the buffer is disabled', ({ bench }) => {
    const { receive, sys } = bench;
    const { buffer, fd } = setUp(bench, receive);
    receive.attach(buffer, fd);
    receive.enable();
    receive.enqueue(buffer, fd, SIZE);
    const first = watchFences(sys, fd);
    receive.disable();
    expect(first()).toBe(-errno.EINTR);
    receive.enqueue(buffer, fd, SIZE);
    const second = watchFences(sys, fd);
    receive.enable();
    sys.poll([{ fd, events: POLLIN }]);
    expect(second()).toBe(1);
  });

  test('goes on when the dma-buf is detached, or the descriptor closed', ({ bench }) => {
    const { receive, sys, machine } = bench;
    const { buffer, fd } = setUp(bench, receive);
    const other = allocate(sys, SIZE);
    for (const each of [fd, other]) {
      receive.attach(buffer, each);
      receive.enqueue(buffer, each, SIZE);
    }
    const states = [fd, other].map((each) => watchFences(sys, each));
    receive.detach(buffer, fd);
    receive.enable();
    sys.close(buffer);
    expect(machine.system.ledger.count('attachment')).toBe(2);
    for (const each of [fd, other]) sys.poll([{ fd: each, events: POLLIN }]);
    expect(states.map((status) => status())).toEqual([1, 1]);
    machine.system.scheduler.runReady();
    expect(machine.system.ledger.count('attachment')).toBe(0);
  });

  test('is repeated when it is cyclic, as the memory is, until the buffer is disabled', ({ bench }) => {
    const { send, sys, dac, machine } = bench;
    const { buffer, fd } = setUp(bench, send);
    const pixels = sys.mmap(fd, { length: SIZE });
    send.attach(buffer, fd);
    send.enqueue(buffer, fd, 4096, IIO_BUFFER_DMABUF_CYCLIC);
    send.enable();
    pixels.bytes.fill(7);
    expect(dac.repeated).toEqual(new Uint8Array(4096).fill(7));
    const status = watchFences(sys, fd);
    machine.system.scheduler.runFor(1e9);
    expect(status()).toBe(0);
    send.disable();
    expect(status()).toBe(-errno.EINTR);
    expect(dac.repeated).toBeUndefined();
    sys.munmap(pixels);
  });

  test('is interrupted when the device goes, and its files say so', ({ bench }) => {
    const { receive, receiver, sys, machine } = bench;
    const { buffer, fd, node } = setUp(bench, receive);
    const other = allocate(sys, SIZE);
    for (const each of [fd, other]) receive.attach(buffer, each);
    receive.enqueue(buffer, fd, SIZE);
    receive.enqueue(buffer, other, SIZE);
    const states = [fd, other].map((each) => watchFences(sys, each));
    receive.enable();
    receive.disable();
    receive.enqueue(buffer, other, SIZE);
    states.push(watchFences(sys, other));
    machine.system.scheduler.spawn('unbind', undefined, receiver.remove());
    machine.system.scheduler.runReady();
    expect(states.map((status) => status())).toEqual([-errno.EINTR, -errno.EINTR, -errno.EINTR]);
    expect(answerOf(() => sys.read(buffer, 8))).toBe('ENODEV');
    expect(answerOf(() => receive.buffer(node))).toBe('ENODEV');
    expect(sys.poll([{ fd: buffer, events: POLLIN }], 0)).toEqual([0]);
    expect(answerOf(() => receive.open())).toBe('ENOENT');
    expect(receive.detach(buffer, fd)).toBe(0);
  });
});

test('a read that may not wait, of a buffer with dma-bufs only, is a finding: 6.12 crashes there', ({ bench }) => {
  const { receive, sys, machine } = bench;
  const { buffer, fd } = setUp(bench, receive);
  receive.attach(buffer, fd);
  receive.enable();
  sys.fcntl(buffer, F_SETFL, O_RDWR | O_NONBLOCK);
  machine.system.findings.expect('iio-no-file-blocks');
  expect(answerOf(() => sys.read(buffer, SCAN))).toBe('EAGAIN');
  expect(machine.system.findings.all.map(({ rule }) => rule)).toEqual(['iio-no-file-blocks']);
});
