import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, PROT_NONE, PROT_READ, PROT_WRITE } from '../../src/abi/uapi/index.ts';
import { bootTestDevice } from '../support/test-device.ts';

const PAGE = 4096;

function bootMapped(pages: number) {
  const booted = bootTestDevice();
  const memory = booted.machine.system.memory.allocate(pages * PAGE, 'the test device');
  booted.device.memory = memory;
  return { ...booted, memory, sys: booted.machine.sys };
}

describe('mappings', () => {
  test('show the same bytes as the device and as each other', () => {
    const { sys, fd, memory } = bootMapped(4);
    const one = sys.mmap(fd, { length: 4 * PAGE });
    const other = sys.mmap(fd, { length: PAGE, offset: 2 * PAGE });
    one.bytes[2 * PAGE + 5] = 7;
    expect([other.bytes[5], memory.bytes()[2 * PAGE + 5]]).toEqual([7, 7]);
  });

  test('hold the file until the last piece is unmapped', () => {
    const { sys, fd, device, memory, machine } = bootMapped(3);
    const mapping = sys.mmap(fd, { length: 3 * PAGE });
    sys.close(fd);
    sys.munmap({ address: mapping.address + PAGE, length: PAGE });
    expect(() => sys.peek(mapping.address + PAGE, 1)).toThrow('EFAULT');
    sys.munmap({ address: mapping.address, length: PAGE });
    expect(device.released).toEqual([]);
    sys.munmap(mapping);
    expect(device.released).toHaveLength(1);
    memory.put();
    machine.shutdown();
  });

  test('a child shares them, and its end gives its share back', async () => {
    const { sys, fd, machine, memory } = bootMapped(1);
    const mapping = sys.mmap(fd, { length: PAGE });
    const pid = sys.fork(function* (child) {
      child.poke(mapping.address, Uint8Array.of(9));
      yield* child.sched_yield();
    });
    sys.close(fd);
    sys.waitpid(pid);
    expect(mapping.bytes[0]).toBe(9);
    sys.munmap(mapping);
    memory.put();
    machine.shutdown();
  });

  test('protection holds for the program and for calls', () => {
    const { sys, fd } = bootMapped(2);
    const mapping = sys.mmap(fd, { length: 2 * PAGE });
    sys.mprotect({ address: mapping.address, length: PAGE }, PROT_NONE);
    expect(() => sys.peek(mapping.address, 1)).toThrow('EFAULT');
    expect(sys.peek(mapping.address + PAGE, 1)).toHaveLength(1);
    sys.mprotect(mapping, PROT_READ);
    expect(() => sys.poke(mapping.address, Uint8Array.of(1))).toThrow('EFAULT');
    expect(() => sys.readv(fd, [{ address: mapping.address, length: 1 }])).toThrow();
  });

  test('MAP_FIXED replaces what is there, MAP_FIXED_NOREPLACE refuses', () => {
    const { sys, fd } = bootMapped(4);
    const mapping = sys.mmap(fd, { length: 3 * PAGE });
    mapping.bytes[3 * PAGE - 1] = 1;
    const middle = mapping.address + PAGE;
    expect(() => sys.mmap(fd, { length: PAGE, flags: MAP_SHARED | MAP_FIXED_NOREPLACE, address: middle })).toThrow('EEXIST');
    expect(() => sys.mmap(fd, { length: PAGE, flags: MAP_SHARED | MAP_FIXED, address: middle + 1 })).toThrow('EINVAL');
    sys.mmap(fd, { length: PAGE, flags: MAP_SHARED | MAP_FIXED, address: middle, offset: 2 * PAGE });
    expect(sys.peek(middle + PAGE - 1, 1)[0]).toBe(1);
  });

  test('a private one is a copy', () => {
    const { sys, fd, memory } = bootMapped(1);
    memory.bytes()[0] = 5;
    const mapping = sys.mmap(fd, { length: PAGE, flags: MAP_PRIVATE });
    mapping.bytes[0] = 6;
    expect(memory.bytes()[0]).toBe(5);
  });

  test('a call may use them as memory', () => {
    const { sys, fd, device } = bootMapped(1);
    const mapping = sys.mmap(fd, { length: PAGE });
    device.put(1, 2, 3);
    expect(sys.readv(fd, [{ address: mapping.address + 10, length: 3 }])).toBe(3);
    expect([...mapping.bytes.subarray(9, 14)]).toEqual([0, 1, 2, 3, 0]);
  });

  test('what is mapped where follows from the calls, page by page', () => {
    const step = fc.record({
      at: fc.nat(15),
      pages: fc.integer({ min: 1, max: 6 }),
      offset: fc.nat(9),
      what: fc.constantFrom('map', 'unmap', 'none', 'read', 'write'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { sys, fd, memory, machine } = bootMapped(16);
        for (let page = 0; page < 16; page++) memory.bytes()[page * PAGE] = page + 1;
        const base = 0x6000_0000_0000;
        const model: ({ page: number; protection: number } | undefined)[] = new Array(24).fill(undefined);
        for (const { at, pages, offset, what } of steps) {
          const range = { address: base + at * PAGE, length: pages * PAGE };
          const slots = Array.from({ length: pages }, (_, i) => at + i);
          if (what === 'map') {
            sys.mmap(fd, { ...range, flags: MAP_SHARED | MAP_FIXED, offset: offset * PAGE });
            for (const [i, slot] of slots.entries()) model[slot] = { page: offset + i, protection: PROT_READ | PROT_WRITE };
          } else if (what === 'unmap') {
            sys.munmap(range);
            for (const slot of slots) model[slot] = undefined;
          } else {
            const protection = { none: PROT_NONE, read: PROT_READ, write: PROT_READ | PROT_WRITE }[what];
            const mapped = slots.every((slot) => model[slot] !== undefined);
            if (mapped) {
              sys.mprotect(range, protection);
              for (const slot of slots) model[slot] = { page: model[slot]?.page as number, protection };
            } else {
              expect(() => sys.mprotect(range, protection)).toThrow('ENOMEM');
            }
          }
        }
        for (const [slot, expected] of model.entries()) {
          const address = base + slot * PAGE;
          if (expected === undefined || expected.protection === PROT_NONE) expect(() => sys.peek(address, 1)).toThrow('EFAULT');
          else expect(sys.peek(address, 1)[0]).toBe(expected.page < 16 ? expected.page + 1 : undefined);
        }
        sys.munmap({ address: base, length: 24 * PAGE });
        sys.close(fd);
        memory.put();
        machine.shutdown();
      }),
      { numRuns: 100 },
    );
  });
});
