import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import { checkCarveoutDa, MemEntry, overlapsOf, type Placed, POLICIES, type RegionProfile } from '../../../src/drivers/remoteproc/index.ts';
import type { TableEntry } from '../../../src/hardware/remote-processor/index.ts';
import { FW_RSC_ADDR_ANY } from '../../../src/ports/remoteproc/index.ts';
import { bootRemoteproc, errnoOf, firmwareWith, shutDown, TEXT } from './fixture.ts';

const KIB = 1024;
const region = (name: string, physical: number, len: number, da: number | undefined = physical): RegionProfile => ({
  name,
  len,
  ...(da === undefined ? {} : { da }),
  provider: { kind: 'ioremap', physical },
});
const text = region('mcuram2', TEXT, 64 * KIB);
const rpmsg: TableEntry = { type: 'vdev', id: 7, dfeatures: 1, vrings: [{}, {}] };

function start(policy: (typeof POLICIES)[number], regions: readonly RegionProfile[], entries: readonly TableEntry[]) {
  const machine = bootRemoteproc({ policy, regions: () => regions });
  machine.use(firmwareWith(entries));
  return { machine, errno: errnoOf(() => machine.start()), observer: machine.rproc.observer };
}

const addressOf = ({ rproc }: ReturnType<typeof bootRemoteproc>, vring: number) => rproc.rvdevs[0]?.vrings[vring]?.entry?.va?.physical;

describe('which region a vring gets', () => {
  const regions = [text, region('vdev0vring0', 0x10040000, 4 * KIB), region('vdev0vring1', 0x10041000, 4 * KIB)];
  const fixed: TableEntry = {
    type: 'vdev',
    id: 7,
    dfeatures: 1,
    vrings: [{ da: 0x10041000 }, { da: 0x10040000 }],
  };

  test('upstream: that of its name, whatever its address', () => {
    const { machine, observer } = start('upstream', regions, [rpmsg]);
    expect([addressOf(machine, 0), addressOf(machine, 1)]).toEqual([0x10040000, 0x10041000]);
    expect(observer.fallbacks).toBe(0);
    const [first] = observer.decisions;
    expect(first?.candidates.map(({ entry, isTaken }) => [entry, isTaken])).toEqual([
      ['mcuram2', false],
      ['vdev0vring0', true],
    ]);
    // The names say one thing and the addresses another: the check fails, and the device is left out.
    expect(start('upstream', regions, [fixed]).machine.rproc.rvdevs).toEqual([]);
  });

  test('seed: that of its address; with none there is nothing to match, so the default allocator serves', () => {
    const { machine } = start('seed', regions, [fixed]);
    expect([addressOf(machine, 0), addressOf(machine, 1)]).toEqual([0x10041000, 0x10040000]);
    const any = start('seed', regions, [rpmsg]);
    expect(any.observer.fallbacks).toBe(2);
    expect(addressOf(any.machine, 0)).toBe(0x4000000);
  });

  test('seed: by physical address, and each region once', () => {
    const byPa: TableEntry = { type: 'vdev', id: 7, dfeatures: 1, vrings: [{ pa: 0x10041000 }, { pa: 0x10041000 }] };
    const { machine } = start('seed', regions, [byPa]);
    expect([addressOf(machine, 0), addressOf(machine, 1)]).toEqual([0x10041000, 0x4000000]);
  });

  test('alloc-op: what the platform finds at an address, else the default where pa is left out', () => {
    const { machine } = start('alloc-op', regions, [fixed]);
    expect([addressOf(machine, 0), addressOf(machine, 1)]).toEqual([0x10041000, 0x10040000]);
    expect(start('alloc-op', regions, [{ type: 'carveout', name: 'x', da: 0x50000000, pa: 0x50000000, len: 16 }]).errno).toBe('ENOMEM');
    const any = start('alloc-op', regions, [rpmsg]);
    expect(addressOf(any.machine, 0)).toBe(0x4000000);
    // Two requests for one place are both served, and nobody looks.
    const twice = start('alloc-op', regions, [
      { type: 'carveout', name: 'a', da: 0x10040000, len: 16 },
      { type: 'carveout', name: 'b', da: 0x10040000, len: 16 },
    ]);
    expect(twice.errno).toBeUndefined();
    expect(twice.observer.overlaps).toEqual([{ one: 'a', other: 'b', spaces: ['da', 'pa'] }]);
  });
});

describe('overlaps', () => {
  const over = [text, region('one', 0x10020000, 0x4000), region('other', 0x10022000, 0x4000)];

  test('two names in one bank are taken upstream, and told; strict refuses them', () => {
    const { errno, observer } = start('upstream', over, [
      { type: 'carveout', name: 'one', len: 16 },
      { type: 'carveout', name: 'other', len: 16 },
    ]);
    expect(errno).toBeUndefined();
    expect(observer.overlaps).toEqual([{ one: 'one', other: 'other', spaces: ['da', 'pa'] }]);
    const strict = start('strict', over, []);
    expect(strict.errno).toBe('EBUSY');
    expect(strict.machine.logged('other lies over one in da and pa')).toBe(true);
    expect(strict.machine.rproc.carveouts).toEqual([]);
    // And it can be tried again.
    expect(errnoOf(() => strict.machine.start())).toBe('EBUSY');
  });

  test('which region wins is which was registered first', () => {
    const winner = (regions: readonly RegionProfile[]) => {
      const { machine } = start('upstream', regions, []);
      machine.rproc.daToVa(0x10022000n, 16);
      return machine.rproc.observer.translations.at(-1)?.entry;
    };
    expect(winner(over)).toBe('one');
    expect(winner([text, over[2] as RegionProfile, over[1] as RegionProfile])).toBe('other');
  });

  test('segments and traces may lie in a plain region, and not over rings', () => {
    const { machine } = start('upstream', [text, region('vdev0vring0', TEXT + 0x1000, 0x1000)], [rpmsg]);
    expect(machine.rproc.observer.overlaps.map(({ one, other }) => [one, other])).toContainEqual(['vdev0vring0', 'segment 0']);
  });
});

