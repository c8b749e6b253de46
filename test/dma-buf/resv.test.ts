import {
  DMA_RESV_USAGE_BOOKKEEP as BOOKKEEP,
  type DmaFence,
  DmaFenceArray,
  DmaResv,
  type DmaResvUsage,
  DMA_RESV_USAGE_KERNEL as KERNEL,
  DMA_RESV_USAGE_READ as READ,
  usageToWaitFor,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import { add, brokenRules, describe, expect, test } from './fixture.ts';

const USAGES: readonly DmaResvUsage[] = [KERNEL, WRITE, READ, BOOKKEEP];
/** Every pending fence of any usage, in the order of the slots. */
const found = (resv: DmaResv, usage: DmaResvUsage = BOOKKEEP) => [...resv.pending(usage)];

describe('a query', () => {
  test('finds fences of its usage and those of stronger ones', ({ driver, resv }) => {
    const fences = USAGES.map((usage) => {
      const fence = driver.fence();
      add(resv, fence, usage);
      return fence;
    });
    for (const usage of USAGES) expect(found(resv, usage)).toEqual(fences.slice(0, usage + 1));
  });

  test.for([
    [KERNEL, [0, 0, 0, 0]],
    [WRITE, [1, 0, 0, 0]],
    [READ, [1, 1, 0, 0]],
    [BOOKKEEP, [1, 1, 1, 0]],
  ] as [DmaResvUsage, number[]][])('of usages 0 to 3 sees a fence of usage %d done: %j', ([usage, answers], { driver, resv }) => {
    const fence = driver.fence();
    add(resv, fence, usage);
    expect(USAGES.map((query) => Number(resv.testSignaled(query)))).toEqual(answers);
    fence.signal();
    expect(USAGES.every((query) => resv.testSignaled(query))).toBe(true);
  });

  test('passes over signalled fences, and those that a peek finds signalled', ({ driver, resv }) => {
    let isDone = false;
    const fences = [driver.fence(), driver.fence({ ops: { signaled: () => isDone } }), driver.fence()];
    for (const fence of fences) add(resv, fence, READ);
    fences[0]?.signal();
    isDone = true;
    expect(found(resv)).toEqual([fences[2]]);
  });

  test('of somebody about to write is for readers and writers, of a reader for writers', () => {
    expect([usageToWaitFor(true), usageToWaitFor(false)]).toEqual([READ, WRITE]);
  });
});

describe('adding a fence', () => {
  /** Rows are the old usage, columns the new one. */
  test.for([
    [KERNEL, ['one', 'two', 'two', 'two']],
    [WRITE, ['one', 'one', 'two', 'two']],
    [READ, ['one', 'one', 'one', 'two']],
    [BOOKKEEP, ['one', 'one', 'one', 'one']],
  ] as [DmaResvUsage, ('one' | 'two')[]][])(
    'later of the same context, to one of usage %d leaves %j',
    ([old, slots], { machine, driver }) => {
      const left = USAGES.map((usage) => {
        const resv = new DmaResv(machine.system, 'a row');
        const context = 50;
        const [earlier, later] = [driver.fence({ context, seqno: 1 }), driver.fence({ context, seqno: 2 })];
        add(resv, earlier, old);
        add(resv, later, usage);
        const fences = found(resv);
        resv.finish();
        expect(fences.at(-1)).toBe(later);
        return fences.length === 1 ? 'one' : 'two';
      });
      expect(left).toEqual(slots);
    },
  );

  test('that is there already promotes it, and never demotes it', ({ driver, resv }) => {
    const fence = driver.fence();
    add(resv, fence, BOOKKEEP);
    add(resv, fence, WRITE);
    expect([found(resv), found(resv, WRITE)]).toEqual([[fence], [fence]]);
    add(resv, fence, READ);
    expect([found(resv), found(resv, WRITE)]).toEqual([[fence, fence], [fence]]);
  });

  test('that is earlier than one of its context takes another slot', ({ driver, resv }) => {
    const [earlier, later] = [1, 2].map((seqno) => driver.fence({ context: 9, seqno })) as [DmaFence, DmaFence];
    add(resv, later, READ);
    add(resv, earlier, READ);
    expect(found(resv)).toEqual([later, earlier]);
  });

  test('of another context takes another slot', ({ driver, resv }) => {
    const fences = [driver.fence({ seqno: 1 }), driver.fence({ seqno: 2 })];
    for (const fence of fences) add(resv, fence, WRITE);
    expect(found(resv)).toEqual(fences);
  });

  test('takes the first slot whose fence has signalled, whatever its usage', ({ driver, resv }) => {
    const fences = Array.from({ length: 4 }, () => driver.fence());
    for (const fence of fences) add(resv, fence, KERNEL);
    fences[1]?.signal();
    fences[2]?.signal();
    const late = driver.fence();
    add(resv, late, BOOKKEEP);
    expect(found(resv)).toEqual([fences[0], late, fences[3]]);
  });

  test('replaces one slot only, so an older fence may stay behind a signalled one', ({ driver, resv }) => {
    const [other, older, newer] = [driver.fence(), driver.fence({ context: 9, seqno: 1 }), driver.fence({ context: 9, seqno: 2 })];
    for (const fence of [other, older]) add(resv, fence, READ);
    other.signal();
    add(resv, newer, READ);
    expect(found(resv)).toEqual([newer, older]);
  });

  test('shows in the text of debugfs, which leaves bookkeeping out', ({ driver, resv }) => {
    const fences = USAGES.map((_, index) => driver.fence({ seqno: index + 1 }));
    for (const [usage, fence] of fences.entries()) add(resv, fence, usage as DmaResvUsage);
    fences[1]?.signal();
    resv.lock.tryLock();
    const lines = resv.describe();
    resv.unlock();
    expect(lines).toEqual([
      'kernel fence:test line seq 1 unsignalled',
      'write fence:test line seq 2 signalled',
      'read fence:test line seq 3 unsignalled',
    ]);
  });

  test('to a full list makes a longer one without the signalled fences', ({ machine, driver }) => {
    // The allocator rounds lists up: they have room for 5 fences, then 13, then 29.
    for (let count = 1; count <= 40; count++) {
      const resv = new DmaResv(machine.system, `${count} fences`);
      const fences = Array.from({ length: count }, () => driver.fence());
      for (const fence of fences) add(resv, fence, READ);
      const [first, ...rest] = fences;
      first?.signal();
      const late = driver.fence();
      add(resv, late, READ);
      const isRenewed = [5, 13, 29].includes(count);
      expect(found(resv), `after ${count}`).toEqual(isRenewed ? [...rest, late] : [late, ...rest]);
      resv.finish();
    }
  });

  test('makes room for all that are reserved at once', ({ driver, resv }) => {
    const fences = Array.from({ length: 9 }, () => driver.fence());
    resv.lock.tryLock();
    resv.reserveFences(fences.length);
    for (const fence of fences) resv.addFence(fence, READ);
    resv.unlock();
    expect(found(resv)).toEqual(fences);
  });
});

describe('one fence for all', () => {
  test.for([0, 1, 3])('of %d pending fences', (count, { driver, resv }) => {
    const fences = Array.from({ length: count }, () => driver.fence());
    for (const fence of [...fences, driver.signaled()]) add(resv, fence, READ);
    const single = resv.getSingleton(READ);
    if (count === 0) expect(single).toBeUndefined();
    else if (count === 1) expect(single).toBe(fences[0]);
    else expect((single as DmaFenceArray).fences).toEqual(fences);
    single?.put();
  });

  test('is for the usage that was asked', ({ driver, resv }) => {
    const [writer, reader] = [driver.fence(), driver.fence()];
    add(resv, writer, WRITE);
    add(resv, reader, READ);
    const single = resv.getSingleton(WRITE);
    expect(single).toBe(writer);
    single?.put();
  });
});

describe('a walk', () => {
  /** One fence each of the usages, in this order. */
  const fill = (driver: { fence(): DmaFence }, resv: DmaResv) =>
    USAGES.map((usage) => {
      const fence = driver.fence();
      add(resv, fence, usage);
      return fence;
    });

  test('under the lock comes to signalled fences, too, each with its usage', ({ driver, resv }) => {
    const fences = fill(driver, resv);
    fences[1]?.signal();
    resv.lock.tryLock();
    expect([...resv.entries(READ)].map(({ fence, usage }) => [fences.indexOf(fence), usage])).toEqual([
      [0, KERNEL],
      [1, WRITE],
      [2, READ],
    ]);
    resv.unlock();
  });

  test('without the lock says the usage, and that it begins', ({ driver, resv }) => {
    const fences = fill(driver, resv);
    const walk = resv.pending(BOOKKEEP);
    const seen: unknown[] = [];
    for (const fence of walk) seen.push([fences.indexOf(fence), walk.usage, walk.isRestarted]);
    expect(seen).toEqual([
      [0, KERNEL, true],
      [1, WRITE, false],
      [2, READ, false],
      [3, BOOKKEEP, false],
    ]);
  });

  test('without the lock begins again when another list takes the place of its own', ({ driver, resv }) => {
    const fences = fill(driver, resv);
    const late = driver.fence();
    const walk = resv.pending(BOOKKEEP);
    const seen: unknown[] = [];
    for (const fence of walk) {
      seen.push([fences.indexOf(fence), walk.isRestarted]);
      if (seen.length !== 2) continue;
      resv.lock.tryLock();
      resv.reserveFences(9);
      resv.addFence(late, KERNEL);
      resv.unlock();
    }
    expect(seen).toEqual([
      [0, true],
      [1, false],
      [0, true],
      [1, false],
      [2, false],
      [3, false],
      [-1, false],
    ]);
  });

  test('without the lock holds the fence that it is at, also when it ends early', ({ driver, resv }) => {
    let releases = 0;
    const make = (seqno: number) => driver.fence({ context: 9, seqno, ops: { release: () => releases++ } });
    const [first, second] = [make(1), make(2)];
    add(resv, first, READ);
    for (const fence of resv.pending(READ)) {
      add(resv, second, READ);
      driver.put(first);
      expect([fence, releases]).toEqual([first, 0]);
      break;
    }
    expect(releases).toBe(1);
  });
});

describe('fences of another list', () => {
  test('are copied while they are pending, and take the place of all', ({ machine, driver, resv }) => {
    const other = new DmaResv(machine.system, 'another');
    const [writer, reader, done] = [driver.fence(), driver.fence(), driver.fence()];
    for (const [fence, usage] of [
      [writer, WRITE],
      [done, READ],
      [reader, BOOKKEEP],
    ] as const)
      add(other, fence, usage);
    done.signal();
    add(resv, driver.fence(), KERNEL);
    resv.lock.tryLock();
    resv.copyFences(other);
    resv.unlock();
    expect(resv.list).toEqual([
      { fence: writer, usage: WRITE },
      { fence: reader, usage: BOOKKEEP },
    ]);
    other.finish();
  });

  test('that are all done leave nothing', ({ machine, driver, resv }) => {
    const other = new DmaResv(machine.system, 'another');
    add(other, driver.signaled(), WRITE);
    add(resv, driver.fence(), KERNEL);
    resv.lock.tryLock();
    resv.copyFences(other);
    resv.unlock();
    expect(resv.list).toEqual([]);
    other.finish();
  });
});

describe('replacing the fences of a context', () => {
  test('takes all of them, whatever their usage, and no others', ({ driver, resv }) => {
    const [older, newer, other] = [
      driver.fence({ context: 9, seqno: 1 }),
      driver.fence({ context: 9, seqno: 2 }),
      driver.fence({ context: 10 }),
    ];
    add(resv, older, KERNEL);
    add(resv, other, WRITE);
    add(resv, newer, READ);
    const preempted = driver.fence();
    resv.lock.tryLock();
    resv.replaceFences(9, preempted, BOOKKEEP);
    resv.unlock();
    expect(resv.list).toEqual([
      { fence: preempted, usage: BOOKKEEP },
      { fence: other, usage: WRITE },
      { fence: preempted, usage: BOOKKEEP },
    ]);
  });
});

describe('a deadline', () => {
  test('reaches the pending fences of a usage', ({ driver, resv }) => {
    const deadlines: unknown[] = [];
    const make = (name: string) => driver.fence({ ops: { setDeadline: (_, at_ns) => deadlines.push([name, at_ns]) } });
    const [writer, reader, done] = [make('writer'), make('reader'), make('done')];
    add(resv, done, KERNEL);
    add(resv, writer, WRITE);
    add(resv, reader, READ);
    done.signal();
    resv.setDeadline(WRITE, 7);
    expect(deadlines).toEqual([['writer', 7]]);
    resv.setDeadline(READ, 5);
    expect(deadlines.slice(1)).toEqual([
      ['writer', 5],
      ['reader', 5],
    ]);
  });
});

describe('references to the pending fences', () => {
  test('belong to who asked for them', ({ driver, resv }) => {
    const fences = [driver.fence(), driver.fence(), driver.fence()];
    for (const fence of fences) add(resv, fence, READ);
    fences[1]?.signal();
    const got = resv.getFences(READ);
    expect(got).toEqual([fences[0], fences[2]]);
    expect(got.map(({ count }) => count)).toEqual([3, 3]);
    for (const fence of got) fence.put();
  });
});

describe('misuse', () => {
  test('adding or reserving without the lock is a finding', ({ machine, driver, resv }) => {
    resv.reserveFences(1);
    resv.addFence(driver.fence(), READ);
    expect(brokenRules(machine)).toEqual(['resv-not-locked', 'resv-not-locked']);
  });

  test('adding more than was reserved is a finding, unless a slot is taken over', ({ machine, driver, resv }) => {
    resv.lock.tryLock();
    resv.reserveFences(1);
    resv.addFence(driver.fence({ context: 9, seqno: 1 }), READ);
    resv.addFence(driver.fence({ context: 9, seqno: 2 }), READ);
    expect(brokenRules(machine)).toEqual([]);
    resv.addFence(driver.fence(), READ);
    resv.unlock();
    expect(brokenRules(machine)).toEqual(['resv-slot-not-reserved']);
  });

  test('a reservation ends with the lock', ({ machine, driver, resv }) => {
    resv.lock.tryLock();
    resv.reserveFences(3);
    resv.unlock();
    resv.lock.tryLock();
    resv.addFence(driver.fence(), READ);
    resv.unlock();
    expect(brokenRules(machine)).toEqual(['resv-slot-not-reserved']);
  });

  test('reserving nothing is a finding and EINVAL', ({ machine, resv }) => {
    resv.lock.tryLock();
    expect(() => resv.reserveFences(0)).toThrow('EINVAL');
    resv.unlock();
    expect(brokenRules(machine)).toEqual(['resv-nothing-reserved']);
  });

  test('an array is not added whole', ({ machine, driver, resv }) => {
    const array = new DmaFenceArray(
      machine.system,
      [driver.fence(), driver.fence()].map((fence) => fence.get()),
    );
    add(resv, array, READ);
    array.put();
    expect(brokenRules(machine)).toEqual(['resv-container-fence']);
  });

  test('giving back a lock that nobody holds stops at once', ({ resv }) => {
    expect(() => resv.unlock()).toThrow('nobody holds');
  });
});

describe('references', () => {
  test('end when a fence is replaced, and with the list', ({ machine, driver }) => {
    const resv = new DmaResv(machine.system, 'a short life');
    const released: number[] = [];
    const make = (seqno: number) => driver.fence({ context: 9, seqno, ops: { release: (fence) => released.push(fence.seqno) } });
    const fences = [1, 2, 3].map(make);
    for (const fence of fences) {
      add(resv, fence, READ);
      driver.put(fence);
    }
    expect(released).toEqual([1, 2]);
    resv.finish();
    expect(released).toEqual([1, 2, 3]);
  });
});
