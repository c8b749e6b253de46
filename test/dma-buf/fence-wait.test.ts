import { errno } from '../../src/abi/index.ts';
import { SIGUSR1 } from '../../src/abi/uapi/index.ts';
import { type DmaFence, waitAnyFence } from '../../src/dma-buf/index.ts';
import { type BootedMachine, Deadlock, Errno } from '../../src/index.ts';
import { type Kernel, sleep, type WaitOptions } from '../../src/kernel/index.ts';
import { brokenRules, describe, expect, run, test } from './fixture.ts';

/** How a wait ended, and how long it took in virtual nanoseconds. */
type End<T = boolean> = [answer: T | string, duration_ns: number];

/** Starts a program that waits for a fence. @param sent a signal comes after so long; at once with 0 */
function startWait(machine: BootedMachine, fence: DmaFence, options: WaitOptions = {}, sent_ns?: number): { result(): End } {
  return start(machine, fence.wait(options), sent_ns);
}

function start<T>(machine: BootedMachine, waiting: Kernel<T>, sent_ns?: number): { result(): End<T> } {
  const { system } = machine;
  const began = system.now();
  const program = machine.spawn(function* (): Generator<any, End<T>, any> {
    try {
      return [yield* waiting, system.now() - began];
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return [error.code, system.now() - began];
    }
  });
  const signals = system.tasks.get(program.pid)?.signals;
  signals?.setAction(SIGUSR1, { handler: () => {} });
  if (sent_ns === 0) signals?.send(SIGUSR1);
  else if (sent_ns !== undefined) system.clock.schedule(sent_ns, 'a signal', () => signals?.send(SIGUSR1));
  return program;
}

describe('a wait for a fence', () => {
  test.for([
    ['ends at once when it has signalled', 0, {}, undefined, [true, 0]],
    ['ends when it signals', 50, {}, undefined, [true, 50]],
    ['ends when it signals in time', 50, { timeout_ns: 51 }, undefined, [true, 50]],
    ['ends with its time', 50, { timeout_ns: 20 }, undefined, [false, 20]],
    ['of no time only looks', 50, { timeout_ns: 0 }, undefined, [false, 0]],
    ['of no time finds a signalled one', 0, { timeout_ns: 0 }, undefined, [true, 0]],
    ['ends with a signal', 50, {}, 30, ['ERESTARTSYS', 30]],
    ['ends at once when a signal is pending', 50, {}, 0, ['ERESTARTSYS', 0]],
    ['prefers the signalled fence to a pending signal', 0, {}, 0, [true, 0]],
    ['prefers a pending signal to no time', 50, { timeout_ns: 0 }, 0, ['ERESTARTSYS', 0]],
    ['does not hear signals when it must not', 50, { mode: 'uninterruptible' }, 30, [true, 50]],
    ['hears only fatal ones when it may be killed', 50, { mode: 'killable' }, 30, [true, 50]],
  ] as [string, number, WaitOptions, number | undefined, End][])('%s', async ([, at_ns, options, sent_ns, end], { machine, driver }) => {
    const program = startWait(machine, at_ns === 0 ? driver.signaled() : driver.later(at_ns), options, sent_ns);
    await machine.run();
    expect(program.result()).toEqual(end);
  });

  test('arms the fence, even one of no time', ({ machine, driver }) => {
    let armed = 0;
    const fence = driver.fence({ ops: { enableSignaling: () => ++armed > 0 } });
    expect(run(machine, fence.wait({ timeout_ns: 0 }))).toBe(false);
    expect(armed).toBe(1);
  });

  test('ends at once when arming finds it done', ({ machine, driver }) => {
    const fence = driver.fence({ ops: { enableSignaling: () => false } });
    expect(run(machine, fence.wait())).toBe(true);
  });

  test('does not end by a failure in another way than by success', async ({ machine, driver }) => {
    const fence = driver.fence();
    fence.setError(-errno.EIO);
    machine.system.clock.schedule(5, 'the failure', () => fence.signal());
    const program = startWait(machine, fence);
    await machine.run();
    expect([program.result(), fence.status]).toEqual([[true, 5], -errno.EIO]);
  });

  test('is one of many: all end together', async ({ machine, driver }) => {
    const fence = driver.later(9);
    const programs = Array.from({ length: 5 }, () => startWait(machine, fence));
    await machine.run();
    expect(programs.map((program) => program.result())).toEqual(Array(5).fill([true, 9]));
  });

  test('leaves nothing on the fence when it gives up', async ({ machine, driver }) => {
    const fence = driver.fence();
    const programs = [startWait(machine, fence, { timeout_ns: 5 }), startWait(machine, fence, {}, 5)];
    await machine.run();
    expect(programs.map((program) => program.result())).toEqual([
      [false, 5],
      ['ERESTARTSYS', 5],
    ]);
    driver.put(fence);
  });

  test('ends with EDEADLK when the last put comes before the signal', async ({ machine, driver }) => {
    const fence = driver.fence();
    const program = startWait(machine, fence);
    machine.system.clock.schedule(4, 'a careless driver', () => driver.put(fence));
    await machine.run();
    expect([program.result(), fence.status]).toEqual([[true, 4], -errno.EDEADLK]);
    expect(brokenRules(machine)).toEqual(['fence-released-unsignalled']);
  });

  test('that nothing can end is a deadlock that names the fence', ({ machine, driver }) => {
    const fence = driver.fence({ context: 3, seqno: 8 });
    const wait = () => run(machine, fence.wait());
    expect(wait).toThrow(Deadlock);
    expect(wait).toThrow('the test waits for fence test-line3-8');
  });
});

