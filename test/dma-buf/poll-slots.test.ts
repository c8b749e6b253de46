import { POLLIN, POLLOUT } from '../../src/abi/uapi/index.ts';
import { DMA_RESV_USAGE_READ as READ, DMA_RESV_USAGE_WRITE as WRITE } from '../../src/dma-buf/index.ts';
import { add, allocate, ask, BOTH, bufferAt, describe, expect, shown, test } from './fixture.ts';

describe('what a poll that must wait leaves behind', () => {
  const count = (machine: Parameters<typeof bufferAt>[0], fd: number) => bufferAt(machine, fd).file.count;

  test('is a reference to the file for each event, until the fence signals', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence();
    add(bufferAt(machine, fd).resv, fence, WRITE);
    const counts = [count(machine, fd)];
    for (const events of [POLLIN, POLLIN, POLLOUT, BOTH]) {
      ask(sys, fd, events);
      counts.push(count(machine, fd));
    }
    fence.signal();
    counts.push(count(machine, fd));
    expect(counts).toEqual([1, 2, 2, 3, 3, 1]);
  });

  test('is one reference when only writing must wait', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.fence(), READ);
    ask(sys, fd);
    expect(count(machine, fd)).toBe(2);
  });

  test('arms the fence that is looked at first, and it alone', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const armed: string[] = [];
    const fences = ['first', 'second'].map((name) => driver.fence({ ops: { enableSignaling: () => armed.push(name) > 0 } }));
    for (const fence of fences) add(bufferAt(machine, fd).resv, fence, READ);
    ask(sys, fd, POLLOUT);
    expect(armed).toEqual(['first']);
    fences[0]?.signal();
    ask(sys, fd, POLLOUT);
    expect(armed).toEqual(['first', 'second']);
  });

  test('is a callback, because poll does not peek', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence({ ops: { signaled: () => true } });
    add(bufferAt(machine, fd).resv, fence, WRITE);
    expect(shown(ask(sys, fd, POLLIN))).toBe('nothing');
    fence.signal();
    expect(shown(ask(sys, fd, POLLIN))).toBe('IN');
  });

  test('goes on with the next fence when arming one finds it done', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const { resv } = bufferAt(machine, fd);
    add(resv, driver.fence({ ops: { enableSignaling: () => false } }), READ);
    expect(shown(ask(sys, fd, POLLOUT))).toBe('OUT');
    const last = driver.fence();
    add(resv, last, READ);
    expect(shown(ask(sys, fd, POLLOUT))).toBe('nothing');
    last.signal();
    expect(shown(ask(sys, fd, POLLOUT))).toBe('OUT');
  });

  test('keeps the buffer when every descriptor is closed, until the fence signals', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const fence = driver.fence();
    add(bufferAt(machine, fd).resv, fence, WRITE);
    ask(sys, fd);
    sys.close(fd);
    expect(machine.system.ledger.count('buffer')).toBe(1);
    fence.signal();
    expect(machine.system.ledger.count('buffer')).toBe(0);
    expect(machine.ram.freeBytes).toBe(machine.ram.size);
  });

  test('does not keep a buffer that nobody polled', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.fence(), WRITE);
    sys.close(fd);
    expect(machine.system.ledger.count('buffer')).toBe(0);
  });

  test('keeps its fence, also when a later one takes the slot', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const context = 9;
    const [first, second] = [driver.fence({ context, seqno: 1 }), driver.fence({ context, seqno: 2 })];
    add(bufferAt(machine, fd).resv, first, WRITE);
    ask(sys, fd, POLLIN);
    driver.put(first);
    add(bufferAt(machine, fd).resv, second, WRITE);
    expect(first.isSignaled).toBe(false);
    first.signal();
    expect(count(machine, fd)).toBe(1);
    expect(shown(ask(sys, fd, POLLIN))).toBe('nothing');
  });

  test('hides new fences until the one that it waits for has signalled', ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const first = driver.fence();
    add(bufferAt(machine, fd).resv, first, WRITE);
    ask(sys, fd, POLLIN);
    const armed: boolean[] = [];
    add(bufferAt(machine, fd).resv, driver.fence({ ops: { enableSignaling: () => armed.push(true) > 0 } }), WRITE);
    ask(sys, fd, POLLIN);
    expect(armed).toEqual([]);
    first.signal();
    ask(sys, fd, POLLIN);
    expect(armed).toEqual([true]);
  });
});

describe('wakes', () => {
  test('are for those who wait for that event', async ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    const { resv } = bufferAt(machine, fd);
    add(resv, driver.later(10), WRITE);
    add(resv, driver.later(20), READ);
    const ends: string[] = [];
    for (const [name, events] of [
      ['reader', POLLIN],
      ['writer', POLLOUT],
      ['either', BOTH],
    ] as const) {
      sys.fork(function* (child) {
        const [answer] = yield* child.poll([{ fd, events }]);
        ends.push(`${name}: ${shown(answer)} at ${machine.system.now() - 1e9}`);
      });
    }
    await machine.run();
    expect(ends.sort()).toEqual(['either: IN at 10', 'reader: IN at 10', 'writer: OUT at 20']);
  });

  test('reach everybody, though only the first armed the fence', async ({ machine, sys, driver }) => {
    const fd = allocate(sys);
    add(bufferAt(machine, fd).resv, driver.later(10), WRITE);
    let ends = 0;
    for (let i = 0; i < 5; i++) {
      sys.fork(function* (child) {
        const [answer] = yield* child.poll([{ fd, events: POLLIN }]);
        if (answer === POLLIN) ends++;
      });
    }
    await machine.run();
    expect(ends).toBe(5);
  });
});
