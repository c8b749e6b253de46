import { Errno } from '../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_WRITE,
  F_SETFL,
  O_NONBLOCK,
  SA_RESTART,
  SIGKILL,
  SIGUSR1,
} from '../../src/abi/uapi/index.ts';
import {
  DMA_RESV_USAGE_BOOKKEEP as BOOKKEEP,
  type DmaResvUsage,
  DMA_RESV_USAGE_KERNEL as KERNEL,
  DMA_RESV_USAGE_READ as READ,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import type { DmaDirection } from '../../src/memory/index.ts';
import { add, allocate, bufferAt, describe, expect, exportBuffer, test } from './fixture.ts';

const ACCESSES = [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW];

describe('SYNC', () => {
  test.for([
    ['the kernel', KERNEL, ['waits', 'waits', 'waits']],
    ['a writer', WRITE, ['waits', 'waits', 'waits']],
    ['a reader', READ, ['at once', 'waits', 'waits']],
    ['bookkeeping', BOOKKEEP, ['at once', 'at once', 'at once']],
  ] as [string, DmaResvUsage, string[]][])(
    'while %s is pending: START for READ, WRITE, RW, and no END waits',
    ([, usage, starts], { machine, sys, driver }) => {
      const answers = (end: number) =>
        ACCESSES.map((access) => {
          const fd = allocate(sys);
          const began = machine.system.now();
          add(bufferAt(machine, fd).resv, driver.later(30), usage);
          expect(sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: access | end })).toBe(0);
          return machine.system.now() - began === 30 ? 'waits' : 'at once';
        });
      expect(answers(0)).toEqual(starts);
      expect(answers(DMA_BUF_SYNC_END)).toEqual(['at once', 'at once', 'at once']);
    },
  );

  test('waits for all of them', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    for (const delay of [20, 40, 30]) add(bufferAt(machine, fd).resv, driver.later(delay), WRITE);
    sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
    expect(machine.system.now()).toBe(1_000_000_040);
  });

  test('does not mind a fence that failed', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence();
    fence.setError(-5);
    machine.system.clock.schedule(3, 'the failure', () => fence.signal());
    add(bufferAt(machine, fd).resv, fence, WRITE);
    expect(sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ })).toBe(0);
  });

  test('sleeps on a descriptor with O_NONBLOCK too', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    sys.fcntl(fd, F_SETFL, O_NONBLOCK);
    add(bufferAt(machine, fd).resv, driver.later(30), WRITE);
    sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
    expect(machine.system.now()).toBe(1_000_000_030);
  });

  test.for([0, DMA_BUF_SYNC_END, 8, 8 | DMA_BUF_SYNC_RW, 2 ** 32 + DMA_BUF_SYNC_READ, 2 ** 63 + DMA_BUF_SYNC_READ])(
    'with flags %d is EINVAL',
    (flags, { sys }) => {
      const fd = allocate(sys);
      expect(() => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags })).toThrow('EINVAL');
    },
  );

  test('need not be paired', ({ sys }) => {
    const fd = allocate(sys);
    const flags = [DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ, DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW];
    expect(flags.map((each) => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: each }))).toEqual([0, 0, 0, 0]);
  });
});

describe('a signal during START', () => {
  /** Forks a program that starts, and sends it a signal at 5 and the fence at 20. @returns what it has written down */
  const interrupt = async (machine: Parameters<typeof bufferAt>[0], fd: number, signal: number, flags: number) => {
    const lines: string[] = [];
    const { system } = machine;
    const began = system.now();
    const pid = machine.sys.fork(function* (child) {
      if (signal !== SIGKILL) yield* child.sigaction(signal, { handler: () => lines.push(`handler at ${system.now() - began}`), flags });
      try {
        yield* child.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
        lines.push(`done at ${system.now() - began}`);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        lines.push(`${error.code} at ${system.now() - began}`);
      }
    });
    system.clock.schedule(5, 'a signal', () => system.tasks.get(pid)?.signals.send(signal));
    await machine.run();
    return lines;
  };

  test.for([
    ['gives EINTR', SIGUSR1, 0, ['handler at 5', 'EINTR at 5']],
    ['starts it again with SA_RESTART', SIGUSR1, SA_RESTART, ['handler at 5', 'done at 20']],
    ['ends the program when it is deadly', SIGKILL, 0, []],
  ] as [string, number, number, string[]][])('%s', async ([, signal, flags, lines], { machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.later(20), WRITE);
    expect(await interrupt(machine, fd, signal, flags)).toEqual(lines);
  });
});

describe('the exporter', () => {
  test('is told the direction, and before the fences are waited for', ({ machine, sys, driver }) => {
    const told: string[] = [];
    const tell = (call: string) => (_: unknown, direction: DmaDirection) =>
      void told.push(`${call} ${direction} at ${machine.system.now() - 1e9}`);
    const { dmabuf, fd } = exportBuffer(machine, { beginCpuAccess: tell('begin'), endCpuAccess: tell('end') });
    add(dmabuf.resv, driver.later(30), WRITE);
    for (const access of ACCESSES) {
      sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: access });
      sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: access | DMA_BUF_SYNC_END });
    }
    expect(told).toEqual([
      'begin from-device at 0',
      'end from-device at 30',
      'begin to-device at 30',
      'end to-device at 30',
      'begin bidirectional at 30',
      'end bidirectional at 30',
    ]);
  });

  test('may take its time', ({ machine, sys, driver }) => {
    const { dmabuf, fd } = exportBuffer(machine, { beginCpuAccess: () => sleep(7), endCpuAccess: () => sleep(5) });
    sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
    sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ });
    expect(machine.system.now()).toBe(1_000_000_012);
    add(dmabuf.resv, driver.later(30), WRITE);
    sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
    expect(machine.system.now()).toBe(1_000_000_042);
  });

  test('may refuse, and then no fence is waited for', ({ machine, sys, driver }) => {
    const refuse = () => {
      throw new Errno('EIO', 'no');
    };
    const { dmabuf, fd } = exportBuffer(machine, { beginCpuAccess: refuse, endCpuAccess: refuse });
    add(dmabuf.resv, driver.fence(), WRITE);
    for (const end of [0, DMA_BUF_SYNC_END])
      expect(() => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ | end })).toThrow('EIO');
  });
});
