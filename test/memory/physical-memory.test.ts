import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { Ledger, type MemoryObject } from '../../src/kernel/index.ts';
import { ArrayMemoryProvider, MAX_PAGE_ORDER, PhysicalMemory } from '../../src/memory/index.ts';

const LARGEST = PAGE_SIZE << MAX_PAGE_ORDER;
const provider = new ArrayMemoryProvider(
  () =>
    new Ledger(
      () => 0,
      () => undefined,
    ),
);
const memoryOf = (order: number, before = 0) => provider.allocate((PAGE_SIZE << order) + before, 'a test');

/** Takes every block of an order. @returns their addresses, lowest first */
function takeAll(ram: PhysicalMemory, order: number): number[] {
  const taken: number[] = [];
  for (let address = ram.tryAllocate(order); address !== undefined; address = ram.tryAllocate(order)) taken.push(address);
  return taken.sort((a, b) => a - b);
}

describe('RAM', () => {
  test('gives blocks of every order, aligned to their size, until there is none', () => {
    for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
      const ram = new PhysicalMemory(2 * LARGEST, 3 * LARGEST);
      const block = PAGE_SIZE << order;
      expect(takeAll(ram, order)).toEqual(Array.from({ length: ram.size / block }, (_, index) => ram.base + index * block));
      expect(ram.freeBytes).toBe(0);
      expect(() => ram.allocate(order)).toThrow('ENOMEM');
    }
  });

  test('has no blocks larger than 4 MiB', () => {
    const ram = new PhysicalMemory(4 * LARGEST);
    expect(ram.tryAllocate(MAX_PAGE_ORDER + 1)).toBeUndefined();
    expect(() => ram.allocate(MAX_PAGE_ORDER + 1)).toThrow('ENOMEM');
  });

  test('joins free neighbours, whatever the order in which they come back', () => {
    for (const turn of [0, 1, 511, 700]) {
      const ram = new PhysicalMemory(LARGEST);
      const pages = takeAll(ram, 0);
      for (const index of pages.keys()) ram.free(pages[(index * 641 + turn) % pages.length] as number, 0);
      expect(takeAll(ram, MAX_PAGE_ORDER)).toEqual([0]);
    }
  });

  test('keeps apart what is not a pair', () => {
    const ram = new PhysicalMemory(LARGEST);
    const pages = takeAll(ram, 0);
    for (const page of [1, 2]) ram.free(pages[page] as number, 0);
    expect(ram.tryAllocate(1)).toBeUndefined();
    ram.free(pages[3] as number, 0);
    expect(ram.tryAllocate(1)).toBe(pages[2]);
  });

  test('with the same history gives the same addresses', () => {
    const history = () => {
      const ram = new PhysicalMemory(LARGEST);
      const taken = [0, 3, 0, 5, 1, 9].map((order) => ram.allocate(order));
      ram.free(taken[1] as number, 3);
      ram.free(taken[0] as number, 0);
      return [...taken, ...[0, 2, 3, 0].map((order) => ram.allocate(order))];
    };
    expect(history()).toEqual(history());
  });

  test.for([LARGEST + PAGE_SIZE, LARGEST / 2])('of %d bytes does not exist', (size) => {
    expect(() => new PhysicalMemory(size)).toThrow(RangeError);
    expect(() => new PhysicalMemory(LARGEST, size)).toThrow(RangeError);
  });

  test.for([
    ['twice', (ram: PhysicalMemory, address: number) => ram.free(address, 3)],
    ['by another size', (ram: PhysicalMemory, address: number) => [ram.allocate(3), ram.free(address, 2)]],
    ['from its middle', (ram: PhysicalMemory, address: number) => [ram.allocate(3), ram.free(address + PAGE_SIZE, 0)]],
    ['that is not RAM', (ram: PhysicalMemory) => ram.free(ram.base + ram.size, 3)],
  ] as const)('stops at once when a block is freed %s', ([, misuse]) => {
    const ram = new PhysicalMemory(LARGEST, LARGEST);
    const address = ram.allocate(3);
    ram.free(address, 3);
    expect(() => misuse(ram, address)).toThrow(/free of .* which nobody has/);
  });
});

