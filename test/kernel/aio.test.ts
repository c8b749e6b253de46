import { describe, expect, test } from 'vitest';
import { errno } from '../../src/abi/index.ts';
import {
  EFD_NONBLOCK,
  EFD_SEMAPHORE,
  IOCB_CMD_FSYNC,
  IOCB_CMD_NOOP,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_FLAG_IOPRIO,
  IOCB_FLAG_RESFD,
  iovec,
  O_CREAT,
  O_NONBLOCK,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  RWF_APPEND,
  RWF_NOAPPEND,
  RWF_NOWAIT,
  SIGUSR1,
} from '../../src/abi/uapi/index.ts';
import { type AioRequest, type BootedMachine, boot } from '../../src/index.ts';
import type { FileOperations, Kiocb } from '../../src/kernel/index.ts';
import { board } from '../support/boards.ts';

/** A device whose reads end when the test says so. */
interface SlowDevice {
  readonly reads: Kiocb[];
  readonly cancelled: Kiocb[];
}

function operations(device: SlowDevice): FileOperations {
  return {
    readIter(_file, _to, request) {
      device.reads.push(request);
      request.setCancel(() => void device.cancelled.push(request));
      return 'queued';
    },
    *writeIter(_file, from) {
      return (yield* from.take(from.remaining)).length;
    },
  };
}

function bootSlow(): { machine: BootedMachine; device: SlowDevice; fd: number; context: number } {
  const device: SlowDevice = { reads: [], cancelled: [] };
  const machine = boot(board(({ system }) => void system.devices.addMisc({ name: 'slow', mode: 0o666, ops: operations(device) })));
  return { machine, device, fd: machine.sys.open('/dev/slow', O_RDWR), context: machine.sys.io_setup(4) };
}

/** Submits one request. @returns its address */
function submit(machine: BootedMachine, context: number, fields: AioRequest): number {
  const request = machine.sys.iocb(fields);
  expect(machine.sys.io_submit(context, [request])).toBe(1);
  return request;
}

const results = (machine: BootedMachine, context: number) => machine.sys.io_getevents(context, 0, 16, 0).map(({ res }) => res);

