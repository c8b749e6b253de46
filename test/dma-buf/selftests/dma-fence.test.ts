/** The cases of drivers/dma-buf/st-dma-fence.c. */
import { errno } from '../../../src/abi/index.ts';
import { type DmaFence, getStubFence } from '../../../src/dma-buf/index.ts';
import type { BootedMachine } from '../../../src/index.ts';
import { boot } from '../../../src/index.ts';
import { type Kernel, yieldNow } from '../../../src/kernel/index.ts';
import { brokenRules, describe, expect, run, TestDriver, test } from '../fixture.ts';

type Case = (driver: TestDriver, machine: BootedMachine) => void;

const MILLISECOND_NS = 1e6;

const cases: Readonly<Record<string, Case>> = {
  'create, signal, put'(driver) {
    const fence = driver.fence();
    fence.enableSignaling();
    fence.signal();
    driver.put(fence);
  },

  'is signalled by its signal, and only the first'(driver, machine) {
    const fence = driver.fence();
    fence.enableSignaling();
    expect(fence.isSignaled).toBe(false);
    expect(fence.signal()).toBe(true);
    expect(fence.isSignaled).toBe(true);
    expect(fence.signal()).toBe(false);
    expect(brokenRules(machine)).toEqual(['fence-signalled-twice']);
    expect([driver.fence().checkAndSignal(), fence.checkAndSignal()]).toEqual([false, true]);
  },

  'a callback runs at the signal'(driver) {
    const fence = driver.fence();
    let seen = 0;
    expect(fence.addCallback(() => seen++)).toBe(true);
    expect(seen).toBe(0);
    fence.signal();
    expect(seen).toBe(1);
  },

  'a callback that comes late is refused and does not run'(driver) {
    const fence = driver.fence();
    fence.signal();
    expect(fence.addCallback(() => expect.unreachable())).toBe(false);
  },

  'a callback that was removed does not run'(driver) {
    const fence = driver.fence();
    const callback = () => expect.unreachable();
    fence.addCallback(callback);
    expect(fence.removeCallback(callback)).toBe(true);
    fence.signal();
  },

  'a callback that has run cannot be removed'(driver) {
    const fence = driver.fence();
    let seen = 0;
    const callback = () => seen++;
    fence.addCallback(callback);
    fence.signal();
    expect([fence.removeCallback(callback), seen]).toEqual([false, 1]);
  },

  'the status is 0, then 1'(driver) {
    const fence = driver.fence();
    fence.enableSignaling();
    expect(fence.status).toBe(0);
    fence.signal();
    expect(fence.status).toBe(1);
  },

  'an error shows after the signal'(driver) {
    const fence = driver.fence();
    fence.enableSignaling();
    fence.setError(-errno.EIO);
    expect(fence.status).toBe(0);
    fence.signal();
    expect(fence.status).toBe(-errno.EIO);
  },

  'a wait of no time tells whether it has signalled'(driver, machine) {
    const fence = driver.fence();
    fence.enableSignaling();
    expect(run(machine, fence.wait({ timeout_ns: 0 }))).toBe(false);
    fence.signal();
    expect(run(machine, fence.wait({ timeout_ns: 0 }))).toBe(true);
  },

  'a wait of a tick ends in vain, a wait of a second succeeds'(driver, machine) {
    const fence = driver.later(10 * MILLISECOND_NS);
    expect(run(machine, fence.wait({ timeout_ns: MILLISECOND_NS }))).toBe(false);
    expect(run(machine, fence.wait({ timeout_ns: 1000 * MILLISECOND_NS }))).toBe(true);
    expect(machine.system.now()).toBe(1_000_000_000 + 10 * MILLISECOND_NS);
  },

  '64 references to the stub have all signalled'(_driver, machine) {
    const stubs = Array.from({ length: 64 }, () => getStubFence(machine.system));
    expect(stubs.every((stub) => stub.isSignaled)).toBe(true);
    for (const stub of stubs) stub.put();
  },
};

describe('dma_fence selftest', () => {
  test.for(Object.entries(cases))('%s', ([, body], { driver, machine }) => body(driver, machine));

  const ROUNDS = 100;

  /** Each of two threads shows a fence to the other, which adds a callback while it is signalled. */
  test.for([true, false])('two threads race signal against callback and lose none; they signal first: %s', (signalsFirst) => {
    let refused = 0;
    let added = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const { system } = boot(undefined, { seed });
      const driver = new TestDriver(system);
      const shown: DmaFence[] = [];
      const thread = function* (id: 0 | 1): Kernel<void> {
        for (let round = 0; round < ROUNDS; round++) {
          const mine = driver.fence();
          shown[id] = mine;
          yield* yieldNow();
          const theirs = shown[1 - id]?.get();
          if (signalsFirst) mine.signal();
          yield* yieldNow();
          let hasRun = false;
          const isAdded = theirs?.addCallback(() => {
            hasRun = true;
          });
          yield* yieldNow();
          if (!signalsFirst) mine.signal();
          if (isAdded === true) {
            added++;
            yield* theirs?.wait() ?? yieldNow();
            if (!hasRun) throw new Error('a callback was lost');
          } else if (isAdded === false) refused++;
          theirs?.put();
        }
      };
      const threads = ([0, 1] as const).map((id) => system.scheduler.spawn(`thread ${id}`, undefined, thread(id)));
      system.scheduler.runReady();
      for (const { outcome } of threads) expect(outcome).toEqual({ ok: true, value: undefined });
      driver.finish();
    }
    expect(Math.min(refused, added)).toBeGreaterThan(100);
  });
});