describe('a wait that its driver does', () => {
  test('is the driver’s, and the fence is armed before', ({ machine, driver }) => {
    const calls: string[] = [];
    const fence = driver.fence({
      ops: {
        enableSignaling: () => calls.push('armed') > 0,
        *wait(_fence, { timeout_ns }) {
          calls.push(`wait of ${timeout_ns}`);
          yield* sleep(5);
          return false;
        },
      },
    });
    expect(run(machine, fence.wait({ timeout_ns: 9 }))).toBe(false);
    expect(calls).toEqual(['armed', 'wait of 9']);
  });
});

describe('a wait for any of several fences', () => {
  /** When they signal; 0 is now. */
  test.for([
    ['ends with the first that signals', [50, 20, 90], {}, undefined, [1, 20]],
    ['finds the first in the list that has signalled', [50, 0, 0], {}, undefined, [1, 0]],
    ['ends with its time', [50, 60], { timeout_ns: 20 }, undefined, [undefined, 20]],
    ['of no time only looks', [50, 60], { timeout_ns: 0 }, undefined, [undefined, 0]],
    ['of no time finds one', [50, 0], { timeout_ns: 0 }, undefined, [1, 0]],
    ['ends with a signal', [50, 60], {}, 30, ['ERESTARTSYS', 30]],
    ['prefers a signalled fence to a pending signal', [50, 0], {}, 0, [1, 0]],
    ['of no time does not look at signals', [50, 60], { timeout_ns: 0 }, 0, [undefined, 0]],
    ['does not hear signals when it must not', [50, 60], { mode: 'uninterruptible' }, 30, [0, 50]],
  ] as [string, number[], WaitOptions, number | undefined, End<number | undefined>][])(
    '%s',
    async ([, delays, options, sent_ns, end], { machine, driver }) => {
      const fences = delays.map((at_ns) => (at_ns === 0 ? driver.signaled() : driver.later(at_ns)));
      const program = start(machine, waitAnyFence(machine.system, fences, options), sent_ns);
      await machine.run();
      expect(program.result()).toEqual(end);
    },
  );

  test('peeks only when it has no time, else it waits to be told', ({ machine, driver }) => {
    const fence = driver.fence({ ops: { signaled: () => true } });
    expect(run(machine, waitAnyFence(machine.system, [fence], { timeout_ns: 5 }))).toBeUndefined();
    expect(run(machine, waitAnyFence(machine.system, [fence], { timeout_ns: 0 }))).toBe(0);
  });

  test('may have a fence twice, and leaves nothing on any', ({ machine, driver }) => {
    const [one, other] = [driver.fence(), driver.later(5)];
    expect(run(machine, waitAnyFence(machine.system, [one, one, other]))).toBe(2);
    driver.put(one);
  });

  test.for([
    ['no fences', 0, 5],
    ['a negative time', 1, -1],
  ] as [string, number, number][])('of %s is EINVAL and a finding', ([, count, timeout_ns], { machine, driver }) => {
    const fences = Array.from({ length: count }, () => driver.fence());
    expect(() => run(machine, waitAnyFence(machine.system, fences, { timeout_ns }))).toThrow('EINVAL');
    expect(brokenRules(machine)).toEqual(['fence-wait-misused']);
  });
});
