import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GenPool, type GenPoolAlgorithm } from '../../src/memory/index.ts';

function pool(algorithm: GenPoolAlgorithm = { by: 'first-fit' }, size = 1024): GenPool {
  const made = new GenPool(32, algorithm);
  made.add(0x1000, size);
  return made;
}

test('sizes are rounded up to granules, and 0 bytes are nothing', () => {
  const made = pool();
  expect([made.allocate(1), made.allocate(33), made.allocate(0), made.allocate(32)]).toEqual([0x1000, 0x1020, undefined, 0x1060]);
  expect(made.freeBytes).toBe(1024 - 128);
});

test('the first gap, the smallest, one at a multiple, one at a place', () => {
  const holes = (algorithm: GenPoolAlgorithm) => {
    const made = pool(algorithm);
    const taken = [256, 32, 64, 32, 64].map((size) => made.allocate(size, { by: 'first-fit' }) as number);
    made.free(taken[0] as number);
    made.free(taken[2] as number);
    return made;
  };
  expect(holes({ by: 'first-fit' }).allocate(64)).toBe(0x1000);
  expect(holes({ by: 'best-fit' }).allocate(64)).toBe(0x1120);
  expect(holes({ by: 'aligned', alignment: 512 }).allocate(300)).toBe(0x1200);
  expect(holes({ by: 'fixed', offset: 64 }).allocate(64)).toBe(0x1040);
  expect(holes({ by: 'fixed', offset: 256 }).allocate(64)).toBeUndefined();
});

test('chunks are tried in turn, and failures are counted', () => {
  const made = pool({ by: 'first-fit' }, 64);
  made.add(0x8000, 128);
  expect([made.allocate(96), made.allocate(64), made.allocate(64)]).toEqual([0x8000, 0x1000, undefined]);
  expect([made.failures, made.largestFreeBytes]).toEqual([1, 32]);
  expect(() => made.free(0x1020)).toThrow('no allocation begins');
});

test('nothing is given twice, and all of it comes back', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.boolean())), (steps) => {
      const made = pool();
      const held = new Map<number, number>();
      for (const [size, frees] of steps) {
        const [oldest] = held.keys();
        if (frees && oldest !== undefined) {
          made.free(oldest);
          held.delete(oldest);
          continue;
        }
        const at = made.allocate(size);
        if (at === undefined) continue;
        for (const [other, length] of held) expect(at + size <= other || other + length <= at).toBe(true);
        held.set(at, size);
      }
      for (const at of held.keys()) made.free(at);
      expect(made.freeBytes).toBe(1024);
      expect(made.allocate(1024)).toBe(0x1000);
    }),
  );
});
