import { errno } from '../../src/abi/index.ts';
import { allocateFenceContexts, allocatePrivateStub, getStubFence, isLater, isLaterOrSame, laterFence } from '../../src/dma-buf/index.ts';
import { boot } from '../../src/index.ts';
import { brokenRules, describe, expect, test } from './fixture.ts';

describe('a fence', () => {
  test('is pending, then signalled, and stays so', ({ driver }) => {
    const fence = driver.fence();
    expect([fence.isSignaled, fence.status]).toEqual([false, 0]);
    fence.signal();
    expect([fence.isSignaled, fence.status]).toEqual([true, 1]);
  });

  test('keeps the virtual time of its signal, or the time that it was given', ({ machine, sys, driver }) => {
    const [now, then] = [driver.fence(), driver.fence()];
    sys.nanosleep(70);
    now.signal();
    then.signal(1_000_000_005);
    sys.nanosleep(7);
    expect(machine.system.now()).toBe(1_000_000_077);
    expect([now.timestamp_ns, then.timestamp_ns]).toEqual([1_000_000_070, 1_000_000_005]);
  });

  test('keeps its names when it has signalled', ({ driver }) => {
    const fence = driver.fence({ context: 7, seqno: 3 });
    expect([fence.name, fence.describeState()]).toEqual(['test-line7-3', 'test line seq 3 unsignalled']);
    fence.signal();
    expect([fence.name, fence.describeState()]).toEqual(['test-line7-3', 'test line seq 3 signalled']);
  });

  test('says whether a signal was the first', ({ machine, driver }) => {
    const fence = driver.fence();
    expect([fence.signaledFlag, fence.signal(), fence.signal(), fence.signaledFlag]).toEqual([false, true, false, true]);
    expect(brokenRules(machine)).toEqual(['fence-signalled-twice']);
  });

  test('may be signalled by who cannot know whether it has been', ({ driver }) => {
    const [pending, done] = [driver.fence(), driver.signaled()];
    expect([pending.checkAndSignal(), done.checkAndSignal(), pending.status]).toEqual([false, true, 1]);
  });

  test('has no time before its signal: asking is a finding and gives now', ({ machine, sys, driver }) => {
    const fence = driver.fence();
    sys.nanosleep(5);
    expect(fence.timestamp_ns).toBe(1_000_000_005);
    expect(brokenRules(machine)).toEqual(['fence-without-timestamp']);
  });

  test('that was signalled again is a finding and keeps its time', ({ machine, sys, driver }) => {
    const fence = driver.signaled();
    sys.nanosleep(5);
    fence.signal();
    expect(fence.timestamp_ns).toBe(1_000_000_000);
    expect(brokenRules(machine)).toEqual(['fence-signalled-twice']);
  });

  test('passes on deadlines only while it is pending', ({ driver }) => {
    const deadlines: number[] = [];
    const fence = driver.fence({ ops: { setDeadline: (_, at_ns) => deadlines.push(at_ns) } });
    fence.setDeadline(9);
    fence.setDeadline(5);
    fence.signal();
    fence.setDeadline(1);
    expect(deadlines).toEqual([9, 5]);
  });

  test('without anybody to tell takes a deadline in silence, and is not peeked at', ({ driver }) => {
    const fence = driver.fence({ ops: { signaled: () => true } });
    fence.setDeadline(5);
    expect(fence.signaledFlag).toBe(false);
  });
});

describe('callbacks', () => {
  test('run once, in the order they came', ({ driver }) => {
    const fence = driver.fence();
    const calls: string[] = [];
    for (const name of ['first', 'second', 'third']) fence.addCallback((signaled) => calls.push(`${name} ${signaled.status}`));
    fence.signal();
    expect(calls).toEqual(['first 1', 'second 1', 'third 1']);
  });

  test('are refused by a signalled fence, and never run', ({ driver }) => {
    const fence = driver.signaled();
    expect(fence.addCallback(() => expect.unreachable())).toBe(false);
  });

  test('that were removed do not run', ({ driver }) => {
    const fence = driver.fence();
    const ran: string[] = [];
    const [kept, removed] = [() => ran.push('kept'), () => ran.push('removed')];
    for (const callback of [removed, kept]) expect(fence.addCallback(callback)).toBe(true);
    expect([fence.removeCallback(removed), fence.removeCallback(removed)]).toEqual([true, false]);
    fence.signal();
    expect(ran).toEqual(['kept']);
    expect(fence.removeCallback(kept)).toBe(false);
  });

  test('that an earlier one removed do not run either', ({ driver }) => {
    const fence = driver.fence();
    const removals: boolean[] = [];
    const victim = () => expect.unreachable();
    const first = () => removals.push(fence.removeCallback(first), fence.removeCallback(victim));
    for (const callback of [first, victim]) fence.addCallback(callback);
    fence.signal();
    expect(removals).toEqual([false, true]);
  });

  test('cannot add another one to the fence that calls them', ({ driver }) => {
    const fence = driver.fence();
    let added: boolean | undefined;
    fence.addCallback(() => {
      added = fence.addCallback(() => expect.unreachable());
    });
    fence.signal();
    expect(added).toBe(false);
  });
});

