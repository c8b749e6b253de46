import { isErrno } from '../../src/abi/index.ts';
import { SA_RESTART, SIGUSR1 } from '../../src/abi/uapi/index.ts';
import {
  DMA_RESV_USAGE_BOOKKEEP as BOOKKEEP,
  type DmaFence,
  type DmaResv,
  type DmaResvUsage,
  DMA_RESV_USAGE_READ as READ,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import { type Kernel, sleep } from '../../src/kernel/index.ts';
import { add, allocate, bufferAt, describe, expect, run, test } from './fixture.ts';

function* adding(resv: DmaResv, fences: readonly DmaFence[]): Kernel<void> {
  yield* sleep(5);
  for (const fence of fences) add(resv, fence, WRITE);
}

describe('waiting for fences', () => {
  const timed = (machine: BootedMachine, resv: DmaResv, usage: DmaResvUsage, timeout_ns?: number) => {
    const began = machine.system.now();
    const answer = run(machine, resv.wait(usage, timeout_ns === undefined ? {} : { timeout_ns }));
    return [answer, machine.system.now() - began];
  };

  test('takes as long as the last of them', ({ machine, driver, resv }) => {
    for (const delay of [30, 10, 20]) add(resv, driver.later(delay), READ);
    add(resv, driver.later(99), BOOKKEEP);
    expect(timed(machine, resv, READ)).toEqual([true, 30]);
  });

  test('of other usages takes no time', ({ machine, driver, resv }) => {
    add(resv, driver.later(30), READ);
    expect(timed(machine, resv, WRITE)).toEqual([true, 0]);
  });

  test('ends with its time, which counts for all of them together', ({ machine, driver, resv }) => {
    for (const delay of [20, 40]) add(resv, driver.later(delay), READ);
    expect(timed(machine, resv, READ, 30)).toEqual([false, 30]);
    expect(timed(machine, resv, READ, 11)).toEqual([true, 10]);
  });

  test('for no time only looks', ({ machine, driver, resv }) => {
    expect(timed(machine, resv, READ, 0)).toEqual([true, 0]);
    add(resv, driver.later(5), READ);
    expect(timed(machine, resv, READ, 0)).toEqual([false, 0]);
  });

  test('ends with a signal', async ({ machine, driver, resv }) => {
    add(resv, driver.fence(), READ);
    const program = machine.spawn(function* () {
      try {
        yield* resv.wait(READ);
      } catch (error) {
        return (error as Error).message;
      }
      return 'no signal';
    });
    const signals = machine.system.tasks.get(program.pid)?.signals;
    signals?.setAction(SIGUSR1, { handler: () => {} });
    machine.system.clock.schedule(5, 'a signal', () => signals?.send(SIGUSR1));
    await machine.run();
    expect(program.result()).toMatch('ERESTARTSYS');
  });

  /** Adds fences that signal at 100 once the wait has begun. */
  const addMeanwhile = (machine: BootedMachine, resv: DmaResv, fences: readonly DmaFence[]) =>
    machine.system.scheduler.spawn('another driver', undefined, adding(resv, fences));

  test('is for those that were there when it began', ({ machine, driver, resv }) => {
    add(resv, driver.later(10), WRITE);
    addMeanwhile(machine, resv, [driver.later(100)]);
    expect(timed(machine, resv, READ)).toEqual([true, 10]);
  });

  test('begins again when there was no room for those that came meanwhile', ({ machine, driver, resv }) => {
    add(resv, driver.later(10), WRITE);
    addMeanwhile(
      machine,
      resv,
      Array.from({ length: 5 }, () => driver.later(100)),
    );
    expect(timed(machine, resv, READ)).toEqual([true, 100]);
  });

  test('keeps a fence that another one replaces meanwhile', ({ machine, driver, resv }) => {
    const context = 9;
    const [first, second] = [driver.fence({ context, seqno: 1 }), driver.fence({ context, seqno: 2 })];
    add(resv, first, WRITE);
    addMeanwhile(machine, resv, [second]);
    machine.system.clock.schedule(20, 'the hardware', () => {
      first.signal();
      driver.put(first);
    });
    expect(timed(machine, resv, READ)).toEqual([true, 20]);
  });
});

describe('the lock', () => {
  test('ends the reading of bufinfo with EINTR, which is not started again', async ({ machine, sys }) => {
    const fd = allocate(sys);
    const { lock } = bufferAt(machine, fd).resv;
    lock.tryLock();
    const program = machine.spawn(function* (own) {
      yield* own.sigaction(SIGUSR1, { handler: () => {}, flags: SA_RESTART });
      const info = yield* own.open('/sys/kernel/debug/dma_buf/bufinfo');
      try {
        yield* own.read(info, 100);
      } catch (error) {
        return isErrno(error) ? error.code : 'no Errno';
      } finally {
        yield* own.close(info);
      }
      return 'read';
    });
    machine.system.clock.schedule(5, 'a signal', () => machine.system.tasks.get(program.pid)?.signals.send(SIGUSR1));
    await machine.run();
    expect(program.result()).toBe('EINTR');
    lock.unlock();
  });
});