describe('requests that end later', () => {
  test('put what was read into memory, tell an eventfd, and are reported once', () => {
    const { machine, device, fd, context } = bootSlow();
    const buffer = machine.sys.allocate(16);
    const bell = machine.sys.eventfd(0, O_NONBLOCK);
    const asked = {
      aio_fildes: fd,
      aio_buf: buffer.address,
      aio_nbytes: 5,
      aio_flags: IOCB_FLAG_RESFD,
      aio_resfd: bell,
      aio_data: 2n ** 63n,
    };
    const obj = submit(machine, context, { aio_lio_opcode: IOCB_CMD_PREAD, ...asked });
    expect(machine.sys.io_getevents(context, 0, 1, 0)).toEqual([]);
    expect(device.reads[0]?.hasEventfd).toBe(true);
    device.reads[0]?.complete(0, Buffer.from('hello world'));
    expect(Buffer.from(machine.sys.peek(buffer.address, 6)).toString()).toBe('hello\0');
    expect(machine.sys.read(bell, 8)[0]).toBe(1);
    expect(machine.sys.io_getevents(context, 1, 4)).toEqual([{ data: 2n ** 63n, obj, res: 5 }]);
    expect(machine.sys.io_getevents(context, 0, 4, 0)).toEqual([]);
  });

  test('keep their file until they end', () => {
    const { machine, device, fd, context } = bootSlow();
    submit(machine, context, { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd });
    machine.sys.close(fd);
    device.reads[0]?.complete(-errno.ESHUTDOWN);
    expect(results(machine, context)).toEqual([-errno.ESHUTDOWN]);
    machine.shutdown();
  });

  test('are EFAULT when their memory has gone', () => {
    const { machine, device, fd, context } = bootSlow();
    const buffer = machine.sys.allocate(16);
    submit(machine, context, { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd, aio_buf: buffer.address, aio_nbytes: 16 });
    machine.sys.free(buffer);
    device.reads[0]?.complete(0, new Uint8Array(16));
    expect(results(machine, context)).toEqual([-errno.EFAULT]);
  });

  test('can be cancelled, once', () => {
    const { machine, device, fd, context } = bootSlow();
    const request = submit(machine, context, { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd });
    expect(() => machine.sys.io_cancel(context, request)).toThrow('EINPROGRESS');
    expect(() => machine.sys.io_cancel(context, request)).toThrow('EINVAL');
    expect(device.cancelled).toHaveLength(1);
    device.cancelled[0]?.complete(-errno.ECONNRESET);
    expect(results(machine, context)).toEqual([-errno.ECONNRESET]);
  });

  test('are waited for when the context goes, and cancelled before', () => {
    const { machine, device, fd, context } = bootSlow();
    submit(machine, context, { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd });
    const begun = machine.system.now();
    machine.system.clock.schedule(5000, 'the end of a read', () => device.reads[0]?.complete(-errno.ECONNRESET));
    machine.sys.io_destroy(context);
    expect([device.cancelled.length, machine.system.now() - begun]).toEqual([1, 5000]);
    expect(() => machine.sys.io_destroy(context)).toThrow('EINVAL');
  });

  test('are cancelled when their program ends', () => {
    const { machine, device, fd: unused } = bootSlow();
    machine.sys.close(unused);
    const running = machine.spawn(function* (sys) {
      const fd = yield* sys.open('/dev/slow', O_RDWR);
      const context = yield* sys.io_setup(1);
      yield* sys.io_submit(context, [sys.iocb({ aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd })]);
    });
    machine.sys.nanosleep(1000);
    running.result();
    expect(device.cancelled).toHaveLength(1);
    device.cancelled[0]?.complete(-errno.ECONNRESET);
    machine.shutdown();
  });

  test('that have ended wake who waits for so many', () => {
    const { machine, device, fd, context } = bootSlow();
    for (let i = 0; i < 2; i++) submit(machine, context, { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd });
    for (const [index, read] of device.reads.entries())
      machine.system.clock.schedule(1000 * (index + 1), 'the end of a read', () => read.complete(0, new Uint8Array(0)));
    expect(machine.sys.io_getevents(context, 2, 4)).toHaveLength(2);
    expect(machine.sys.io_getevents(context, 1, 4, 1e6)).toEqual([]);
  });
});

describe('requests that end at once', () => {
  test('read and write files at their offsets', () => {
    const machine = boot(board());
    const context = machine.sys.io_setup(1);
    const fd = machine.sys.open('/file', O_RDWR | O_CREAT, 0o600);
    const buffer = machine.sys.allocate(64);
    machine.sys.poke(buffer.address, Buffer.from('abcdef'));
    const vector = machine.sys.allocate(32);
    const pieces = [
      { iov_base: buffer.address + 16, iov_len: 2 },
      { iov_base: buffer.address + 24, iov_len: 9 },
    ];
    for (const [index, piece] of pieces.entries()) {
      const bytes = new Uint8Array(iovec.size);
      iovec.encode(new DataView(bytes.buffer), 0, piece);
      machine.sys.poke(vector.address + index * iovec.size, bytes);
    }
    const requests = [
      { aio_lio_opcode: IOCB_CMD_PWRITE, aio_buf: buffer.address, aio_nbytes: 6, aio_offset: 10 },
      { aio_lio_opcode: IOCB_CMD_PREADV, aio_buf: vector.address, aio_nbytes: 2, aio_offset: 12 },
      { aio_lio_opcode: IOCB_CMD_FSYNC },
    ];
    const addresses = requests.map((request) => machine.sys.iocb({ aio_fildes: fd, ...request }));
    expect(machine.sys.io_submit(context, addresses)).toBe(3);
    expect(machine.sys.io_getevents(context, 3, 3).map(({ res }) => res)).toEqual([6, 4, 0]);
    expect(Buffer.from(machine.sys.peek(buffer.address + 16, 2)).toString()).toBe('cd');
    expect(Buffer.from(machine.sys.peek(buffer.address + 24, 2)).toString()).toBe('ef');
    expect(machine.sys.fstat(fd).size).toBe(16);
  });

  test('poll', () => {
    const machine = boot(board());
    const context = machine.sys.io_setup(1);
    const [a, b] = machine.sys.socketpair();
    const ask = (fd: number, events: number) =>
      submit(machine, context, { aio_lio_opcode: IOCB_CMD_POLL, aio_fildes: fd, aio_buf: events });
    ask(a, POLLOUT);
    expect(results(machine, context)).toEqual([POLLOUT]);
    ask(a, POLLIN);
    expect(results(machine, context)).toEqual([]);
    machine.sys.write(b, 'x');
    expect(machine.sys.io_getevents(context, 1, 1).map(({ res }) => res)).toEqual([POLLIN]);
    const never = ask(b, POLLIN);
    expect(() => machine.sys.io_cancel(context, never)).toThrow('EINPROGRESS');
    expect(machine.sys.io_getevents(context, 1, 1).map(({ res }) => res)).toEqual([0]);
    machine.sys.io_destroy(context);
  });
});

