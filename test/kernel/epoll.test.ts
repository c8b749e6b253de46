import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  O_NONBLOCK,
  POLLIN,
  SIGUSR1,
} from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { calls, complete } from '../../src/kernel/index.ts';
import { board } from '../support/boards.ts';
import { bootTestDevice } from '../support/test-device.ts';

/** A machine with a set and pairs of sockets: an end that the set may watch, and the one that makes it readable. */
function bootSet(pairs: number): { machine: BootedMachine; set: number; ends: (readonly [number, number])[] } {
  const machine = boot(board());
  const set = machine.sys.epoll_create1();
  return { machine, set, ends: Array.from({ length: pairs }, () => machine.sys.socketpair(O_NONBLOCK)) };
}

const dataOf = (events: readonly { data: bigint }[]) => events.map(({ data }) => Number(data));

describe('epoll_ctl', () => {
  test.each([
    ['no memory behind the event before a closed set', () => [99, EPOLL_CTL_ADD, 98, undefined] as const, 'EFAULT'],
    ['a closed set before a closed file', () => [99, EPOLL_CTL_ADD, 98, { events: 0 }] as const, 'EBADF'],
    ['a closed file', (set: number) => [set, EPOLL_CTL_ADD, 98, { events: 0 }] as const, 'EBADF'],
    ['a file without poll before what is no set', (_set: number, root: number) => [root, 1, root, { events: 0 }] as const, 'EPERM'],
    ['what is no set', (_set: number, _root: number, end: number) => [end, 1, end, { events: 0 }] as const, 'EINVAL'],
    ['itself', (set: number) => [set, EPOLL_CTL_ADD, set, { events: 0 }] as const, 'EINVAL'],
    ['an unknown operation', (set: number, _root: number, end: number) => [set, 9, end, { events: 0 }] as const, 'EINVAL'],
    [
      'to change what is not there',
      (set: number, _root: number, end: number) => [set, EPOLL_CTL_MOD, end, { events: 0 }] as const,
      'ENOENT',
    ],
    ['to delete what is not there', (set: number, _root: number, end: number) => [set, EPOLL_CTL_DEL, end, undefined] as const, 'ENOENT'],
  ])('refuses %s', (_what, call, code) => {
    const { machine, set, ends } = bootSet(1);
    const root = machine.sys.open('/');
    const [epfd, op, fd, event] = call(set, root, ends[0]?.[0] as number);
    expect(() => machine.sys.epoll_ctl(epfd, op, fd, event)).toThrow(code);
  });

  test.each([
    ['twice', EPOLLIN, EPOLL_CTL_ADD, EPOLLIN, 'EEXIST'],
    ['exclusive, later', EPOLLIN, EPOLL_CTL_MOD, EPOLLIN | EPOLLEXCLUSIVE, 'EINVAL'],
    ['otherwise once it is exclusive', EPOLLIN | EPOLLEXCLUSIVE, EPOLL_CTL_MOD, EPOLLIN, 'EINVAL'],
  ])('refuses an entry %s', (_what, before, op, after, code) => {
    const { machine, set, ends } = bootSet(1);
    const end = ends[0]?.[0] as number;
    machine.sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: before });
    expect(() => machine.sys.epoll_ctl(set, op, end, { events: after })).toThrow(code);
  });

  test('refuses circles and towers of sets', () => {
    const { sys } = boot(board());
    const sets = Array.from({ length: 6 }, () => sys.epoll_create1());
    const nest = (inner: number, outer: number) =>
      sys.epoll_ctl(sets[outer] as number, EPOLL_CTL_ADD, sets[inner] as number, { events: EPOLLIN });
    for (const step of [0, 1, 2, 3]) nest(step, step + 1);
    expect(() => nest(4, 5)).toThrow('ELOOP');
    expect(() => nest(4, 0)).toThrow('ELOOP');
    expect(() => nest(1, 0)).toThrow('ELOOP');
  });

  test('refuses too many sets between one file and the outermost', () => {
    const { machine, ends } = bootSet(1);
    const { sys } = machine;
    sys.setFileLimit(2048);
    const inner = sys.epoll_create1();
    sys.epoll_ctl(inner, EPOLL_CTL_ADD, ends[0]?.[0] as number, { events: EPOLLIN });
    for (let i = 0; i < 500; i++) sys.epoll_ctl(sys.epoll_create1(), EPOLL_CTL_ADD, inner, { events: EPOLLIN });
    const last = sys.epoll_create1();
    expect(() => sys.epoll_ctl(last, EPOLL_CTL_ADD, inner, { events: EPOLLIN })).toThrow('EINVAL');
    expect(() => sys.epoll_ctl(last, EPOLL_CTL_DEL, inner)).toThrow('ENOENT');
  });
});