describe('an error', () => {
  test('set before the signal is the status after it', ({ driver }) => {
    const fence = driver.fence();
    fence.setError(-errno.ENODATA);
    expect(fence.status).toBe(0);
    fence.signal();
    expect(fence.status).toBe(-errno.ENODATA);
  });

  test.for([0, 5, -4096])('of %d is a finding, and stored all the same', (error, { machine, driver }) => {
    const fence = driver.fence();
    fence.setError(error);
    expect([fence.error, brokenRules(machine)]).toEqual([error, ['fence-error-misused']]);
  });

  test('after the signal is a finding', ({ machine, driver }) => {
    driver.signaled().setError(-errno.EIO);
    expect(brokenRules(machine)).toEqual(['fence-error-misused']);
  });
});

describe('enableSignaling', () => {
  test('is called when somebody first wants to know, and only then', ({ driver }) => {
    let calls = 0;
    const fence = driver.fence({ ops: { enableSignaling: () => ++calls > 0 } });
    expect([fence.isSignaled, calls]).toEqual([false, 0]);
    for (let i = 0; i < 2; i++) fence.addCallback(() => {});
    fence.enableSignaling();
    expect(calls).toBe(1);
  });

  test('that answers false signals the fence, with the error that it set', ({ driver }) => {
    const ops = {
      enableSignaling: (fence: { setError(code: number): void }) => {
        fence.setError(-errno.ETIME);
        return false;
      },
    };
    const fence = driver.fence({ ops });
    expect(fence.addCallback(() => expect.unreachable())).toBe(false);
    expect(fence.status).toBe(-errno.ETIME);
  });

  test('is not called for a fence that has signalled', ({ driver }) => {
    const fence = driver.fence({ ops: { enableSignaling: () => expect.unreachable() } });
    fence.signal();
    fence.enableSignaling();
  });

  test('may signal by itself, whatever it answers then', ({ driver }) => {
    for (const answer of [true, false]) {
      const fence = driver.fence({
        ops: {
          enableSignaling: (self) => {
            self.signal();
            return answer;
          },
        },
      });
      expect(fence.addCallback(() => expect.unreachable())).toBe(false);
    }
  });
});

describe('the signaled peek', () => {
  test('signals right there when it says yes', ({ sys, driver }) => {
    let isDone = false;
    const told: number[] = [];
    const fence = driver.fence({ ops: { signaled: () => isDone } });
    fence.addCallback((self) => told.push(self.timestamp_ns));
    expect(fence.status).toBe(0);
    isDone = true;
    sys.nanosleep(3);
    expect(told).toEqual([]);
    expect(fence.status).toBe(1);
    expect(told).toEqual([1_000_000_003]);
  });

  test('is not asked by those who want to be called: they look at the flag', ({ driver }) => {
    let calls = 0;
    const fence = driver.fence({ ops: { signaled: () => true } });
    expect(fence.addCallback(() => calls++)).toBe(true);
    expect(calls).toBe(0);
    fence.signal();
    expect(calls).toBe(1);
  });

  test('does not make the driver’s own signal a second one', ({ machine, driver }) => {
    const fence = driver.fence({ ops: { signaled: () => true } });
    expect(fence.isSignaled).toBe(true);
    fence.signal();
    expect(brokenRules(machine)).toEqual([]);
    fence.signal();
    expect(brokenRules(machine)).toEqual(['fence-signalled-twice']);
  });
});

