/** The cases of drivers/dma-buf/st-dma-resv.c, each for the four usages. */
import {
  DMA_RESV_USAGE_BOOKKEEP,
  DMA_RESV_USAGE_KERNEL,
  DMA_RESV_USAGE_READ,
  DMA_RESV_USAGE_WRITE,
  DmaResv,
  type DmaResvUsage,
} from '../../../src/dma-buf/index.ts';
import type { Kernel } from '../../../src/kernel/index.ts';
import { describe, expect, run, type TestDriver, test } from '../fixture.ts';

const USAGES = { KERNEL: DMA_RESV_USAGE_KERNEL, WRITE: DMA_RESV_USAGE_WRITE, READ: DMA_RESV_USAGE_READ, BOOKKEEP: DMA_RESV_USAGE_BOOKKEEP };

type Case = (resv: DmaResv, driver: TestDriver, usage: DmaResvUsage) => Kernel<void>;

const cases: Readonly<Record<string, Case>> = {
  *'reserve and lock'(resv) {
    yield* resv.lock.lock();
    resv.reserveFences(1);
    resv.unlock();
  },

  *'a fence is pending, then signalled'(resv, driver, usage) {
    const fence = driver.fence();
    fence.enableSignaling();
    yield* resv.lock.lock();
    resv.reserveFences(1);
    resv.addFence(fence, usage);
    expect(resv.testSignaled(usage)).toBe(false);
    fence.signal();
    expect(resv.testSignaled(usage)).toBe(true);
    resv.unlock();
  },

  *'a walk under the lock finds exactly it, with its usage'(resv, driver, usage) {
    const fence = driver.fence();
    yield* resv.lock.lock();
    resv.reserveFences(1);
    resv.addFence(fence, usage);
    expect([...resv.entries(usage)]).toEqual([{ fence, usage }]);
    resv.unlock();
  },

  *'a walk without the lock begins again when the list changes, and says so'(resv, driver, usage) {
    const fence = driver.fence();
    yield* resv.lock.lock();
    resv.reserveFences(1);
    resv.addFence(fence, usage);
    resv.unlock();
    const walk = resv.pending(usage);
    expect(walk.next().value).toBe(fence);
    expect([walk.isRestarted, walk.usage]).toEqual([true, usage]);
    yield* resv.lock.lock();
    resv.reserveFences(8);
    resv.unlock();
    expect(walk.next().value).toBe(fence);
    expect(walk.isRestarted).toBe(true);
    expect(walk.next().done).toBe(true);
  },

  *'asking for the fences gives exactly it'(resv, driver, usage) {
    const fence = driver.fence();
    yield* resv.lock.lock();
    resv.reserveFences(1);
    resv.addFence(fence, usage);
    resv.unlock();
    const fences = resv.getFences(usage);
    expect(fences).toEqual([fence]);
    for (const one of fences) one.put();
  },
};

describe.for(Object.entries(cases))('dma_resv selftest: %s', ([, body]) => {
  test.for(Object.entries(USAGES) as [string, DmaResvUsage][])('%s', ([, usage], { machine, driver }) => {
    const resv = new DmaResv(machine.system, 'a selftest');
    run(machine, body(resv, driver, usage));
    resv.finish();
  });
});
