import { describe, expect, it } from 'vitest';
import {
  AF_NETLINK,
  AF_UNIX,
  BPF_ABS,
  BPF_JEQ,
  BPF_JMP,
  BPF_LD,
  BPF_RET,
  BPF_W,
  EPOLL_CTL_ADD,
  EPOLLIN,
  MSG_TRUNC,
  NETLINK_KOBJECT_UEVENT,
  O_WRONLY,
  POLLERR,
  POLLIN,
  SO_ATTACH_FILTER,
  SO_PASSCRED,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  sock_filter,
  sock_fprog,
} from '../../src/abi/uapi/index.ts';
import { boot } from '../../src/index.ts';
import { board } from '../support/boards.ts';

function bootListening(groups = 1) {
  const machine = boot(board(({ system }) => system.devices.addMisc({ name: 'lamp', minor: 200, ops: {} })));
  const open = (ofGroups: number) => {
    const fd = machine.sys.socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    machine.sys.bind(fd, { nl_groups: ofGroups });
    return fd;
  };
  return { machine, sys: machine.sys, fd: open(groups), open };
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

function poke(sys: ReturnType<typeof bootListening>['sys'], action = 'add') {
  const file = sys.open('/sys/class/misc/lamp/uevent', O_WRONLY);
  sys.write(file, action);
  sys.close(file);
}

describe('a netlink socket of NETLINK_KOBJECT_UEVENT', () => {
  it('tells of a device that comes, from the kernel and root', () => {
    const { machine, sys, fd } = bootListening();
    sys.setsockopt(fd, SOL_SOCKET, SO_PASSCRED, 1);
    machine.system.devices.addMisc({ name: 'late', minor: 201, ops: {} });
    const { bytes, name, credentials, flags } = sys.recvDatagram(fd, 4096);
    expect(textOf(bytes).split('\0')).toEqual([
      'add@/devices/virtual/misc/late',
      'ACTION=add',
      'DEVPATH=/devices/virtual/misc/late',
      'SUBSYSTEM=misc',
      'MAJOR=10',
      'MINOR=201',
      'DEVNAME=late',
      expect.stringMatching(/^SEQNUM=\d+$/),
      '',
    ]);
    expect({ name, credentials, flags }).toEqual({
      name: { nl_pid: 0, nl_groups: 1 },
      credentials: { pid: 0, uid: 0, gid: 0 },
      flags: 0,
    });
    sys.close(fd);
    machine.shutdown();
  });

  it('wakes a task that waits in recvmsg, and an epoll set', () => {
    const { machine, sys, fd } = bootListening();
    const epoll = sys.epoll_create1();
    sys.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 7 });
    expect(sys.epoll_wait(epoll, 1, 0)).toEqual([]);
    const seen: string[] = [];
    machine.spawn(function* (task) {
      const own = yield* task.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
      yield* task.bind(own, { nl_groups: 1 });
      const { bytes, length } = yield* task.recvDatagram(own, 7, MSG_TRUNC);
      seen.push(textOf(bytes), length > 7 ? 'cut' : 'whole');
      yield* task.close(own);
    });
    machine.system.scheduler.runReady();
    expect(seen).toEqual([]);
    poke(sys, 'change');
    machine.system.scheduler.runReady();
    expect(seen).toEqual(['change@', 'cut']);
    expect(sys.epoll_wait(epoll, 1, 0)).toEqual([{ events: EPOLLIN, data: 7n }]);
  });

  it('takes what its filter lets through', () => {
    const { sys, fd } = bootListening();
    const program = [
      { code: BPF_LD | BPF_W | BPF_ABS, jt: 0, jf: 0, k: 0 },
      { code: BPF_JMP | BPF_JEQ, jt: 0, jf: 1, k: 0x6368616e },
      { code: BPF_RET, jt: 0, jf: 0, k: 6 },
      { code: BPF_RET, jt: 0, jf: 0, k: 0 },
    ];
    const memory = sys.allocate(sock_fprog.size + program.length * sock_filter.size);
    const { bytes } = memory;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    sock_fprog.encode(view, 0, { len: program.length, filter: memory.address + sock_fprog.size });
    for (const [i, instruction] of program.entries()) sock_filter.encode(view, sock_fprog.size + i * sock_filter.size, instruction);
    sys.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes.slice(0, sock_fprog.size));
    poke(sys, 'add');
    poke(sys, 'change');
    expect(textOf(sys.recvDatagram(fd, 100).bytes)).toBe('change');
    expect(() => sys.recvDatagram(fd, 100)).toThrow('EAGAIN');
  });

  it('loses what finds no room, says so once, and hears again when it is empty', () => {
    const { sys, fd } = bootListening();
    sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 4096);
    for (let i = 0; i < 20; i++) poke(sys);
    expect(sys.poll([{ fd, events: POLLIN }], 0)).toEqual([POLLIN | POLLERR]);
    expect(() => sys.recvDatagram(fd, 100)).toThrow('ENOBUFS');
    poke(sys, 'change');
    for (let i = 0; i < 8; i++) expect(textOf(sys.recvDatagram(fd, 4).bytes)).toBe('add@');
    expect(() => sys.recvDatagram(fd, 100)).toThrow('EAGAIN');
    poke(sys, 'change');
    expect(textOf(sys.recvDatagram(fd, 6).bytes)).toBe('change');
  });

  it('carries messages between programs, as udev sends them, for root only', () => {
    const { sys, fd, open } = bootListening(2);
    const sender = open(0);
    expect(sys.sendto(sender, 'libudev', 0, { nl_groups: 2 })).toBe(7);
    const { bytes, name } = sys.recvDatagram(fd, 100);
    expect([textOf(bytes), name]).toEqual(['libudev', { nl_pid: sys.getsockname(sender).nl_pid, nl_groups: 2 }]);
    const { machine, fd: other } = bootListening(2);
    let refused = '';
    machine.spawn(
      function* (task) {
        const own = yield* task.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
        try {
          yield* task.sendto(own, 'libudev', 0, { nl_groups: 2 });
        } catch (error) {
          refused = (error as Error).message;
        }
        yield* task.close(own);
      },
      { credentials: { uid: 1000, gid: 1000, groups: [] } },
    );
    machine.system.scheduler.runReady();
    expect(refused).toContain('EPERM');
    expect(() => machine.sys.recvDatagram(other, 100)).toThrow('EAGAIN');
  });

  it('has no other family and protocol', () => {
    const { sys, fd } = bootListening();
    expect(() => sys.socket(AF_UNIX, SOCK_DGRAM, 0)).toThrow('EAFNOSUPPORT');
    expect(() => sys.socket(AF_NETLINK, SOCK_DGRAM, 0)).toThrow('EPROTONOSUPPORT');
    expect(sys.fdLink(fd)).toMatch(/^socket:\[\d+\]$/);
    const [end] = sys.socketpair();
    expect(() => sys.bind(end, {})).toThrow('EOPNOTSUPP');
    expect(() => sys.bind(sys.open('/dev', 0), {})).toThrow('ENOTSOCK');
  });
});