describe('epoll_wait', () => {
  test.each([0, -1, 178_956_971])('refuses %i events', (count) => {
    const { sys } = boot(board());
    expect(() => sys.epoll_wait(99, count, 0)).toThrow('EINVAL');
  });

  test('gives 64 bits of data back as they were', () => {
    const { machine, set, ends } = bootSet(1);
    const data = 0xfedc_ba98_7654_3211n;
    machine.sys.epoll_ctl(set, EPOLL_CTL_ADD, ends[0]?.[0] as number, { events: EPOLLOUT, data });
    expect(machine.sys.epoll_wait(set, 1)).toEqual([{ events: EPOLLOUT, data }]);
  });

  test('keeps what it has no place for', () => {
    const { machine, set, ends } = bootSet(2);
    const { sys, system } = machine;
    for (const [i, [end]] of ends.entries()) sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLOUT | EPOLLET, data: i });
    const task = system.tasks.get(sys.pid);
    if (task === undefined) throw new Error('the task of sys is gone');
    const memory = sys.allocate(4096);
    const wait = (address: number) => {
      let result: unknown;
      const begin = () => calls.epoll_wait(task, set, address, 2, 0);
      system.scheduler.start('a wait', task, complete(task, begin(), begin), (outcome) => {
        result = outcome.ok ? outcome.value : outcome.error;
      });
      return result;
    };
    expect(wait(memory.address + 4096)).toMatchObject({ code: 'EFAULT' });
    expect(wait(memory.address + 4096 - 12)).toBe(1);
    expect(dataOf(sys.epoll_wait(set, 2, 0))).toEqual([1]);
    expect(wait(2 ** 47)).toMatchObject({ code: 'EFAULT' });
  });

  test('reports level-triggered entries in turn', () => {
    const { machine, set, ends } = bootSet(3);
    for (const [i, [end]] of ends.entries()) machine.sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLOUT, data: i });
    const turns = Array.from({ length: 4 }, () => dataOf(machine.sys.epoll_wait(set, 2, 0)));
    expect(turns).toEqual([
      [0, 1],
      [2, 0],
      [1, 2],
      [0, 1],
    ]);
  });

  test('reports an edge once, a one-shot until it is armed again', () => {
    const { machine, set, ends } = bootSet(2);
    const { sys } = machine;
    const [[edge, edgePeer], [shot, shotPeer]] = ends as [[number, number], [number, number]];
    sys.epoll_ctl(set, EPOLL_CTL_ADD, edge, { events: EPOLLIN | EPOLLET, data: 1 });
    sys.epoll_ctl(set, EPOLL_CTL_ADD, shot, { events: EPOLLIN | EPOLLONESHOT, data: 2 });
    const wait = () => dataOf(sys.epoll_wait(set, 9, 0));
    for (const peer of [edgePeer, shotPeer]) sys.write(peer, 'x');
    expect([wait(), wait()]).toEqual([[1, 2], []]);
    for (const peer of [edgePeer, shotPeer]) sys.write(peer, 'x');
    expect([wait(), wait()]).toEqual([[1], []]);
    sys.epoll_ctl(set, EPOLL_CTL_MOD, shot, { events: EPOLLIN | EPOLLONESHOT, data: 3 });
    expect(wait()).toEqual([3]);
    sys.close(shotPeer);
    expect(wait()).toEqual([]);
  });

  test('waits until something comes, or the time is up, in virtual time', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const set = sys.epoll_create1(EPOLL_CLOEXEC);
    sys.epoll_ctl(set, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 7 });
    for (const at of [1e6, 2e6]) machine.system.clock.schedule(at, 'a wake without data', () => device.changed.wake());
    expect(sys.epoll_wait(set, 1, 5)).toEqual([]);
    expect(machine.system.now()).toBe(1e9 + 5e6);
    machine.system.clock.schedule(3e6, 'data', () => device.put(1));
    expect(sys.epoll_wait(set, 1)).toEqual([{ events: EPOLLIN, data: 7n }]);
    expect(machine.system.now()).toBe(1e9 + 8e6);
  });

  test('is interrupted by a signal even if the handler has SA_RESTART', async () => {
    const { machine, set } = bootSet(0);
    const waiter = machine.spawn(function* (sys) {
      yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0x10000000 });
      yield* sys.epoll_wait(yield* sys.epoll_create1(), 1);
    });
    machine.system.clock.schedule(5, 'a signal', () => machine.system.tasks.get(waiter.pid)?.signals.send(SIGUSR1));
    await expect(machine.run()).rejects.toThrow('EINTR');
    expect(machine.sys.epoll_wait(set, 1, 0)).toEqual([]);
  });

  test('as epoll_pwait keeps blocked signals until it ends', async () => {
    const { machine } = bootSet(0);
    const handled: number[] = [];
    const waiter = machine.spawn(function* (sys) {
      yield* sys.sigaction(SIGUSR1, { handler: () => handled.push(machine.system.now()) });
      const set = yield* sys.epoll_create1();
      return (yield* sys.epoll_pwait(set, 1, 1, [SIGUSR1])).length;
    });
    machine.system.clock.schedule(1000, 'a blocked signal', () => machine.system.tasks.get(waiter.pid)?.signals.send(SIGUSR1));
    await machine.run();
    expect(waiter.result()).toBe(0);
    expect(handled).toEqual([1e9 + 1e6]);
  });

  test('wakes one of several waiters for each event', async () => {
    const { machine, set, ends } = bootSet(2);
    const { sys } = machine;
    for (const [i, [end]] of ends.entries()) sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLIN | EPOLLET, data: i });
    const got: number[][] = [];
    for (let i = 0; i < 3; i++) {
      sys.thread(function* (own) {
        got.push(dataOf(yield* own.epoll_wait(set, 1, 10)));
      });
    }
    sys.thread(function* (own) {
      yield* own.nanosleep(1e6);
      for (const [, peer] of ends) yield* own.write(peer, 'x');
    });
    await machine.run();
    expect(got.map((events) => events.length)).toEqual([1, 1, 0]);
    expect(got.flat().sort()).toEqual([0, 1]);
  });
});

