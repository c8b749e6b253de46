import fc from 'fast-check';
import { type DmaFence, DmaResv, type DmaResvUsage } from '../../src/dma-buf/index.ts';
import { boot } from '../../src/index.ts';
import { add, describe, expect, TestDriver, test } from './fixture.ts';

type Step =
  | { readonly kind: 'add'; readonly context: number; readonly usage: DmaResvUsage }
  | { readonly kind: 'add again'; readonly pick: number; readonly usage: DmaResvUsage }
  | { readonly kind: 'signal'; readonly pick: number };

const usage = fc.constantFrom<DmaResvUsage>(0, 1, 2, 3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), context: fc.integer({ min: 1, max: 4 }), usage }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add again' as const), pick: fc.nat(), usage }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('signal' as const), pick: fc.nat() }) },
);

interface Added {
  readonly fence: DmaFence;
  readonly usage: DmaResvUsage;
}

/** Whether somebody who waits for the second needs not wait for the first. */
const isSuperseded = (first: Added, second: Added) =>
  first.fence.context === second.fence.context && first.fence.seqno <= second.fence.seqno && first.usage >= second.usage;

describe('the fences of a buffer', () => {
  test('are found until they signal or a later one of their context stands for them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { system } = boot();
        const before = system.ledger.list();
        const driver = new TestDriver(system);
        const resv = new DmaResv(system, 'the model');
        const history: Added[] = [];
        const numbers = new Map<number, number>();
        const addOne = (added: Added) => {
          add(resv, added.fence, added.usage);
          history.push(added);
        };
        for (const one of steps) {
          if (one.kind === 'add') {
            const { context } = one;
            const seqno = (numbers.get(context) ?? 0) + 1;
            numbers.set(context, seqno);
            addOne({ fence: driver.fence({ context, seqno }), usage: one.usage });
          } else if (history.length > 0) {
            const { fence } = history[one.pick % history.length] as Added;
            if (one.kind === 'add again') addOne({ fence, usage: one.usage });
            else if (fence.status === 0) fence.signal();
          }
          for (const query of [0, 1, 2, 3] as const) {
            const found = new Set(resv.pending(query));
            const fits = history.filter((added) => added.fence.status === 0 && added.usage <= query);
            const needed = fits.filter((added) => !history.slice(history.indexOf(added) + 1).some((later) => isSuperseded(added, later)));
            for (const { fence } of needed) expect(found, `${fence.name} of usage at most ${query}`).toContain(fence);
            const possible = new Set(fits.map(({ fence }) => fence));
            for (const fence of found) expect(possible, `${fence.name} found by usage ${query}`).toContain(fence);
            expect(resv.testSignaled(query)).toBe(found.size === 0);
          }
        }
        resv.finish();
        driver.finish();
        expect(system.ledger.list()).toEqual(before);
        expect(system.findings.all).toEqual([]);
      }),
    );
  });
});
