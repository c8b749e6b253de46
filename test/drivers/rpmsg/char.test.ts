import {
  EPOLLIN,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  POLLERR,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  RPMSG_ADDR_ANY,
  RPMSG_CREATE_EPT_IOCTL,
  RPMSG_DESTROY_EPT_IOCTL,
  RPMSG_GET_OUTGOING_FLOWCONTROL,
  RPMSG_SET_INCOMING_FLOWCONTROL,
} from '../../../src/abi/uapi/index.ts';
import { ask, bytes, createEndpoint, describe, expect, logOf, nodesOf, rpmsgTest, settle, shown, test, text } from './fixture.ts';

const ALL = POLLIN | POLLOUT | POLLRDNORM | POLLPRI;
const silent = rpmsgTest({ firmware: () => {} });

describe('an endpoint that a program makes', () => {
  test('has a node with what was asked for, and an address while it is open', ({ sys }) => {
    settle(sys);
    const path = createEndpoint(sys, { name: 'mine', dst: 1024 });
    expect(path).toBe('/dev/rpmsg1');
    expect(['name', 'src', 'dst'].map((name) => shown(sys, `/sys/class/rpmsg/rpmsg1/${name}`))).toEqual(['mine', '-1', '1024']);
    expect(sys.readlink('/sys/class/rpmsg/rpmsg1')).toContain('/virtio0.rpmsg_ctrl.0.0/rpmsg/rpmsg_ctrl0/rpmsg1');
    const fd = sys.open(path, O_RDWR);
    sys.write(fd, bytes('to the echo'));
    expect(text(sys.read(fd, 100))).toBe('to the echo');
    sys.close(fd);
    expect(shown(sys, '/sys/class/rpmsg/rpmsg1/src')).toBe('-1');
  });

  test('is open once at a time', ({ sys }) => {
    settle(sys);
    for (const path of ['/dev/rpmsg0', createEndpoint(sys, {})]) {
      const fd = sys.open(path, O_RDWR);
      expect(ask(() => sys.open(path, O_RDWR))).toBe('EBUSY');
      expect(ask(() => sys.open(path, O_RDONLY | O_NONBLOCK))).toBe('EBUSY');
      sys.close(fd);
      sys.close(sys.open(path, O_RDWR));
    }
  });

  silent('gets a fixed address that nobody else has, or EINVAL', ({ machine, sys }) => {
    const paths = [
      createEndpoint(sys, { src: 1024 }),
      createEndpoint(sys, { src: 1024 }),
      createEndpoint(sys, {}),
      createEndpoint(sys, { src: 53 }),
    ];
    const [first, second, dynamic, reserved] = paths as [string, string, string, string];
    const a = sys.open(first, O_RDWR);
    expect(ask(() => sys.open(second, O_RDWR))).toBe('EINVAL');
    const b = sys.open(dynamic, O_RDWR);
    expect(ask(() => sys.open(reserved, O_RDWR))).toBe('EINVAL');
    sys.close(a);
    const c = sys.open(second, O_RDWR);
    expect(logOf(machine).slice(1, 3)).toEqual([
      'rpmsg_ctrl virtio0.rpmsg_ctrl.0.0: idr_alloc failed: -28',
      'rpmsg rpmsg1: failed to open test',
    ]);
    for (const fd of [b, c]) sys.close(fd);
  });

  silent('cannot have an address that is negative for the table', ({ machine, sys }) => {
    machine.system.findings.expect('rpmsg-address-too-large');
    expect(ask(() => sys.open(createEndpoint(sys, { src: 0x80000000 }), O_RDWR))).toBe('EINVAL');
    expect(ask(() => sys.close(sys.open(createEndpoint(sys, { src: 0x7fffffff }), O_RDWR)))).toBe('0');
  });

  silent('gets the lowest dynamic address from 1024 on', ({ sys, parts }) => {
    const sources: number[] = [];
    parts.remote.createEndpoint(9, (_data, source) => void sources.push(source));
    const fds = [0, 1, 2].map(() => sys.open(createEndpoint(sys, { dst: 9 }), O_RDWR));
    for (const fd of fds) sys.write(fd, bytes('x'));
    sys.close(fds[1] as number);
    const again = sys.open(createEndpoint(sys, { dst: 9 }), O_RDWR);
    sys.write(again, bytes('x'));
    settle(sys);
    expect(sources).toEqual([1024, 1025, 1026, 1025]);
    for (const fd of [fds[0], fds[2], again]) sys.close(fd as number);
  });

  test('is destroyed by a request: the node goes, and the file has no endpoint any more', ({ machine, sys }) => {
    settle(sys);
    const path = createEndpoint(sys, {});
    const fd = sys.open(path, O_RDWR);
    expect(sys.ioctl(fd, RPMSG_DESTROY_EPT_IOCTL)).toBe(0);
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
    expect(ask(() => sys.open(path, O_RDWR))).toBe('ENOENT');
    expect(ask(() => sys.read(fd, 10))).toBe('EPIPE');
    expect(ask(() => sys.write(fd, bytes('x')))).toBe('EPIPE');
    expect(sys.poll([{ fd, events: ALL }], 0)).toEqual([POLLERR]);
    // Its number stays taken while the file is open.
    expect(createEndpoint(sys, {})).toBe('/dev/rpmsg2');
    machine.system.findings.expect('rpmsg-endpoint-gone');
    expect(sys.ioctl(fd, RPMSG_DESTROY_EPT_IOCTL)).toBe(0);
    expect(ask(() => sys.ioctl(fd, RPMSG_SET_INCOMING_FLOWCONTROL, 1))).toBe('EINVAL');
    sys.close(fd);
    expect(createEndpoint(sys, {})).toBe('/dev/rpmsg1');
  });

  test('of a channel cannot be destroyed', ({ sys }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    expect(ask(() => sys.ioctl(fd, RPMSG_DESTROY_EPT_IOCTL))).toBe('EINVAL');
    sys.close(fd);
  });

  test('is not made when there is no memory', ({ machine, sys }) => {
    const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
    const end = machine.faults.add('alloc:what=struct rpmsg_eptdev:nth=1');
    expect(ask(() => sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL, { name: 'x', src: RPMSG_ADDR_ANY, dst: 1 }))).toBe('ENOMEM');
    end();
    sys.close(control);
  });
});

