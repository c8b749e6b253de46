import { expect, test } from 'vitest';
import { generic } from '../../src/boards/index.ts';
import { boot } from '../../src/index.ts';
import { allocateCoherent, CoherentPool, DmaDevice, IommuDomain, type IommuFault } from '../../src/memory/index.ts';

const machine = () => boot(generic());

test('pages are translated, faults told, and what is mapped twice refused', () => {
  const { system } = machine();
  const domain = new IommuDomain('dsp', system);
  const faults: IommuFault[] = [];
  domain.onFault = (fault) => faults.push(fault);
  domain.map(0x20000000, 0x4000000, 0x2000, 1);
  expect(domain.translate(0x20001010, false)).toBe(0x4001010);
  expect(domain.iovaToPhys(0x20001fff)).toBe(0x4001fff);
  expect(domain.translate(0x20001010, true)).toBeUndefined();
  expect(domain.translate(0x20002000, false)).toBeUndefined();
  expect(faults).toEqual([
    { iova: 0x20001010, isWrite: true },
    { iova: 0x20002000, isWrite: false },
  ]);
  expect(() => domain.map(0x20001000, 0, 0x1000, 3)).toThrow('EEXIST');
  expect(() => domain.map(0x1000, 0x10, 0x1000, 3)).toThrow('EINVAL');
  expect(() => domain.map(0x1000, 0, 0x100, 3)).toThrow('EINVAL');
  expect(domain.unmap(0x20000000, 0x3000)).toBe(0x2000);
  expect(domain.translate(0x20000000, false)).toBeUndefined();
  domain.free();
});

test('without permissions everything may be done', () => {
  const { system } = machine();
  const domain = new IommuDomain('dsp', system);
  domain.map(0, 0x1000, 0x1000, 0);
  expect([domain.translate(8, true), domain.translate(8, false)]).toEqual([0x1008, 0x1008]);
  domain.free();
});

test.each([
  { roundsUp: true, pages: [undefined, 0, 32] },
  { roundsUp: false, pages: [0, undefined, undefined] },
])('a pool of 40 pages, rounded up or not: $roundsUp', ({ roundsUp, pages }) => {
  const { system } = machine();
  const memory = system.memory.allocate(40 * 4096, 'pool');
  const resolve = (physical: number) => ({ memory, offset: physical - 0x1000, length: 41 * 4096 - physical });
  const pool = new CoherentPool({ physical: 0x1000, deviceBase: 0x90000000, size: 40 * 4096, resolve, roundsUp });
  memory.bytes().fill(1);
  const take = (count: number) => {
    try {
      return pool.allocate(count * 4096);
    } catch {
      return undefined;
    }
  };
  const taken = [take(40), take(20), take(5)];
  expect(taken.map((given) => (given === undefined ? undefined : (given.busAddress - 0x90000000) / 4096))).toEqual(pages);
  for (const given of taken) expect(given === undefined || memory.bytes()[given.offset] === 0).toBe(true);
  for (const given of taken) given?.free();
  expect([pool.freeBytes, pool.wastedBytes]).toEqual([40 * 4096, 0]);
  memory.put();
});

test('memory of a CMA area is where the device sees it, and goes back', () => {
  const booted = machine();
  const { system, ram } = booted;
  const region = ram.addRegion({ name: 'cma', base: 2 ** 32, size: 2 ** 20 });
  const device = new DmaDevice(system, { name: 'd', ranges: [{ bus: 0x1000, cpu: 2 ** 32, size: 2 ** 20 }] });
  const given = allocateCoherent(device, region, 5000);
  expect([given.physical, given.busAddress, given.length]).toEqual([2 ** 32, 0x1000, 5000]);
  expect(() => allocateCoherent(device, region, 2 ** 21)).toThrow('ENOMEM');
  expect(() => allocateCoherent(new DmaDevice(system, { name: 'small', maskBits: 32 }), region, 1)).toThrow('ENOMEM');
  given.free();
  booted.shutdown();
});
