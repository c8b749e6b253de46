import fc from 'fast-check';
import { PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import type { MemoryObject } from '../../src/kernel/index.ts';
import {
  type CacheModel,
  cachesOf,
  coherentCaches,
  DmaDevice,
  type DmaDeviceTraits,
  type DmaDirection,
  type DmaMapping,
  type PageRange,
  setCaches,
} from '../../src/memory/index.ts';
import { machineTest } from '../../src/vitest.ts';
import { brokenRules, describe, expect } from '../dma-buf/fixture.ts';
import { board } from '../support/boards.ts';

const P = PAGE_SIZE;
const GIB = 2 ** 30;

const onBoard = machineTest(() => board());

/** A test with memory: `pages` makes ranges at physical pages, which show one memory object in a row. */
const test = onBoard.extend<{ pages: (...runs: readonly (readonly [page: number, pages: number])[]) => PageRange[] }>({
  pages: async ({ machine }, use) => {
    const made: MemoryObject[] = [];
    await use((...runs) => {
      const memory = machine.system.memory.allocate(P * runs.reduce((sum, [, count]) => sum + count, 0), 'a test');
      let offset = 0;
      const ranges = runs.map(([page, count]) => {
        const range = { address: page * P, memory, offset, length: count * P };
        offset += range.length;
        return range;
      });
      made.push(memory);
      return ranges;
    });
    for (const memory of made) memory.put();
  },
});

const device = (machine: BootedMachine, traits: Partial<DmaDeviceTraits> = {}) =>
  new DmaDevice(machine.system, { name: 'camera0', ...traits });

/** Bus pages and page counts. */
const segmentsOf = (mapping: DmaMapping) => mapping.segments.map(({ busAddress, length }) => [busAddress / P, length / P]);

describe('dma_map_sgtable', () => {
  test.for([
    [
      'nothing that touches',
      [
        [1, 1],
        [3, 1],
      ],
      {},
      [
        [1, 1],
        [3, 1],
      ],
    ],
    [
      'neighbours',
      [
        [1, 1],
        [2, 3],
        [5, 1],
      ],
      {},
      [[1, 5]],
    ],
    [
      'neighbours in the wrong order',
      [
        [2, 1],
        [1, 1],
      ],
      {},
      [
        [2, 1],
        [1, 1],
      ],
    ],
    [
      'up to 64 KiB',
      [
        [0, 15],
        [15, 1],
        [16, 1],
      ],
      {},
      [
        [0, 16],
        [16, 1],
      ],
    ],
    [
      'up to what the device takes',
      [
        [0, 1],
        [1, 1],
        [2, 1],
      ],
      { maxSegmentSize: 2 * P },
      [
        [0, 2],
        [2, 1],
      ],
    ],
    [
      'nothing that is longer than that already',
      [
        [0, 64],
        [64, 1],
      ],
      {},
      [
        [0, 64],
        [64, 1],
      ],
    ],
  ] as [string, [number, number][], Partial<DmaDeviceTraits>, [number, number][]][])(
    'makes one segment of %s: %j',
    ([, runs, traits, segments], { machine, pages }) => {
      const dma = device(machine, traits);
      const mapping = dma.mapSg(pages(...runs), 'bidirectional');
      expect(segmentsOf(mapping)).toEqual(segments);
      dma.unmapSg(mapping, 'bidirectional');
    },
  );

  const ranges = [
    { cpu: 0, bus: GIB, size: GIB },
    { cpu: 4 * GIB, bus: 0, size: GIB },
  ];

  test.for([
    ['as it is', 5, {}, 5],
    ['through a range', 5, { ranges }, GIB / P + 5],
    ['through another', (4 * GIB) / P + 5, { ranges }, 5],
    ['at the end of a range', GIB / P - 1, { ranges }, (2 * GIB) / P - 1],
    ['over the end of a range', GIB / P - 1, { ranges }, 'EIO: 8192 bytes at physical address 0x3ffff000 are in no range', 2],
    ['between ranges', (2 * GIB) / P, { ranges }, 'EIO: 4096 bytes at physical address 0x80000000 are in no range of the bus of camera0'],
    ['just within the mask', 2 ** 20 - 1, { maskBits: 32 }, 2 ** 20 - 1],
    ['over the mask', 2 ** 20 - 1, { maskBits: 32 }, 'EIO: 8192 bytes', 2],
    ['beyond the mask', 2 ** 20, { maskBits: 32 }, 'EIO: 4096 bytes at physical address 0x100000000, 0x100000000 on the bus, are beyond'],
    ['beyond the mask behind its bus', 5, { ranges, maskBits: 30 }, 'EIO: 4096 bytes at physical address 0x5000, 0x40005000 on the bus'],
    ['within it there', (4 * GIB) / P, { ranges, maskBits: 30 }, 0],
  ] as [string, number, Partial<DmaDeviceTraits>, number | string, number?][])(
    'finds memory %s',
    ([, page, traits, expected, count = 1], { machine, pages }) => {
      const dma = device(machine, traits);
      const memory = pages([page, count]);
      if (typeof expected === 'string') expect(() => dma.mapSg(memory, 'to-device')).toThrow(expected);
      else {
        const mapping = dma.mapSg(memory, 'to-device');
        expect(segmentsOf(mapping)).toEqual([[expected, count]]);
        dma.unmapSg(mapping, 'to-device');
      }
    },
  );

  test('maps nothing when it cannot map all', ({ machine, pages }) => {
    const dma = device(machine, { maskBits: 24 });
    const before = machine.system.ledger.count();
    const memory = pages([1, 1], [2 ** 12, 1]);
    expect(() => dma.mapSg(memory, 'bidirectional')).toThrow('EIO');
    expect(machine.system.ledger.count()).toBe(before + 1);
    expect([...dma.read(P, 2)]).toEqual([0xff, 0xff]);
    expect(brokenRules(machine)).toEqual(['dma-outside-mapping']);
  });

  test('keeps the memory until it is unmapped', ({ machine }) => {
    const { system } = machine;
    const memory = system.memory.allocate(P, 'a test');
    const dma = device(machine);
    const mapping = dma.mapSg([{ address: 0, memory, offset: 0, length: P }], 'bidirectional');
    memory.put();
    dma.write(7, Uint8Array.of(9));
    expect([...dma.read(7, 1)]).toEqual([9]);
    expect(system.ledger.list().map((line) => line.replace(/, made.*/s, ''))).toEqual([
      'memory of a test, 4096 bytes',
      'DMA mapping of 4096 bytes at bus address 0x0 for camera0, bidirectional',
    ]);
    dma.unmapSg(mapping, 'bidirectional');
    expect(system.ledger.count()).toBe(0);
  });
});

describe('a device', () => {
  test('reads and writes over the seams of what is mapped for it', ({ machine, pages }) => {
    const dma = device(machine, { ranges: [{ cpu: 0, bus: GIB, size: GIB }] });
    const memory = pages([3, 1], [1, 1], [2, 1]);
    const mapping = dma.mapSg(memory, 'bidirectional');
    const bytes = (memory[0] as PageRange).memory.bytes();
    dma.write(GIB + 2 * P - 2, Uint8Array.of(1, 2, 3, 4));
    expect([...bytes.subarray(2 * P - 2, 2 * P + 2)]).toEqual([1, 2, 3, 4]);
    dma.write(GIB + 4 * P - 2, Uint8Array.of(8, 9));
    expect([...bytes.subarray(P - 2, P)]).toEqual([8, 9]);
    expect([...dma.read(GIB + 2 * P - 3, 6)]).toEqual([0, 1, 2, 3, 4, 0]);
    dma.unmapSg(mapping, 'bidirectional');
  });

  test('that leaves what is mapped reads ones, and its writes are lost', ({ machine, pages }) => {
    const dma = device(machine);
    const mapping = dma.mapSg(pages([1, 1]), 'bidirectional');
    dma.write(2 * P - 1, Uint8Array.of(1, 2, 3));
    expect([...dma.read(2 * P - 1, 3)]).toEqual([1, 0xff, 0xff]);
    expect([...dma.read(P - 1, 2)]).toEqual([0xff, 0xff]);
    dma.unmapSg(mapping, 'bidirectional');
    expect([...dma.read(P, 1)]).toEqual([0xff]);
    expect(machine.system.findings.all.map(({ text }) => text)).toEqual([
      'camera0 wrote 2 bytes at 0x2000, where nothing is mapped for it',
      'camera0 read 2 bytes at 0x2000, where nothing is mapped for it',
      'camera0 read 2 bytes at 0xfff, where nothing is mapped for it',
      'camera0 read 1 bytes at 0x1000, where nothing is mapped for it',
    ]);
    expect(new Set(brokenRules(machine))).toEqual(new Set(['dma-outside-mapping']));
  });

  test.for([
    ['to-device', true, false],
    ['from-device', false, true],
    ['bidirectional', true, true],
  ] as const)('may do with what is mapped %s: read %s, write %s', ([direction, reads, writes], { machine, pages }) => {
    const dma = device(machine);
    const memory = pages([1, 1]);
    const bytes = (memory[0] as PageRange).memory.bytes();
    bytes[0] = 5;
    const mapping = dma.mapSg(memory, direction);
    expect(dma.read(P, 1)[0]).toBe(reads ? 5 : 0xff);
    dma.write(P, Uint8Array.of(6));
    expect(bytes[0]).toBe(writes ? 6 : 5);
    dma.unmapSg(mapping, direction);
    const texts = machine.system.findings.all.map(({ text }) => text);
    expect(texts).toEqual([
      ...(reads ? [] : ['camera0 read 1 bytes at 0x1000, which is mapped from-device']),
      ...(writes ? [] : ['camera0 wrote 1 bytes at 0x1000, which is mapped to-device']),
    ]);
    brokenRules(machine);
  });

  test('has the rights of all mappings of a page together', ({ machine, pages }) => {
    const dma = device(machine);
    const memory = pages([1, 2]);
    const out = dma.mapSg(memory, 'to-device');
    const into = dma.mapSg(memory, 'from-device');
    dma.write(P, Uint8Array.of(6));
    expect([...dma.read(P, 1)]).toEqual([6]);
    dma.unmapSg(out, 'to-device');
    dma.write(P, Uint8Array.of(7));
    expect((memory[0] as PageRange).memory.bytes()[0]).toBe(7);
    dma.unmapSg(into, 'from-device');
  });

  test('finds exactly the bytes that are mapped, whatever is mapped and unmapped', () => {
    const PAGES = 12;
    const step = fc.oneof(
      fc.record({ kind: fc.constant('map' as const), first: fc.nat(PAGES - 1), pages: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('unmap' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('write' as const), at: fc.nat(PAGES * P - 1), length: fc.integer({ min: 1, max: 2 * P }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const machine = boot(board());
        const { system } = machine;
        system.findings.expect('dma-outside-mapping');
        const memory = system.memory.allocate(PAGES * P, 'all pages');
        const model = new Uint8Array(PAGES * P);
        const dma = device(machine);
        const live = new Map<DmaMapping, { readonly first: number; readonly end: number }>();
        const isMapped = (page: number) => [...live.values()].some(({ first, end }) => page >= first && page < end);
        let value = 0;
        for (const one of steps) {
          if (one.kind === 'map') {
            const end = Math.min(PAGES, one.first + one.pages);
            // Physical pages in the order of the bytes, one range each.
            const ranges = Array.from({ length: end - one.first }, (_, index) => {
              const offset = (one.first + index) * P;
              return { address: offset, memory, offset, length: P };
            });
            live.set(dma.mapSg(ranges, 'bidirectional'), { first: one.first, end });
          } else if (one.kind === 'unmap') {
            const mapping = [...live.keys()][one.pick % Math.max(1, live.size)];
            if (mapping === undefined) continue;
            live.delete(mapping);
            dma.unmapSg(mapping, 'bidirectional');
          } else {
            let reach = one.at;
            while (reach < one.at + one.length && isMapped(Math.floor(reach / P)))
              reach = Math.min(one.at + one.length, (Math.floor(reach / P) + 1) * P);
            const before = system.findings.all.length;
            dma.write(one.at, new Uint8Array(one.length).fill(++value));
            model.fill(value, one.at, reach);
            expect(system.findings.all.length - before).toBe(reach < one.at + one.length ? 1 : 0);
            const expected = new Uint8Array(one.length).fill(0xff);
            expected.set(model.subarray(one.at, reach));
            expect(Buffer.compare(dma.read(one.at, one.length), expected)).toBe(0);
          }
          expect(Buffer.compare(memory.bytes(), model)).toBe(0);
        }
        for (const mapping of live.keys()) dma.unmapSg(mapping, 'bidirectional');
        memory.put();
        machine.shutdown();
      }),
      { numRuns: 60 },
    );
  });
});

/** A model that writes down what it is asked, and does it. */
function recorder(): { readonly model: CacheModel; readonly calls: string[] } {
  const calls: string[] = [];
  const tell = (what: string, { name }: DmaDevice, { address, length }: PageRange, ...rest: readonly string[]) =>
    calls.push([what, name, address / P, length / P, ...rest].join(' '));
  const sync = (what: string) => (dma: DmaDevice, range: unknown, direction: DmaDirection) =>
    void tell(what, dma, range as PageRange, direction);
  return {
    calls,
    model: {
      deviceRead(dma, range, into) {
        tell('read', dma, range as PageRange);
        coherentCaches.deviceRead(dma, range, into);
      },
      deviceWrite(dma, range, bytes) {
        tell('write', dma, range as PageRange);
        coherentCaches.deviceWrite(dma, range, bytes);
      },
      syncForDevice: sync('for device'),
      syncForCpu: sync('for CPU'),
    },
  };
}

describe('the cache model', () => {
  test('is told of each access and each sync, range by range', ({ machine, pages }) => {
    const { model, calls } = recorder();
    setCaches(machine.system, model);
    expect(machine.caches).toBe(model);
    const dma = device(machine);
    const mapping = dma.mapSg(pages([4, 1], [5, 2]), 'bidirectional');
    dma.write(5 * P - 1, new Uint8Array(2));
    dma.syncSgForCpu(mapping, 'from-device');
    dma.syncSgForDevice(mapping, 'to-device');
    dma.read(4 * P, P);
    dma.unmapSg(mapping, 'bidirectional');
    expect(calls).toEqual([
      'for device camera0 4 1 bidirectional',
      'for device camera0 5 2 bidirectional',
      `write camera0 ${5 - 1 / P} ${1 / P}`,
      `write camera0 5 ${1 / P}`,
      'for CPU camera0 4 1 from-device',
      'for CPU camera0 5 2 from-device',
      'for device camera0 4 1 to-device',
      'for device camera0 5 2 to-device',
      'read camera0 4 1',
      'for CPU camera0 4 1 bidirectional',
      'for CPU camera0 5 2 bidirectional',
    ]);
  });

  test('is left alone by who looks after the caches himself', ({ machine, pages }) => {
    const { model, calls } = recorder();
    const dma = new DmaDevice(machine.system, { name: 'gpu' }, model);
    const mapping = dma.mapSg(pages([4, 1]), 'bidirectional', { skipCpuSync: true });
    dma.unmapSg(mapping, 'bidirectional', { skipCpuSync: true });
    expect(calls).toEqual([]);
  });

  test('is the board’s choice, there when its devices come', () => {
    const { model } = recorder();
    let seen: CacheModel | undefined;
    const look = board(({ system }) => {
      seen = cachesOf(system);
    });
    const machine = boot({ ...look, caches: () => model });
    expect([seen, machine.caches]).toEqual([model, model]);
    expect(boot(board()).caches).toBe(coherentCaches);
  });
});

describe('the DMA API finds', () => {
  test.for([
    ['an unmap that is not the first', (dma, mapping) => dma.unmapSg(mapping, 'bidirectional'), 'dma-not-mapped'],
    ['a sync for the CPU after the unmap', (dma, mapping) => dma.syncSgForCpu(mapping, 'bidirectional'), 'dma-sync-unmapped'],
    ['a sync for the device after the unmap', (dma, mapping) => dma.syncSgForDevice(mapping, 'bidirectional'), 'dma-sync-unmapped'],
  ] as [string, (dma: DmaDevice, mapping: DmaMapping) => void, string][])('%s', ([, misuse, rule], { machine, pages }) => {
    const dma = device(machine);
    const mapping = dma.mapSg(pages([1, 1]), 'bidirectional');
    dma.unmapSg(mapping, 'bidirectional');
    misuse(dma, mapping);
    expect(brokenRules(machine)).toEqual([rule]);
  });

  test('an unmap on another device', ({ machine, pages }) => {
    const [one, other] = [device(machine), device(machine, { name: 'display' })];
    const mapping = one.mapSg(pages([1, 1]), 'bidirectional');
    other.unmapSg(mapping, 'bidirectional');
    expect(machine.system.findings.all[0]?.text).toBe(
      'DMA mapping of 4096 bytes at bus address 0x1000 for camera0, bidirectional, was unmapped on display',
    );
    expect(brokenRules(machine)).toEqual(['dma-not-mapped']);
    one.unmapSg(mapping, 'bidirectional');
  });

  test('an unmap in another direction', ({ machine, pages }) => {
    const dma = device(machine);
    dma.unmapSg(dma.mapSg(pages([1, 1]), 'to-device'), 'bidirectional');
    expect(brokenRules(machine)).toEqual(['dma-direction']);
  });
});