describe('io_submit', () => {
  const rw = { aio_lio_opcode: IOCB_CMD_PREAD };
  test.each<[string, AioRequest, string]>([
    ['a reserved field before a closed file', { ...rw, aio_fildes: 99, aio_reserved2: 1 }, 'EINVAL'],
    ['a closed file before a closed eventfd', { ...rw, aio_fildes: 99, aio_flags: IOCB_FLAG_RESFD, aio_resfd: 98 }, 'EBADF'],
    ['a closed eventfd before an unknown operation', { aio_lio_opcode: 77, aio_flags: IOCB_FLAG_RESFD, aio_resfd: 98 }, 'EBADF'],
    ['what is no eventfd', { ...rw, aio_flags: IOCB_FLAG_RESFD, aio_resfd: 0 }, 'EINVAL'],
    ['an unknown operation', { aio_lio_opcode: IOCB_CMD_NOOP }, 'EINVAL'],
    ['a negative offset', { ...rw, aio_offset: -1 }, 'EINVAL'],
    ['an address of the kernel', { ...rw, aio_buf: 2 ** 52, aio_nbytes: 1 }, 'EFAULT'],
    ['unknown flags before the address', { ...rw, aio_buf: 2 ** 52, aio_nbytes: 1, aio_rw_flags: 0x80 }, 'EOPNOTSUPP'],
    ['flags that exclude each other', { ...rw, aio_rw_flags: RWF_APPEND | RWF_NOAPPEND }, 'EINVAL'],
    ['not to wait', { ...rw, aio_rw_flags: RWF_NOWAIT }, 'EOPNOTSUPP'],
    [
      'an unknown class of priorities before flags',
      { ...rw, aio_rw_flags: 0x80, aio_flags: IOCB_FLAG_IOPRIO, aio_reqprio: -0x8000 },
      'EINVAL',
    ],
    ['fsync of what has none', { aio_lio_opcode: IOCB_CMD_FSYNC }, 'EINVAL'],
    ['poll for more than 16 bits', { aio_lio_opcode: IOCB_CMD_POLL, aio_buf: 0x10000 }, 'EINVAL'],
    ['poll at an offset', { aio_lio_opcode: IOCB_CMD_POLL, aio_offset: 1 }, 'EINVAL'],
  ])('refuses %s', (_what, fields, code) => {
    const { machine, fd, context } = bootSlow();
    const request = machine.sys.iocb({ aio_fildes: fd, aio_resfd: fd, ...fields });
    expect(() => machine.sys.io_submit(context, [request])).toThrow(code);
    expect(() => machine.sys.io_submit(context, [request, request])).toThrow(code);
  });

  test('says how many have begun before one that cannot', () => {
    const { machine, fd, context } = bootSlow();
    const good = machine.sys.iocb({ aio_lio_opcode: IOCB_CMD_PWRITE, aio_fildes: fd });
    const bad = machine.sys.iocb({ aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: 99 });
    expect(machine.sys.io_submit(context, [good, bad, good])).toBe(1);
    expect(() => machine.sys.io_submit(context, [16])).toThrow('EFAULT');
    expect(() => machine.sys.io_submit(context + 1, [])).toThrow('EINVAL');
    expect(machine.sys.io_submit(context, [])).toBe(0);
  });

  test('refuses a direction that the file is not open for, and files without an operation', () => {
    const { machine, context } = bootSlow();
    const writer = machine.sys.open('/dev/slow', O_WRONLY);
    const read = { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: writer };
    expect(() => machine.sys.io_submit(context, [machine.sys.iocb(read)])).toThrow('EBADF');
    const set = machine.sys.epoll_create1();
    expect(() => machine.sys.io_submit(context, [machine.sys.iocb({ ...read, aio_fildes: set })])).toThrow('EINVAL');
  });

  test('begins as many as there is room for, and again what was read', () => {
    const { machine, device, fd, context } = bootSlow();
    const request = () => machine.sys.iocb({ aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd });
    const begun = machine.sys.io_submit(context, Array.from({ length: 127 }, request));
    expect(() => machine.sys.io_submit(context, [request()])).toThrow('EAGAIN');
    for (const read of device.reads.slice(0, 3)) read.complete(0);
    expect(() => machine.sys.io_submit(context, [request()])).toThrow('EAGAIN');
    expect(machine.sys.io_getevents(context, 0, 2, 0)).toHaveLength(2);
    expect(machine.sys.io_submit(context, Array.from({ length: 3 }, request))).toBe(2);
    expect(begun).toBe(124);
  });
});