describe('an entry', () => {
  test('lives as long as its file, not its descriptor', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const set = sys.epoll_create1();
    device.put(1);
    const copy = sys.dup(fd);
    sys.epoll_ctl(set, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 1 });
    sys.close(fd);
    expect(dataOf(sys.epoll_wait(set, 9, 0))).toEqual([1]);
    expect(() => sys.epoll_ctl(set, EPOLL_CTL_DEL, copy)).toThrow('ENOENT');
    sys.close(copy);
    expect(device.released.length).toBe(1);
    expect(sys.epoll_wait(set, 9, 0)).toEqual([]);
    sys.close(set);
    machine.shutdown();
  });

  test('leaves no waiter behind, whichever ends first', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const sets = [sys.epoll_create1(), sys.epoll_create1()];
    for (const set of sets) sys.epoll_ctl(set, EPOLL_CTL_ADD, fd, { events: EPOLLIN });
    expect(device.changed.waiters).toBe(2);
    sys.epoll_ctl(sets[0] as number, EPOLL_CTL_DEL, fd);
    expect(device.changed.waiters).toBe(1);
    sys.close(sets[1] as number);
    expect(device.changed.waiters).toBe(0);
  });

  test('that is exclusive leaves a wake to no other once somebody waits for it', async () => {
    const { machine, ends } = bootSet(1);
    const { sys } = machine;
    const [end, peer] = ends[0] as readonly [number, number];
    const sets = Array.from({ length: 3 }, () => sys.epoll_create1());
    for (const set of sets) sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLIN | EPOLLEXCLUSIVE });
    const got: number[] = [];
    for (const set of sets) {
      sys.thread(function* (own) {
        got.push((yield* own.epoll_wait(set, 1, 1)).length);
      });
    }
    sys.thread(function* (own) {
      yield* own.nanosleep(1000);
      yield* own.write(peer, 'x');
    });
    await machine.run();
    expect(got.sort()).toEqual([0, 0, 1]);
    // Without anybody in epoll_wait all of them get it.
    sys.write(peer, 'x');
    expect(sets.map((set) => sys.epoll_wait(set, 1, 0).length)).toEqual([1, 1, 1]);
  });
});

