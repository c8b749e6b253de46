import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { Ledger } from '../../src/kernel/index.ts';
import { ArrayMemoryProvider, ContiguousRegion, PhysicalMemory } from '../../src/memory/index.ts';

const MIB = 2 ** 20;
const P = PAGE_SIZE;

const memory = (pages: number) => {
  const ledger = new Ledger(
    () => 0,
    () => undefined,
  );
  return new ArrayMemoryProvider(() => ledger).allocate(pages * P, 'a test');
};

describe('a region', () => {
  test('gives the first place where an allocation fits', () => {
    const region = new ContiguousRegion({ name: 'test', base: 16 * P, size: 16 * P });
    const places = [3, 2, 4].map((pages) => region.allocate(pages * P) / P);
    expect(places).toEqual([16, 19, 21]);
    region.free(19 * P);
    expect(region.allocate(3 * P) / P).toBe(25);
    expect(region.allocate(P) / P).toBe(19);
    expect(region.allocate(P) / P).toBe(20);
    expect(region.usedBytes).toBe(12 * P);
  });

  test.for([
    [0, 4, [0, 4, 8]],
    [1, 4, [4, 8, 12]],
    [3, 2, [4, 6, 8]],
  ] as const)('at page %d aligns physical addresses to %d pages: %j', ([base, alignment, places]) => {
    const region = new ContiguousRegion({ name: 'test', base: base * P, size: 16 * P });
    expect(places.map(() => region.allocate(P, alignment * P) / P)).toEqual(places);
  });

  test('that has no such gap is ENOMEM, though it has the bytes', () => {
    const region = new ContiguousRegion({ name: 'pool', base: 0, size: 4 * P });
    const [first, , third] = [0, 1, 2, 3].map(() => region.allocate(P));
    for (const address of [first, third]) region.free(address as number);
    expect(() => region.allocate(2 * P)).toThrow('ENOMEM: region pool has no 8192 contiguous bytes, of 8192 that are free');
    expect(region.usedBytes).toBe(2 * P);
  });

  test('frees only what it gave', () => {
    const region = new ContiguousRegion({ name: 'pool', base: 0, size: 4 * P });
    region.allocate(2 * P);
    expect(() => region.free(P)).toThrow('free at 0x1000 in region pool, where no allocation begins');
    region.free(0);
    expect(() => region.free(0)).toThrow('no allocation begins');
  });

  test('agrees with a bitmap that is searched from its beginning', () => {
    const PAGES = 32;
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('allocate' as const),
        pages: fc.integer({ min: 1, max: 9 }),
        alignment: fc.constantFrom(1, 2, 4, 8),
      }),
      fc.record({ kind: fc.constant('free' as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 9 }), (steps, base) => {
        const region = new ContiguousRegion({ name: 'test', base: base * P, size: PAGES * P });
        const bitmap = new Array<boolean>(PAGES).fill(false);
        const held = new Map<number, number>();
        for (const one of steps) {
          if (one.kind === 'free') {
            const address = [...held.keys()][one.pick % Math.max(1, held.size)];
            if (address === undefined) continue;
            region.free(address);
            bitmap.fill(false, address / P - base, address / P - base + (held.get(address) as number));
            held.delete(address);
          } else {
            let first = 0;
            const fits = () => (base + first) % one.alignment === 0 && !bitmap.slice(first, first + one.pages).includes(true);
            while (first + one.pages <= PAGES && !fits()) first++;
            if (first + one.pages > PAGES) {
              expect(() => region.allocate(one.pages * P, one.alignment * P)).toThrow('ENOMEM');
              continue;
            }
            expect(region.allocate(one.pages * P, one.alignment * P)).toBe((base + first) * P);
            bitmap.fill(true, first, first + one.pages);
            held.set((base + first) * P, one.pages);
          }
          expect(region.usedBytes).toBe(bitmap.filter(Boolean).length * P);
        }
      }),
    );
  });
});

describe('a memory map', () => {
  test.for([
    ['in the middle of the RAM', 5 * MIB + 3 * P, 2 * MIB + P],
    ['at its beginning', 0, 4 * MIB],
    ['a single page', 7 * P, P],
    ['all of it', 0, 16 * MIB],
  ] as const)('gives nothing of a region to others: %s', ([, base, size]) => {
    const ram = new PhysicalMemory(16 * MIB);
    ram.addRegion({ name: 'pool', base, size });
    expect([ram.freeBytes, ram.usedBytes]).toEqual([16 * MIB - size, 0]);
    const taken: number[] = [];
    for (let page = ram.tryAllocate(0); page !== undefined; page = ram.tryAllocate(0)) taken.push(page);
    expect(taken.length * P).toBe(16 * MIB - size);
    expect(taken.filter((page) => page >= base && page < base + size)).toEqual([]);
    expect(ram.usedBytes).toBe(16 * MIB - size);
    for (const page of taken) ram.free(page, 0);
    expect([ram.freeBytes, ram.usedBytes]).toEqual([16 * MIB - size, 0]);
  });

  test('counts what a region has given, and finds the bytes there', () => {
    const ram = new PhysicalMemory(16 * MIB);
    for (const [name, base] of Object.entries({ within: 8 * MIB, beyond: 2 ** 32 })) {
      const region = ram.addRegion({ name, base, size: MIB });
      expect(ram.region(name)).toBe(region);
      const [first, second] = [region.allocate(2 * P), region.allocate(P)];
      const bytes = memory(3);
      region.back(second, bytes, P);
      expect(ram.resolve(first + 5)).toBeUndefined();
      expect(ram.resolve(second + 5)).toEqual({ memory: bytes, offset: P + 5, length: P - 5 });
      expect(ram.resolve(second + P)).toBeUndefined();
      region.free(second);
      expect(ram.resolve(second + 5)).toBeUndefined();
    }
    expect(ram.usedBytes).toBe(4 * P);
  });

  test.for([
    [{ name: 'pool', base: 0, size: P }, 'there is a region pool already'],
    [{ name: 'over', base: 4 * MIB + P, size: 4 * P }, 'lies over region pool'],
    [{ name: 'half', base: 15 * MIB, size: 2 * MIB }, 'lies half in the RAM'],
    [{ name: 'odd', base: 100, size: P }, 'does not consist of pages'],
    [{ name: 'none', base: 8 * MIB, size: 0 }, 'does not consist of pages'],
    [{ name: 'taken', base: 0, size: 2 * MIB }, 'has pages that somebody has'],
  ] as const)('cannot have %j: it %s', ([description, why]) => {
    const ram = new PhysicalMemory(16 * MIB);
    ram.addRegion({ name: 'pool', base: 4 * MIB, size: MIB });
    const [, page] = [ram.allocate(0), ram.allocate(10)];
    const before = ram.freeBytes;
    expect(() => ram.addRegion(description)).toThrow(why);
    expect(ram.freeBytes).toBe(before);
    ram.free(page, 10);
  });

  test('has no region that was not declared', () => {
    expect(() => new PhysicalMemory(16 * MIB).region('pool')).toThrow('there is no region pool in the memory map');
  });
});