describe('io_setup and io_getevents', () => {
  test.each([
    [0, 'EINVAL'],
    [0x10001, 'EAGAIN'],
    [8388608, 'EINVAL'],
    [0x80000000, 'EAGAIN'],
  ])('refuse %i requests', (count, code) => {
    expect(() => boot(board()).sys.io_setup(count)).toThrow(code);
  });

  test('all contexts together have a limit', () => {
    const { sys } = boot(board());
    const first = sys.io_setup(0xffff);
    sys.io_setup(1);
    expect(() => sys.io_setup(1)).toThrow('EAGAIN');
    sys.io_destroy(first);
    expect(sys.io_setup(1)).toBeGreaterThan(0);
  });

  test.each([
    [2, 1],
    [-1, 1],
    [0, -1],
  ])('from %i to %i events are refused', (least, most) => {
    const { machine, context } = bootSlow();
    expect(() => machine.sys.io_getevents(context, least, most, 0)).toThrow('EINVAL');
  });

  test('a signal ends the wait', () => {
    const { machine, context } = bootSlow();
    machine.sys.sigaction(SIGUSR1, { handler: () => {} });
    const { pid } = machine.sys;
    machine.system.clock.schedule(1000, 'a signal', () => machine.system.tasks.get(pid)?.signals.send(SIGUSR1));
    expect(() => machine.sys.io_getevents(context, 1, 1)).toThrow('EINTR');
    machine.system.clock.schedule(1000, 'a signal', () => machine.system.tasks.get(pid)?.signals.send(SIGUSR1));
    expect(machine.sys.io_pgetevents(context, 1, 1, 1e6, [SIGUSR1])).toEqual([]);
  });
});

describe('an eventfd', () => {
  test('counts, and is read as a whole or one by one', () => {
    const { sys } = boot(board());
    const count = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);
    const [plain, semaphore] = [sys.eventfd(3, EFD_NONBLOCK), sys.eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE)];
    sys.write(plain, count(4n));
    expect([sys.read(plain, 8)[0], sys.read(semaphore, 8)[0], sys.read(semaphore, 9)[0]]).toEqual([7, 1, 1]);
    for (const fd of [plain, semaphore]) expect(() => sys.read(fd, 8)).toThrow('EAGAIN');
    expect(() => sys.read(plain, 7)).toThrow('EINVAL');
    expect(() => sys.write(plain, new Uint8Array(16))).toThrow('EINVAL');
    expect(() => sys.write(plain, count(2n ** 64n - 1n))).toThrow('EINVAL');
    sys.write(plain, count(2n ** 64n - 2n));
    expect(() => sys.write(plain, count(1n))).toThrow('EAGAIN');
    expect(sys.poll([{ fd: plain, events: POLLIN | POLLOUT }], 0)).toEqual([POLLIN]);
    expect(() => sys.eventfd(0, 2)).toThrow('EINVAL');
  });
});