describe('the last put', () => {
  test('of a pending fence signals it with EDEADLK for those who wait', ({ machine, driver }) => {
    const fence = driver.fence({ context: 9, seqno: 4 });
    const statuses: number[] = [];
    fence.addCallback((self) => statuses.push(self.status));
    driver.put(fence);
    expect(statuses).toEqual([-errno.EDEADLK]);
    expect(machine.system.findings.all.map(({ text }) => text)).toEqual(['fence test-line9-4 was released while somebody waits for it']);
    expect(brokenRules(machine)).toEqual(['fence-released-unsignalled']);
  });

  test('of a pending fence that nobody waits for is nobody’s business', ({ driver }) => {
    const fence = driver.fence();
    const callback = () => expect.unreachable();
    fence.addCallback(callback);
    fence.removeCallback(callback);
    driver.put(fence);
    expect(fence.isSignaled).toBe(false);
  });

  test('calls release once', ({ driver }) => {
    let releases = 0;
    const fence = driver.fence({ ops: { release: () => releases++ } });
    fence.get();
    fence.put();
    expect(releases).toBe(0);
    driver.put(fence);
    expect(releases).toBe(1);
  });

  test('is the last: what comes after it stops at once', ({ driver }) => {
    const fence = driver.fence({ context: 1, seqno: 1 });
    driver.put(fence);
    for (const use of ['get', 'put', 'signal'] as const)
      expect(() => fence[use]()).toThrow(`${use} of fence test-line1-1 after its last put`);
  });
});

describe('the order of fences', () => {
  test.for([
    [1, 2, 'the larger number is later'],
    [0, 0x7fff_ffff, 'also by half the range'],
    [0xffff_ffff, 0, 'numbers of 32 bits wrap'],
    [0xffff_fff0, 0x10, 'and go on from there'],
    [0x1_0000_0002, 3, 'their upper halves do not count'],
  ] as [number, number, string][])('%d comes before %d: %s', ([early, late], { driver }) => {
    const [first, second] = [early, late].map((seqno) => driver.fence({ context: 1, seqno }));
    if (first === undefined || second === undefined) throw new Error('no fences');
    expect([isLater(second, first), isLater(first, second), isLater(first, first)]).toEqual([true, false, false]);
  });

  test.for([
    [0, 0xffff_ffff],
    [0xffff_ffff, 0x1_0000_0000],
    [3, 0x1_0000_0002],
  ] as [number, number][])('64-bit numbers do not wrap: %d comes before %d', ([early, late], { driver }) => {
    const [first, second] = [early, late].map((seqno) => driver.fence({ context: 1, seqno, is64bit: true }));
    if (first === undefined || second === undefined) throw new Error('no fences');
    expect([isLater(second, first), isLater(first, second)]).toEqual([true, false]);
  });

  test('of two contexts does not exist: asking is a finding', ({ machine, driver }) => {
    const [one, other] = [driver.fence(), driver.fence({ seqno: 2 })];
    expect([isLater(one, other), isLaterOrSame(other, one), laterFence(one, other)]).toEqual([false, false, undefined]);
    expect(brokenRules(machine)).toEqual(Array(3).fill('fences-without-order'));
  });

  test('knows the same fence, and picks the later one while it is pending', ({ driver }) => {
    const [early, late] = [driver.fence({ context: 1, seqno: 1 }), driver.fence({ context: 1, seqno: 2 })];
    expect([isLaterOrSame(early, early), isLaterOrSame(late, early), isLaterOrSame(early, late)]).toEqual([true, true, false]);
    expect([laterFence(early, late), laterFence(late, early), laterFence(early, early)]).toEqual([late, late, early]);
    late.signal();
    expect(laterFence(early, late)).toBeUndefined();
  });

  test('contexts are numbered from 1, in each machine', ({ machine }) => {
    for (const { system } of [machine, boot()]) {
      expect([allocateFenceContexts(system, 3), allocateFenceContexts(system), allocateFenceContexts(system)]).toEqual([1, 4, 5]);
    }
  });
});

describe('contexts', () => {
  test('are asked for by one at least', ({ machine }) => {
    allocateFenceContexts(machine.system, 0);
    expect(brokenRules(machine)).toEqual(['fence-contexts-misused']);
  });
});

describe('a private stub', () => {
  test('has signalled at the time that it was given', ({ machine, sys }) => {
    sys.nanosleep(1000);
    const stub = allocatePrivateStub(machine.system, 1_000_000_700);
    expect([stub.status, stub.timestamp_ns, stub.name]).toEqual([1, 1_000_000_700, 'stub-stub0-0']);
    stub.put();
  });
});

describe('the stub', () => {
  test('is one fence that signalled when the machine booted', ({ machine, sys }) => {
    sys.nanosleep(1000);
    const stub = getStubFence(machine.system);
    sys.nanosleep(1000);
    expect(getStubFence(machine.system)).toBe(stub);
    expect([stub.status, stub.timestamp_ns, stub.name]).toEqual([1, 1_000_000_000, 'stub-stub0-0']);
    for (let i = 0; i < 2; i++) stub.put();
  });
});