describe('reading', () => {
  test('gives one message a call, and drops what does not fit', ({ sys }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    for (const message of ['0123456789', 'next', '']) sys.write(fd, bytes(message));
    settle(sys);
    expect(text(sys.read(fd, 4))).toBe('0123');
    expect(text(sys.read(fd, 100))).toBe('next');
    expect(sys.read(fd, 100).length).toBe(0);
    sys.close(fd);
  });

  test('consumes a message that cannot be written to the program', ({ sys }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
    for (const message of ['lost', 'kept']) sys.write(fd, bytes(message));
    settle(sys);
    expect(ask(() => sys.readv(fd, [{ address: 8, length: 10 }]))).toBe('EFAULT');
    expect(text(sys.read(fd, 10))).toBe('kept');
    expect(ask(() => sys.read(fd, 10))).toBe('EAGAIN');
    sys.close(fd);
  });

  test('waits, unless it must not, until a signal comes', async ({ machine, sys }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    let answer = '';
    const reader = sys.fork(function* (other) {
      yield* other.sigaction(10, { handler: () => {} });
      try {
        answer = text(yield* other.read(fd, 10));
      } catch (error) {
        answer = (error as { code: string }).code;
      }
    });
    sys.nanosleep(1e9);
    sys.kill(reader, 10);
    await machine.run();
    expect(answer).toBe('EINTR');
    sys.close(fd);
  });

  test('of a channel gives what came before the file was opened, once', ({ sys, parts }) => {
    settle(sys);
    parts.remote.send(1024, 1024, bytes('early'));
    settle(sys);
    let fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
    parts.remote.send(1024, 1024, bytes('late'));
    settle(sys);
    expect(text(sys.read(fd, 10))).toBe('early');
    // What is in the queue when the file is closed is lost.
    sys.close(fd);
    fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
    expect(ask(() => sys.read(fd, 10))).toBe('EAGAIN');
    sys.close(fd);
  });

  test('loses a message when there is no memory for it', ({ machine, sys, parts }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK);
    const end = machine.faults.add('alloc:what=struct sk_buff:nth=1');
    parts.remote.send(1024, 1024, bytes('lost'));
    parts.remote.send(1024, 1024, bytes('kept'));
    settle(sys);
    end();
    expect(text(sys.read(fd, 10))).toBe('kept');
    sys.close(fd);
  });
});

describe('poll', () => {
  test('knows messages, and never says that one can write', ({ sys, parts }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    expect(sys.poll([{ fd, events: ALL }], 0)).toEqual([0]);
    parts.remote.send(1024, 1024, bytes('x'));
    expect(sys.poll([{ fd, events: ALL }], -1)).toEqual([POLLIN | POLLRDNORM]);
    sys.close(fd);
  });

  test('wakes epoll when a message comes', ({ sys, parts }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    const set = sys.epoll_create1();
    sys.epoll_ctl(set, 1, fd, { events: EPOLLIN, data: 7 });
    expect(sys.epoll_wait(set, 4, 100)).toEqual([]);
    parts.remote.send(1024, 1024, bytes('x'));
    expect(sys.epoll_wait(set, 4, -1).map(({ events }) => events)).toEqual([EPOLLIN]);
    sys.close(set);
    sys.close(fd);
  });
});

describe('flow control', () => {
  test('is not for virtio', ({ sys }) => {
    settle(sys);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    expect(sys.ioctl(fd, RPMSG_GET_OUTGOING_FLOWCONTROL)).toBe(0);
    expect(ask(() => sys.ioctl(fd, RPMSG_GET_OUTGOING_FLOWCONTROL.number, 0))).toBe('EFAULT');
    expect(ask(() => sys.ioctl(fd, RPMSG_SET_INCOMING_FLOWCONTROL, 0))).toBe('EOPNOTSUPP');
    expect(ask(() => sys.ioctl(fd, RPMSG_SET_INCOMING_FLOWCONTROL, 1))).toBe('EOPNOTSUPP');
    expect(ask(() => sys.ioctl(fd, RPMSG_SET_INCOMING_FLOWCONTROL, 2))).toBe('EINVAL');
    expect(ask(() => sys.ioctl(fd, RPMSG_SET_INCOMING_FLOWCONTROL, -1))).toBe('EINVAL');
    expect(ask(() => sys.ioctl(fd, 0x1234, 0))).toBe('EINVAL');
    sys.close(fd);
  });
});