describe('an address', () => {
  test('shows the bytes from there to the end of its block', () => {
    const ram = new PhysicalMemory(2 * LARGEST, LARGEST);
    const [small, large] = [ram.allocate(0), ram.allocate(4)];
    const memory = memoryOf(4, PAGE_SIZE);
    ram.back(large, 4, memory, PAGE_SIZE);
    expect(ram.resolve(large)).toEqual({ memory, offset: PAGE_SIZE, length: PAGE_SIZE << 4 });
    expect(ram.resolve(large + 5 * PAGE_SIZE + 7)).toEqual({ memory, offset: 6 * PAGE_SIZE + 7, length: 11 * PAGE_SIZE - 7 });
    expect(ram.resolve(large + (PAGE_SIZE << 4) - 1)).toEqual({ memory, offset: 17 * PAGE_SIZE - 1, length: 1 });
    for (const nothing of [small, large - 1, large + (PAGE_SIZE << 4), 0, LARGEST - 1, 3 * LARGEST]) {
      if (nothing !== small) expect(ram.resolve(nothing), `at ${nothing}`).toBeUndefined();
    }
    ram.free(large, 4);
    expect(ram.resolve(large)).toBeUndefined();
  });

  test('in a block that nobody backed shows nothing, nor does it see a former one', () => {
    const ram = new PhysicalMemory(LARGEST);
    const large = ram.allocate(3);
    ram.back(large, 3, memoryOf(3), 0);
    ram.free(large, 3);
    const pages = takeAll(ram, 0);
    for (const page of pages) expect(ram.resolve(page)).toBeUndefined();
  });

  test('can be backed only in a block that somebody has', () => {
    const ram = new PhysicalMemory(LARGEST);
    const address = ram.allocate(2);
    expect(() => ram.back(address + PAGE_SIZE, 0, memoryOf(0), 0)).toThrow('which nobody has');
    expect(() => ram.back(address, 3, memoryOf(3), 0)).toThrow('which nobody has');
  });
});

/** RAM as an array of pages: who has each. */
class Model {
  readonly owners: (number | undefined)[];

  constructor(pages: number) {
    this.owners = new Array(pages).fill(undefined);
  }

  /** Whether an aligned run of free pages is left. */
  fits(order: number): boolean {
    const length = 1 << order;
    for (let first = 0; first < this.owners.length; first += length) {
      if (this.owners.slice(first, first + length).every((owner) => owner === undefined)) return true;
    }
    return false;
  }

  set(first: number, order: number, owner: number | undefined): void {
    this.owners.fill(owner, first, first + (1 << order));
  }
}

describe('any history', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('allocate' as const), order: fc.integer({ min: 0, max: MAX_PAGE_ORDER }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('free' as const), pick: fc.nat() }) },
  );

  test('agrees with an array of pages, and ends as it began', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const ram = new PhysicalMemory(2 * LARGEST, LARGEST);
        const model = new Model(ram.size / PAGE_SIZE);
        const held = new Map<number, { readonly order: number; readonly memory: MemoryObject; readonly offset: number }>();
        let lastOwner = 0;
        const firstPage = (address: number) => (address - ram.base) / PAGE_SIZE;
        for (const one of steps) {
          if (one.kind === 'allocate') {
            const address = ram.tryAllocate(one.order);
            expect(address !== undefined).toBe(model.fits(one.order));
            if (address === undefined) continue;
            const first = firstPage(address);
            expect(first % (1 << one.order)).toBe(0);
            const pages = model.owners.slice(first, first + (1 << one.order));
            expect(pages).toEqual(new Array(1 << one.order).fill(undefined));
            const owner = ++lastOwner;
            model.set(first, one.order, owner);
            const offset = (owner % 3) * PAGE_SIZE;
            const memory = memoryOf(one.order, offset);
            ram.back(address, one.order, memory, offset);
            held.set(address, { order: one.order, memory, offset });
          } else {
            const address = [...held.keys()][one.pick % Math.max(1, held.size)];
            if (address === undefined) continue;
            const { order } = held.get(address) as { order: number };
            ram.free(address, order);
            model.set(firstPage(address), order, undefined);
            held.delete(address);
          }
          expect(ram.freeBytes).toBe(model.owners.filter((owner) => owner === undefined).length * PAGE_SIZE);
        }
        for (const [address, { order, memory, offset }] of held) {
          const last = (PAGE_SIZE << order) - 1;
          for (const within of [0, last >> 1, last])
            expect(ram.resolve(address + within)).toEqual({ memory, offset: offset + within, length: last + 1 - within });
        }
        for (const [page, owner] of model.owners.entries())
          if (owner === undefined) expect(ram.resolve(ram.base + page * PAGE_SIZE)).toBeUndefined();
        for (const [address, { order }] of held) ram.free(address, order);
        expect(takeAll(ram, MAX_PAGE_ORDER)).toEqual([LARGEST, 2 * LARGEST]);
      }),
    );
  });
});
