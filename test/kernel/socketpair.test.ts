import { describe, expect, test } from 'vitest';
import { O_NONBLOCK, POLLERR, POLLHUP, POLLIN, POLLOUT, SIGPIPE } from '../../src/abi/uapi/index.ts';
import { boot } from '../../src/index.ts';
import { board } from '../support/boards.ts';
import { bootTestDevice } from '../support/test-device.ts';

describe('a pair of sockets', () => {
  test('keeps messages apart and in order', () => {
    const { sys } = boot(board());
    const [one, other] = sys.socketpair();
    sys.write(one, 'first');
    sys.sendmsg(one, 'second');
    expect(Buffer.from(sys.read(other, 3)).toString()).toBe('fir');
    expect(Buffer.from(sys.recvmsg(other).bytes).toString()).toBe('second');
  });

  test('is at its end when the other side is closed; writing there is EPIPE, without SIGPIPE', () => {
    const machine = boot(board());
    const { sys } = machine;
    const [one, other] = sys.socketpair();
    const signals: number[] = [];
    sys.sigaction(SIGPIPE, { handler: (signal) => signals.push(signal) });
    sys.write(one, 'last');
    sys.close(one);
    expect(sys.poll([{ fd: other, events: POLLIN }], 0)).toEqual([POLLIN | POLLHUP]);
    expect(sys.read(other, 9).length).toBe(4);
    expect(sys.read(other, 9).length).toBe(0);
    expect(() => sys.write(other, 'x')).toThrow('EPIPE');
    expect(signals).toEqual([]);
    sys.close(other);
    machine.shutdown();
  });

  test('is reset, once, when the other side is closed with messages unread', () => {
    const { sys } = boot(board());
    const [one, other] = sys.socketpair();
    sys.write(one, 'kept');
    sys.write(other, 'lost');
    sys.close(other);
    expect(sys.poll([{ fd: one, events: POLLIN }], 0)).toEqual([POLLIN | POLLERR | POLLHUP]);
    expect(() => sys.read(one, 9)).toThrow('ECONNRESET');
    expect(sys.read(one, 9).length).toBe(4);
    expect(sys.read(one, 9).length).toBe(0);
  });

  test('holds net.core.wmem_default bytes, then waits or is EAGAIN', () => {
    const machine = boot(board());
    const { sys } = machine;
    const [one, other] = sys.socketpair(O_NONBLOCK);
    expect(() => sys.write(one, new Uint8Array(212_993))).toThrow('EMSGSIZE');
    sys.write(one, new Uint8Array(212_992));
    expect(() => sys.write(one, 'x')).toThrow('EAGAIN');
    expect(sys.poll([{ fd: one, events: POLLOUT }], 0)).toEqual([0]);
    sys.recvmsg(other);
    expect(sys.poll([{ fd: one, events: POLLOUT }], 0)).toEqual([POLLOUT]);
    sys.close(one);
    sys.close(other);
    machine.shutdown();
  });
});

describe('descriptors in messages', () => {
  test('name the same open file, and keep it open on the way', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const [one, other] = sys.socketpair();
    sys.sendmsg(one, 'it', [fd]);
    sys.close(fd);
    expect(device.released).toEqual([]);
    const [received] = sys.recvmsg(other).fds;
    device.put(0x41);
    expect(sys.read(received as number, 1)[0]).toBe(0x41);
    sys.sendmsg(one, 'again', [received as number]);
    for (const left of [received as number, one, other]) sys.close(left);
    expect(device.released.length).toBe(1);
    machine.shutdown();
  });

  test('are taken before the message waits for room: closing them meanwhile changes nothing', async () => {
    const { machine, device, fd } = bootTestDevice();
    const program = machine.spawn(function* (sys) {
      const file = yield* sys.open('/dev/test', 2);
      const [one, other] = yield* sys.socketpair();
      yield* sys.write(one, new Uint8Array(212_992));
      yield* sys.thread(function* (thread) {
        yield* thread.sendmsg(one, 'full', [file]);
      });
      yield* sys.nanosleep(1);
      yield* sys.close(file);
      yield* sys.recvmsg(other);
      yield* sys.nanosleep(1);
      return (yield* sys.recvmsg(other)).fds;
    });
    await machine.run();
    expect(program.result()).toEqual([0]);
    machine.sys.close(fd);
    expect(device.released.length).toBe(2);
    machine.shutdown();
  });

  test('that are in the way of nobody but each other are closed when some socket is', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const [one, other] = sys.socketpair();
    sys.sendmsg(one, 'itself', [other, fd]);
    sys.sendmsg(other, 'its peer', [one]);
    for (const left of [one, other, fd]) sys.close(left);
    expect(device.released).toEqual([]);
    const [third, fourth] = sys.socketpair();
    sys.sendmsg(third, 'not in the cycle', [fourth]);
    sys.close(third);
    expect(device.released.length).toBe(1);
    expect(sys.recvmsg(fourth).fds).toHaveLength(1);
  });
});
