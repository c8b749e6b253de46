import fc from 'fast-check';
import { errno } from '../../src/abi/index.ts';
import { type DmaFence, DmaFenceArray, mergeFences } from '../../src/dma-buf/index.ts';
import { boot } from '../../src/index.ts';
import { describe, expect, TestDriver, test } from './fixture.ts';

const at = (fence: DmaFence) => `${fence.context}:${fence.seqno}`;
const members = (fence: DmaFence) => (fence instanceof DmaFenceArray ? fence.fences.map(at) : at(fence));

describe('merging', () => {
  test('signalled fences gives a stub with the latest of their times, and loses their errors', ({ machine, sys, driver }) => {
    const early = driver.signaled(-errno.EIO);
    sys.nanosleep(10);
    const late = driver.signaled();
    sys.nanosleep(10);
    const merged = mergeFences(machine.system, [late, early]);
    expect([merged.name, merged.status, merged.timestamp_ns]).toEqual(['stub-stub0-0', 1, 1_000_000_010]);
    merged.put();
  });

  test('one pending fence with signalled ones gives that very fence', ({ machine, driver }) => {
    const pending = driver.fence();
    expect(mergeFences(machine.system, [driver.signaled(), pending, driver.signaled()])).toBe(pending);
    pending.put();
  });

  test('a fence with itself gives it back', ({ machine, driver }) => {
    const fence = driver.fence();
    expect(mergeFences(machine.system, [fence, fence])).toBe(fence);
    fence.put();
  });

  test('keeps the latest of each context, also across the wrap of its numbers', ({ machine, driver }) => {
    const fences = [
      driver.fence({ context: 5, seqno: 2 }),
      driver.fence({ context: 5, seqno: 9 }),
      driver.fence({ context: 4, seqno: 0xffff_ffff }),
      driver.fence({ context: 4, seqno: 1 }),
    ];
    const merged = mergeFences(machine.system, fences);
    expect(members(merged)).toEqual(['4:1', '5:9']);
    merged.put();
  });

  test('fences of one context gives the latest itself', ({ machine, driver }) => {
    const fences = [3, 7, 5].map((seqno) => driver.fence({ context: 2, seqno }));
    const merged = mergeFences(machine.system, fences);
    expect(merged).toBe(fences[1]);
    merged.put();
  });

  test('drops a later one that has signalled, not the earlier one that has not', ({ machine, driver }) => {
    const fences = [driver.fence({ context: 2, seqno: 1 }), driver.fence({ context: 2, seqno: 2 })];
    fences[1]?.signal();
    const merged = mergeFences(machine.system, fences);
    expect(merged).toBe(fences[0]);
    merged.put();
  });

  test('arrays gives an array of their members', ({ machine, driver }) => {
    const [a, b, c] = [1, 2, 3].map((context) => driver.fence({ context, seqno: 1 })) as [DmaFence, DmaFence, DmaFence];
    const [left, right] = [mergeFences(machine.system, [c, a]), mergeFences(machine.system, [b, c])];
    const both = mergeFences(machine.system, [left, right]);
    expect([left, right, both].map(members)).toEqual([
      ['1:1', '3:1'],
      ['2:1', '3:1'],
      ['1:1', '2:1', '3:1'],
    ]);
    for (const fence of [left, right, both]) fence.put();
  });

  test('looks: what a peek finds done is not in it', ({ machine, driver }) => {
    const pending = driver.fence();
    const merged = mergeFences(machine.system, [driver.fence({ ops: { signaled: () => true } }), pending]);
    expect(merged).toBe(pending);
    merged.put();
  });
});

describe('any merge', () => {
  const single = fc.record({ context: fc.integer({ min: 1, max: 4 }), seqno: fc.integer({ min: 1, max: 4 }), isSignaled: fc.boolean() });

  test('is the same in any order, sorted by context, and signals with the last of its inputs', () => {
    fc.assert(
      fc.property(fc.array(fc.array(single, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }), fc.nat(), (groups, turn) => {
        const { system } = boot();
        const before = system.ledger.list();
        const driver = new TestDriver(system);
        const fences = groups.map((group) =>
          group.map(({ isSignaled, ...description }) => {
            const fence = driver.fence(description);
            if (isSignaled) fence.signal();
            return fence;
          }),
        );
        const inputs = fences.map((group) => mergeFences(system, group));
        const turned = inputs.map((_, index) => inputs[(index + turn) % inputs.length] as DmaFence).reverse();
        const merged = mergeFences(system, inputs);
        const again = mergeFences(system, turned);
        expect(members(again)).toEqual(members(merged));
        const pending = fences.flat().filter((fence) => fence.status === 0);
        const latest = new Map<number, number>();
        for (const { context, seqno } of pending) latest.set(context, Math.max(seqno, latest.get(context) ?? 0));
        const wanted = [...latest].sort(([a], [b]) => a - b).map(([context, seqno]) => `${context}:${seqno}`);
        expect([members(merged)].flat()).toEqual(wanted.length === 0 ? ['0:0'] : wanted);
        for (const fence of pending) {
          expect(merged.status).toBe(0);
          fence.signal();
          // The context's latest stands for those before it.
          if (
            [...latest].every(([context, seqno]) =>
              pending.some((one) => one.status === 1 && one.context === context && one.seqno === seqno),
            )
          )
            break;
        }
        expect(merged.status).toBe(1);
        for (const fence of [...inputs, merged, again]) fence.put();
        driver.finish();
        expect(system.ledger.list()).toEqual(before);
      }),
    );
  });
});
