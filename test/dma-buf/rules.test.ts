import { DMA_BUF_IOCTL_SYNC, DMA_BUF_SYNC_END, DMA_BUF_SYNC_RW, DMA_BUF_SYNC_START, PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { beginSignalling, type DmaFence, DmaResv, endSignalling } from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { copyFromUser, formatFinding, type Kernel, Mutex, type System } from '../../src/kernel/index.ts';
import { add, allocate, brokenRules, describe, expect, mainTask, run, TestDriver, test } from './fixture.ts';

/** Something done inside a fence signalling section. */
function* signalling(system: System, work: () => Kernel<void> | void): Kernel<void> {
  const cookie = beginSignalling(system);
  try {
    const waiting = work();
    if (waiting !== undefined) yield* waiting;
  } finally {
    endSignalling(system, cookie);
  }
}

function* locked(resv: DmaResv): Kernel<void> {
  yield* resv.lock.lock();
  resv.unlock();
}

describe('inside a fence signalling section', () => {
  const broken = (machine: BootedMachine, work: () => Kernel<void> | void): string[] => {
    run(machine, signalling(machine.system, work));
    return brokenRules(machine);
  };

  test('a reservation lock', ({ machine, resv }) => {
    expect(broken(machine, () => locked(resv))).toEqual(['fence-signalling']);
    const [finding] = machine.system.findings.all;
    expect(finding?.text).toMatch('reservation_ww_class_mutex is wanted under dma_fence_map, inside a fence signalling section');
    expect(finding?.text).toMatch('dma_fence_map was taken under mmu_notifier_invalidate_range_start at boot');
  });

  test('a lock that was once held around one', ({ machine, resv }) => {
    const mutex = new Mutex('jobs', machine.system.lockdep.lockClass('jobs'));
    function* around(): Kernel<void> {
      yield* mutex.lock();
      yield* locked(resv);
      mutex.unlock();
    }
    function* alone(): Kernel<void> {
      yield* mutex.lock();
      mutex.unlock();
    }
    run(machine, around());
    expect(broken(machine, alone)).toEqual(['fence-signalling']);
  });

  test('a lock that never was is allowed', ({ machine }) => {
    const mutex = new Mutex('ring', machine.system.lockdep.lockClass('ring'));
    function* alone(): Kernel<void> {
      yield* mutex.lock();
      mutex.unlock();
    }
    expect(broken(machine, alone)).toEqual([]);
  });

  test.for([
    ['GFP_KERNEL', ['fence-signalling']],
    ['GFP_NOFS', ['fence-signalling']],
    ['GFP_NOIO', ['fence-signalling']],
    ['GFP_ATOMIC', []],
  ] as const)('an allocation with %s', ([gfp, rules], { machine }) => {
    expect(broken(machine, () => machine.system.kmalloc('a job', gfp))).toEqual(rules);
  });

  test('user memory', ({ machine, sys }) => {
    const memory = sys.allocate(8);
    function* copy(): Kernel<void> {
      yield* copyFromUser(mainTask(machine).memory, memory.address, 8);
    }
    expect(broken(machine, copy)).toEqual(['fence-signalling']);
  });

  test('waking, and the signal itself, are what it is for', ({ machine, driver }) => {
    const fence = driver.fence();
    fence.addCallback(() => {});
    expect(broken(machine, () => void fence.signal())).toEqual([]);
  });

  test('waiting for another fence is not flagged', ({ machine, driver }) => {
    function* other(): Kernel<void> {
      yield* driver.later(5).wait();
    }
    expect(broken(machine, other)).toEqual([]);
  });

  test('sections nest, and only the outer one ends it', ({ machine, resv }) => {
    const { system } = machine;
    function* nested(): Kernel<void> {
      const outer = beginSignalling(system);
      endSignalling(system, beginSignalling(system));
      yield* locked(resv);
      endSignalling(system, outer);
      yield* locked(resv);
    }
    run(machine, nested());
    expect(brokenRules(machine)).toEqual(['fence-signalling']);
  });

  test('one left open is noticed at the end', ({ machine }) => {
    beginSignalling(machine.system);
    expect(() => machine.shutdown()).toThrow('a fence signalling section is still held at shutdown');
    brokenRules(machine);
  });
});

describe('fences', () => {
  test('may be waited for under a reservation lock, but not under what a section takes', ({ machine, driver, resv }) => {
    const ring = new Mutex('ring', machine.system.lockdep.lockClass('ring'));
    function* ringUsed(): Kernel<void> {
      yield* ring.lock();
      ring.unlock();
    }
    function* waitUnder(lock: { lock(): Kernel<void>; unlock(): void }, fence: DmaFence): Kernel<void> {
      yield* lock.lock();
      yield* fence.wait();
      lock.unlock();
    }
    run(machine, signalling(machine.system, ringUsed));
    run(machine, waitUnder({ lock: () => resv.lock.lock(), unlock: () => resv.unlock() }, driver.later(5)));
    expect(machine.system.findings.all).toEqual([]);
    run(machine, waitUnder(ring, driver.later(5)));
    expect(brokenRules(machine)).toEqual(['fence-signalling']);
  });

  test('a callback that is a generator does nothing', ({ machine, driver }) => {
    const fence = driver.fence();
    fence.addCallback(function* () {} as () => void);
    fence.signal();
    expect(brokenRules(machine)).toEqual(['sleep-in-atomic']);
  });

  test('a callback that allocates as if it could wait', ({ machine, driver }) => {
    const fence = driver.fence();
    fence.addCallback(() => machine.system.kmalloc('a job'));
    fence.signal();
    expect(brokenRules(machine)).toEqual(['sleep-in-atomic']);
  });

  test('one that never signals is told of, next to being a leak', () => {
    const machine = boot();
    new TestDriver(machine.system).fence();
    expect(() => machine.shutdown()).toThrow(/1 thing was left.*fence-never-signalled: fence test-line1-1/s);
  });

  test('a second signal tells what happened before', ({ machine, driver }) => {
    const resv = new DmaResv(machine.system, 'a queue');
    const fence = driver.fence();
    add(resv, fence, 1);
    fence.signal();
    fence.signal();
    const [finding] = machine.system.findings.all;
    const lines = formatFinding(finding as NonNullable<typeof finding>).split('\n');
    expect(lines.map((line) => line.replace(/t=\S+ s /, '').replace(/context \d+|line\d+/g, 'N'))).toEqual([
      expect.stringMatching('fence-signalled-twice'),
      '  what happened to fence test-N-1:',
      '    was made by the kernel',
      expect.stringMatching(/ {4}added to .*a queue by the kernel/),
      '    signalled by the kernel',
    ]);
    expect(brokenRules(machine)).toEqual(['fence-signalled-twice']);
    resv.finish();
  });

  test('of a long history only the end is kept', ({ machine }) => {
    const thing = { describe: () => 'a thing' };
    for (let i = 0; i < 20; i++) machine.system.history?.note(thing, `step ${i}`);
    const lines = machine.system.history?.of(thing) ?? [];
    expect(lines[0]).toBe('12 earlier');
    expect(lines.slice(1).map((line) => /step \d+/.exec(line)?.[0])).toEqual(Array.from({ length: 8 }, (_, i) => `step ${i + 12}`));
  });

  test('a machine that keeps none has none', () => {
    const machine = boot();
    expect(machine.system.history).toBeUndefined();
    machine.system.findings.report('a-rule', 'broken', machine.system);
    expect(machine.system.findings.all[0]?.history).toEqual([]);
  });
});

describe('CPU accesses that do not match', () => {
  const work = (checksCpuAccess: boolean, ...flags: readonly number[]): string[] => {
    const machine = boot(undefined, { checksCpuAccess });
    const { sys } = machine;
    const fd = allocate(sys);
    for (const flag of flags) sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: flag | DMA_BUF_SYNC_RW });
    sys.close(fd);
    return brokenRules(machine);
  };

  test.each([
    ['begun and ended', [DMA_BUF_SYNC_START, DMA_BUF_SYNC_END], []],
    ['begun only', [DMA_BUF_SYNC_START], ['cpu-access-unbalanced']],
    ['ended only', [DMA_BUF_SYNC_END], ['cpu-access-unbalanced']],
    ['ended twice', [DMA_BUF_SYNC_START, DMA_BUF_SYNC_END, DMA_BUF_SYNC_END], ['cpu-access-unbalanced']],
  ])('%s', (_name, flags, rules) => {
    expect(work(true, ...flags)).toEqual(rules);
    expect(work(false, ...flags)).toEqual([]);
  });
});

describe('a defect that is wanted', () => {
  const DEFECT = {
    name: 'signals-twice',
    description: 'signals each fence once more when its line is reset',
    breaks: ['fence-signalled-twice'],
  };

  const reset = (machine: BootedMachine) => {
    const driver = new TestDriver(machine.system);
    driver.signaled();
    if (machine.system.findings.recreates(DEFECT)) driver.signaled().signal();
    driver.finish();
  };

  test('brings the findings that it names, and they are expected', () => {
    const machine = boot(undefined, { defects: [DEFECT] });
    reset(machine);
    expect(machine.system.findings.all.map(({ rule }) => rule)).toEqual(['fence-signalled-twice']);
    machine.shutdown();
  });

  test('is not there otherwise', () => {
    const machine = boot();
    reset(machine);
    machine.shutdown();
    expect(machine.system.findings.all).toEqual([]);
  });
});

test('a heap allocation obeys all of these', ({ machine, sys }) => {
  const fd = allocate(sys, 3);
  const mapping = sys.mmap(fd, { length: 3 * PAGE_SIZE });
  sys.munmap(mapping);
  expect(machine.system.findings.all).toEqual([]);
});