describe('a set as a file', () => {
  test('is readable while an entry has something to report', () => {
    const { machine, set, ends } = bootSet(1);
    const { sys } = machine;
    const [end, peer] = ends[0] as readonly [number, number];
    const isReadable = () => sys.poll([{ fd: set, events: POLLIN }], 0)[0] === POLLIN;
    sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLIN });
    expect(isReadable()).toBe(false);
    sys.write(peer, 'x');
    expect(isReadable()).toBe(true);
    sys.read(end, 1);
    expect(isReadable()).toBe(false);
  });

  test('wakes the set around it', () => {
    const { machine, set, ends } = bootSet(1);
    const { sys, system } = machine;
    const [end, peer] = ends[0] as readonly [number, number];
    const outer = sys.epoll_create1();
    sys.epoll_ctl(outer, EPOLL_CTL_ADD, set, { events: EPOLLIN | EPOLLET, data: 1 });
    sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLIN, data: 2 });
    sys.thread(function* (own) {
      yield* own.nanosleep(1000);
      yield* own.write(peer, 'x');
    });
    expect(dataOf(sys.epoll_wait(outer, 1))).toEqual([1]);
    expect(system.now()).toBe(1e9 + 1000);
    expect(dataOf(sys.epoll_wait(set, 1))).toEqual([2]);
  });

  test('lists its entries in fdinfo', () => {
    const { machine, set, ends } = bootSet(1);
    const end = ends[0]?.[0] as number;
    machine.sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLIN | EPOLLET, data: 0xabcn });
    const file = machine.system.tasks.get(machine.sys.pid)?.files.at(set);
    expect(file?.path).toBe('anon_inode:[eventpoll]');
    expect(file?.ops.showFdinfo?.(file)).toMatch(
      new RegExp(`^tfd: +${end} events: 80000019 data: +abc {2}pos:0 ino:[0-9a-f]+ sdev:[0-9a-f]+\\n$`),
    );
  });
});

test('calls show in the trace', () => {
  const lines: string[] = [];
  const { sys } = boot(board(), { trace: (line) => lines.push(line.text) });
  const set = sys.epoll_create1(EPOLL_CLOEXEC);
  const [end] = sys.socketpair();
  sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: EPOLLOUT | EPOLLET, data: 5 });
  sys.epoll_wait(set, 4, 0);
  sys.epoll_ctl(set, EPOLL_CTL_DEL, end);
  expect(lines.filter((line) => line.startsWith('epoll_')).slice(1)).toEqual([
    `epoll_ctl(${set}, EPOLL_CTL_ADD, ${end}, {events=EPOLLOUT|EPOLLET, data=5}) = 0`,
    `epoll_wait(${set}, [{events=EPOLLOUT, data=5}], 4, 0) = 1`,
    `epoll_ctl(${set}, EPOLL_CTL_DEL, ${end}, NULL) = 0`,
  ]);
});

/** What an entry of the model asks, and what has happened to it since its last report. */
interface Modelled {
  events: number;
  hasNews: boolean;
}

test('level, edge and one-shot entries report as a simple model says, in any schedule', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'modify', 'delete', 'write', 'read', 'wait'),
    which: fc.nat(3),
    flags: fc.constantFrom(0, EPOLLET, EPOLLONESHOT, (EPOLLET | EPOLLONESHOT) >>> 0),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { machine, set, ends } = bootSet(4);
      const { sys } = machine;
      const entries = new Map<number, Modelled>();
      const unread = [0, 0, 0, 0];
      for (const { what, which, flags } of steps) {
        const [end, peer] = ends[which] as readonly [number, number];
        const entry = entries.get(which);
        if (what === 'add' && entry === undefined) {
          sys.epoll_ctl(set, EPOLL_CTL_ADD, end, { events: (EPOLLIN | flags) >>> 0, data: which });
          entries.set(which, { events: EPOLLIN | flags, hasNews: unread[which] !== 0 });
        } else if (what === 'modify' && entry !== undefined) {
          sys.epoll_ctl(set, EPOLL_CTL_MOD, end, { events: (EPOLLIN | flags) >>> 0, data: which });
          entry.events = EPOLLIN | flags;
          entry.hasNews ||= unread[which] !== 0;
        } else if (what === 'delete' && entry !== undefined) {
          sys.epoll_ctl(set, EPOLL_CTL_DEL, end);
          entries.delete(which);
        } else if (what === 'write') {
          sys.write(peer, 'x');
          unread[which] = (unread[which] as number) + 1;
          if (entry !== undefined && (entry.events & EPOLLIN) !== 0) entry.hasNews = true;
        } else if (what === 'read' && unread[which] !== 0) {
          sys.read(end, 1);
          unread[which] = (unread[which] as number) - 1;
        } else if (what === 'wait') {
          const expected: number[] = [];
          for (const [index, one] of entries) {
            const isReported = one.hasNews && (one.events & EPOLLIN) !== 0 && unread[index] !== 0;
            if (isReported) expected.push(index);
            one.hasNews = isReported && (one.events & (EPOLLET | EPOLLONESHOT)) === 0;
            if (isReported && (one.events & EPOLLONESHOT) !== 0) one.events &= ~(EPOLLIN | EPOLLERR | EPOLLHUP);
          }
          expect(dataOf(sys.epoll_wait(set, 9, 0)).sort()).toEqual(expected.sort());
        }
      }
      for (const fd of [set, ...ends.flat()]) sys.close(fd);
      machine.shutdown();
    }),
  );
});