describe('memory that wants I/O accessors', () => {
  test('loading has them; the ring does not, and that is told', () => {
    const strictly = (name: string, physical: number, len: number): RegionProfile => ({
      name,
      da: physical,
      len,
      provider: { kind: 'ioremap', physical, mapping: 'strict' },
    });
    const machine = bootRemoteproc({ regions: () => [strictly('mcuram2', TEXT, 64 * KIB), strictly('vdev0vring0', 0x10040000, 4096)] });
    machine.system.findings.expect('plain-access-to-io-memory');
    machine.use(firmwareWith([]));
    machine.start();
    expect(machine.system.findings.all).toEqual([]);
    machine.stop();
    machine.use(firmwareWith([rpmsg]));
    machine.start();
    expect(machine.system.findings.all.map(({ rule }) => rule)).toContain('plain-access-to-io-memory');
  });
});

describe('SRAM from an allocator', () => {
  test.each([{ by: 'first-fit' } as const, { by: 'best-fit' } as const, { by: 'aligned', alignment: 8 * KIB } as const])(
    'vrings with addresses left out live there: $by',
    (sramAlgorithm) => {
      const machine = bootRemoteproc({
        sramAlgorithm,
        regions: ({ sram, toDevice }) => {
          const provider = { kind: 'genpool', pool: sram, toDevice } as const;
          return [text, { name: 'vdev0vring0', len: 4096, provider }, { name: 'vdev0vring1', len: 4096, provider }];
        },
      });
      machine.write(machine.sysfs('firmware'), 'echo.elf');
      const free = machine.sram.freeBytes;
      machine.start();
      machine.pass();
      expect(machine.read(machine.debug('trace0'))).toContain('echo: serving');
      expect(addressOf(machine, 0)).toBe(0x10050000);
      expect(machine.sram.freeBytes).toBe(free - 8192);
      machine.stop();
      expect(machine.sram.freeBytes).toBe(free);
    },
  );
});

/** Registrations and requests that may be anything, small enough to meet often. */
const anyAddress = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: 0, max: 15 }).map((page) => 0x10040000 + page * 0x1000),
);
const anyLength = fc.integer({ min: 1, max: 4 }).map((pages) => pages * 0x1000);
const registrations = fc.array(
  fc.record({
    page: fc.integer({ min: 0, max: 15 }),
    len: anyLength,
    isMapped: fc.boolean(),
    name: fc.constantFrom('a', 'b', 'vdev0vring0', 'c'),
  }),
  { maxLength: 4 },
);
const requests = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), da: anyAddress, len: anyLength }), { maxLength: 4 });

test('under strict no region ever lies over another; under the others the report has each that does', () => {
  fc.assert(
    fc.property(fc.constantFrom(...POLICIES), registrations, requests, (policy, registered, wanted) => {
      const regions = [text, ...registered.map(({ page, len, name }) => region(name, 0x10040000 + page * 0x1000, len))];
      const entries: TableEntry[] = wanted.map(({ name, da, len }) => ({
        type: 'carveout',
        name,
        len,
        ...(da === undefined ? {} : { da }),
      }));
      const { machine, errno } = start(policy, regions, [...entries, rpmsg]);
      const { carveouts, observer } = machine.rproc;
      const met: string[] = [];
      for (const [index, one] of carveouts.entries())
        for (const other of carveouts.slice(index + 1)) {
          const isOver = (a: number, b: number) => a < b + other.len && b < a + one.len;
          const das = one.da !== FW_RSC_ADDR_ANY && other.da !== FW_RSC_ADDR_ANY && isOver(one.da, other.da);
          const pas = one.physical !== undefined && other.physical !== undefined && isOver(one.physical, other.physical);
          if (das || pas) met.push(`${one.name} ${other.name}`);
        }
      const told = observer.overlaps.map(({ one, other }) => `${one} ${other}`);
      for (const pair of met) expect(told).toContain(pair);
      if (policy === 'strict') {
        expect(met).toEqual([]);
        if (errno !== undefined) expect(['EBUSY', 'ENOMEM']).toContain(errno);
      }
      if (errno === undefined) machine.stop();
      shutDown(machine.machine);
    }),
    { seed: 1, numRuns: 60 },
  );
}, 120_000);

test('a request fits exactly where arithmetic says so', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 0xff }),
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 0xff }),
      (da, len, wantedDa, wantedLen) => {
        const entry = new MemEntry({ name: 'x', da, len });
        let fits = true;
        try {
          checkCarveoutDa(entry, wantedDa, wantedLen, () => {});
        } catch (error) {
          if (!isErrno(error, 'EINVAL')) throw error;
          fits = false;
        }
        expect(fits).toBe(wantedDa >= da && wantedDa + wantedLen <= da + len);
      },
    ),
  );
});

test('overlaps are found in each space, and empty things lie over nothing', () => {
  const at = (name: string, da: number | undefined, pa: number | undefined, len: number): Placed => ({
    name,
    kind: 'region',
    da,
    pa,
    va: undefined,
    len,
  });
  expect(overlapsOf([at('a', 0, 100, 10), at('b', 9, 0, 10), at('c', undefined, 109, 1), at('d', 5, 5, 0)])).toEqual([
    { one: 'a', other: 'b', spaces: ['da'] },
    { one: 'a', other: 'c', spaces: ['pa'] },
  ]);
});
