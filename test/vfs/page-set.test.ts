import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageSet } from '../../src/vfs/page-set.ts';

const END = 24;

describe('a set of pages', () => {
  it('is the same as a set of numbers', () => {
    const step = fc.record({ add: fc.boolean(), start: fc.nat(END), end: fc.nat(END) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const pages = new PageSet();
        const model = new Set<number>();
        for (const { add, start, end } of steps) {
          if (add) pages.add(start, end);
          else pages.remove(start, end);
          for (let page = start; page < end; page++) add ? model.add(page) : model.delete(page);
        }
        expect(pages.size).toBe(model.size);
        for (let page = 0; page <= END; page++) {
          let next: number | undefined = page;
          while (next !== undefined && !model.has(next)) next = next > END ? undefined : next + 1;
          expect(pages.next(page)).toBe(next);
          let gap = page;
          while (model.has(gap)) gap++;
          expect(pages.nextGap(page)).toBe(gap);
        }
      }),
    );
  });
});
