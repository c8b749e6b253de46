import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_RW,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
  SA_RESTART,
  SIGUSR1,
} from '../../src/abi/uapi/index.ts';
import {
  DMA_RESV_USAGE_BOOKKEEP as BOOKKEEP,
  type DmaResvUsage,
  DMA_RESV_USAGE_KERNEL as KERNEL,
  DMA_RESV_USAGE_READ as READ,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import { add, allocate, ask, BOTH, bufferAt, describe, expect, shown, test } from './fixture.ts';

const EVERYTHING = 0xffff;

type Row = readonly [what: string, done: readonly DmaResvUsage[], pending: readonly DmaResvUsage[], answers: readonly string[]];

/** The rows of dma-buf.md 14.5, and the usages that its kernel had no device for. */
const rows: readonly Row[] = [
  ['no fence', [], [], ['IN', 'OUT', 'IN, OUT', 'IN, OUT']],
  ['signalled fences only', [WRITE, READ], [], ['IN', 'OUT', 'IN, OUT', 'IN, OUT']],
  ['a reader', [], [READ], ['IN', 'nothing', 'IN', 'IN']],
  ['two readers', [], [READ, READ], ['IN', 'nothing', 'IN', 'IN']],
  ['two readers, one left', [READ], [READ], ['IN', 'nothing', 'IN', 'IN']],
  ['a writer', [], [WRITE], ['nothing', 'nothing', 'nothing', 'nothing']],
  ['a writer and a reader', [], [WRITE, READ], ['nothing', 'nothing', 'nothing', 'nothing']],
  ['the kernel', [], [KERNEL], ['nothing', 'nothing', 'nothing', 'nothing']],
  ['bookkeeping', [], [BOOKKEEP], ['IN', 'OUT', 'IN, OUT', 'IN, OUT']],
];

describe('poll of a buffer', () => {
  test.for(rows)('with %s', ([, done, pending, answers], { machine, sys, driver }) => {
    const shownFor = (events: number) => {
      // A buffer each, because a poll that must wait leaves something behind.
      const fd = allocate(sys);
      const { resv } = bufferAt(machine, fd);
      const fences = pending.map((usage) => [driver.fence(), usage] as const);
      // First all of them pending, so that each has a slot.
      const ended = done.map((usage) => [driver.fence(), usage] as const);
      for (const [fence, usage] of [...ended, ...fences]) add(resv, fence, usage);
      for (const [fence] of ended) fence.signal();
      return shown(ask(sys, fd, events));
    };
    expect([POLLIN, POLLOUT, BOTH, EVERYTHING].map(shownFor)).toEqual(answers);
  });

  test.for([0, POLLPRI, POLLERR, POLLHUP, POLLRDNORM, POLLWRNORM])(
    'for 0x%x alone says nothing, ever',
    (events, { machine, sys, driver }) => {
      const fd = allocate(sys);
      expect(ask(sys, fd, events)).toBe(0);
      add(bufferAt(machine, fd).resv, driver.fence(), WRITE);
      expect(ask(sys, fd, events)).toBe(0);
      expect(bufferAt(machine, fd).file.count).toBe(1);
    },
  );

  test.for([
    ['a writer', WRITE, POLLIN, 'IN', 50],
    ['a writer', WRITE, BOTH, 'IN, OUT', 50],
    ['a reader', READ, POLLOUT, 'OUT', 50],
    ['a reader', READ, BOTH, 'IN', 0],
  ] as [string, DmaResvUsage, number, string, number][])(
    'with %s of usage %d and events %d waits: %s after %d ns',
    ([, usage, events, answer, after_ns], { machine, sys, driver }) => {
      const fd = allocate(sys);
      add(bufferAt(machine, fd).resv, driver.later(50), usage);
      const began = machine.system.now();
      expect(shown(sys.poll([{ fd, events }])[0])).toBe(answer);
      expect(machine.system.now() - began).toBe(after_ns);
    },
  );

  test('for writing waits for all readers, one after the other', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    for (const delay of [30, 10, 20]) add(bufferAt(machine, fd).resv, driver.later(delay), READ);
    expect(shown(sys.poll([{ fd, events: POLLOUT }])[0])).toBe('OUT');
    expect(machine.system.now()).toBe(1_000_000_030);
  });

  test('ends with its time', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.later(5e6), WRITE);
    expect(sys.poll([{ fd, events: POLLIN }], 4)).toEqual([0]);
    expect(machine.system.now()).toBe(1_004_000_000);
    expect(sys.poll([{ fd, events: POLLIN }], 4)).toEqual([POLLIN]);
  });

  test('of several buffers ends with the first that is ready', ({ machine, sys, driver }) => {
    const fds = [30, 10, 20].map((delay) => {
      const fd = allocate(sys);
      add(bufferAt(machine, fd).resv, driver.later(delay), WRITE);
      return fd;
    });
    expect(sys.poll(fds.map((fd) => ({ fd, events: POLLIN })))).toEqual([0, POLLIN, 0]);
  });

  test('ends with a signal, and is not started again by SA_RESTART', async ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.fence(), WRITE);
    let answer = '';
    const pid = sys.fork(function* (child) {
      yield* child.sigaction(SIGUSR1, { handler: () => {}, flags: SA_RESTART });
      try {
        yield* child.poll([{ fd, events: POLLIN }]);
      } catch (error) {
        answer = (error as Error).message;
      }
    });
    machine.system.clock.schedule(5, 'a signal', () => machine.system.tasks.get(pid)?.signals.send(SIGUSR1));
    await machine.run();
    expect(answer).toMatch('EINTR');
  });
});

describe('poll of a sync file', () => {
  test.for([
    ['pending', ['nothing', 'nothing', 'nothing', 'nothing']],
    ['signalled', ['IN', 'nothing', 'IN', 'IN']],
  ] as [string, string[]][])('that is %s', ([state, answers], { machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence();
    add(bufferAt(machine, fd).resv, fence, WRITE);
    const { fd: file } = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW });
    if (state === 'signalled') fence.signal();
    expect([POLLIN, POLLOUT, BOTH, EVERYTHING].map((events) => shown(ask(sys, file, events)))).toEqual(answers);
  });

  test('waits for its fence, which need not be anybody else’s any more', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.later(40), WRITE);
    const { fd: file } = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW });
    sys.close(fd);
    expect(sys.poll([{ fd: file, events: POLLIN }])).toEqual([POLLIN]);
    expect(machine.system.now()).toBe(1_000_000_040);
  });

  test('peeks, and so signals a fence that is done', ({ machine, sys, driver }) => {
    let isDone = false;
    const fd = allocate(sys);
    const fence = driver.fence({ ops: { signaled: () => isDone } });
    add(bufferAt(machine, fd).resv, fence, WRITE);
    const { fd: file } = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW });
    expect(ask(sys, file)).toBe(0);
    isDone = true;
    sys.nanosleep(9);
    expect(ask(sys, file)).toBe(POLLIN);
    expect(fence.timestamp_ns).toBe(1_000_000_009);
  });

  test('leaves nothing on the fence when the file is closed', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence();
    add(bufferAt(machine, fd).resv, fence, WRITE);
    const { fd: file } = sys.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_RW });
    ask(sys, file);
    for (const each of [file, fd]) sys.close(each);
    driver.put(fence);
    expect(machine.system.findings.all).toEqual([]);
  });
});
