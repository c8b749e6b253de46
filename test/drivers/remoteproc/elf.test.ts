import { describe, expect, test } from 'vitest';
import { elf64_hdr } from '../../../src/abi/uapi/index.ts';
import { type ElfDescription, writeElf } from '../../../src/hardware/remote-processor/index.ts';
import { bootRemoteproc, errnoOf, firmwareWith, TABLE, TEXT, tableOf } from './fixture.ts';

const PHDR32 = 52;

/** Starts with a changed file. @returns the errno and what was logged last */
function startWith(change: (bytes: Uint8Array, view: DataView) => Uint8Array | void, elfClass = 1, options = {}) {
  const machine = bootRemoteproc({ toleratesNoTable: false, ...options });
  const table = tableOf([]);
  const description: ElfDescription = {
    elfClass,
    entry: TEXT,
    segments: [{ address: TEXT, bytes: new Uint8Array(64), memorySize: 0x2000 }],
    sections: [{ name: '.resource_table', address: TABLE, bytes: table }],
  };
  const bytes = writeElf(description);
  machine.use(change(bytes, new DataView(bytes.buffer)) ?? bytes);
  const errno = errnoOf(() => machine.start());
  expect(machine.state()).toBe(errno === undefined ? 'running' : 'offline');
  expect(machine.rproc.power).toBe(errno === undefined ? 1 : 0);
  return { errno, logged: machine.logged, machine };
}

describe('what a file must be (3.1)', () => {
  test.each([
    ['fits', 'none of it', (bytes: Uint8Array) => bytes.slice(0, 51), 'Image is too small'],
    [
      'fits',
      'its magic',
      (bytes: Uint8Array) => {
        bytes[1] = 0x46;
      },
      'Image is corrupted (bad magic)',
    ],
    [
      'fits',
      'its class',
      (bytes: Uint8Array) => {
        bytes[4] = 3;
      },
      'Unsupported class: 3',
    ],
    ['fits', 'a header of 64 bits', (bytes: Uint8Array) => Object.assign(bytes.slice(0, 60), { 4: 2 }), 'elf64 header is too small'],
    [
      'fits',
      'its order of bytes',
      (bytes: Uint8Array) => {
        bytes[5] = 2;
      },
      'Unsupported firmware endianness',
    ],
    [
      'fits',
      'its section headers',
      (bytes: Uint8Array, view: DataView) => view.setUint32(32, bytes.length - 39, true),
      'Image is too small',
    ],
    ['fits', 'its segments', (_bytes: Uint8Array, view: DataView) => view.setUint16(44, 0, true), 'No loadable segments'],
    [
      'fits',
      'the place of its segments',
      (bytes: Uint8Array, view: DataView) => view.setUint32(28, bytes.length + 1, true),
      'Firmware size is too small',
    ],
  ])('it %s: %s', (_fits, _what, change, text) => {
    const { errno, logged } = startWith(change as never);
    expect(errno).toBe('EINVAL');
    expect(logged(text)).toBe(true);
  });

  test('of several faults the first counts', () => {
    const { logged } = startWith((bytes, view) => {
      bytes[4] = 9;
      view.setUint16(44, 0, true);
    });
    expect(logged('Unsupported class: 9')).toBe(true);
    expect(logged('No loadable segments')).toBe(false);
  });

  test('neither machine nor type count', () => {
    expect(startWith((_bytes, view) => view.setUint32(16, 0xffff_ffff, true)).errno).toBeUndefined();
  });

  test('both classes boot', () => {
    expect(startWith(() => {}, 1).errno).toBeUndefined();
    const { errno, machine } = startWith(() => {}, 2);
    expect(errno).toBeUndefined();
    expect(machine.rproc.bootAddress).toBe(BigInt(TEXT));
  });
});

describe('what is loaded (3.2)', () => {
  test.each([
    ['more in the file than in memory', (view: DataView) => view.setUint32(PHDR32 + 20, 63, true), 'bad phdr filesz 0x40 memsz 0x3f'],
    ['more than the file has', (view: DataView) => view.setUint32(PHDR32 + 4, 0x10000, true), 'truncated fw: need 0x10040'],
    ['nowhere', (view: DataView) => view.setUint32(PHDR32 + 12, 0x90000000, true), 'bad phdr da 0x90000000 mem 0x2000'],
    ['beyond a region', (view: DataView) => view.setUint32(PHDR32 + 20, 0x40001, true), 'bad phdr da 0x10000000 mem 0x40001'],
  ])('%s: EINVAL', (_what, change, text) => {
    const { errno, logged } = startWith((_bytes, view) => change(view));
    expect(errno).toBe('EINVAL');
    expect(logged(text)).toBe(true);
    expect(logged('Failed to load program segments: -22')).toBe(true);
  });

  test('more than a size_t of 32 bits counts: EOVERFLOW', () => {
    const at = elf64_hdr.size + 40;
    const change = (_bytes: Uint8Array, view: DataView) => view.setBigUint64(at, 2n ** 32n, true);
    expect(startWith(change, 2, { sizeBits: 32 }).errno).toBe('EOVERFLOW');
    expect(startWith(change, 2).errno).toBe('EINVAL');
  });

  test('offset and size that wrap are truncated, too', () => {
    const at = elf64_hdr.size + 8;
    expect(startWith((_bytes, view) => view.setBigUint64(at, 2n ** 64n - 16n, true), 2).errno).toBe('EINVAL');
  });

  test.each([
    ['another type', (view: DataView) => view.setUint32(PHDR32, 4, true)],
    ['no memory', (view: DataView) => view.setUint32(PHDR32 + 20, 0, true)],
  ])('a segment of %s is passed over, wherever it is', (_what, change) => {
    const { errno } = startWith((_bytes, view) => {
      view.setUint32(PHDR32 + 12, 0x90000000, true);
      change(view);
    });
    expect(errno).toBeUndefined();
  });

  test('bytes are copied, and what is beyond them is zero', () => {
    const machine = bootRemoteproc();
    const at = machine.system.deviceModel && machine.processor.bus;
    at.write(TEXT, new Uint8Array(0x4000).fill(0xaa));
    machine.use(
      writeElf({
        elfClass: 1,
        entry: TEXT,
        segments: [{ address: TEXT + 0x100, bytes: new Uint8Array([1, 2, 3]), memorySize: 8 }],
        sections: [],
      }),
    );
    machine.start();
    expect([...at.read(TEXT + 0xff, 10)]).toEqual([0xaa, 1, 2, 3, 0, 0, 0, 0, 0, 0xaa]);
  });

  test('only the lower 32 bits of an address count, as an int holds them', () => {
    const at = elf64_hdr.size + 24;
    expect(startWith((_bytes, view) => view.setBigUint64(at, 0x1_1000_0000n, true), 2).errno).toBeUndefined();
  });
});

describe('the table (3.3)', () => {
  const changed = (change: (view: DataView) => void) => {
    const table = tableOf([{ type: 'trace', name: 't', da: TEXT, len: 16 }]);
    change(new DataView(table.buffer));
    return firmwareWith(table);
  };
  test.each([
    ['version 2', changed((view) => view.setUint32(0, 2, true)), 'unsupported fw ver: 2'],
    ['a reserved word', changed((view) => view.setUint32(12, 1, true)), 'non zero reserved bytes'],
    ['too many entries', changed((view) => view.setUint32(4, 0x1000, true)), 'resource table incomplete'],
    ['no header', firmwareWith(new Uint8Array(15)), 'header-less resource table'],
  ])('%s: EINVAL, or no table for those who bear that', (_what, bytes, text) => {
    const strict = bootRemoteproc({ toleratesNoTable: false });
    strict.use(bytes);
    expect(errnoOf(() => strict.start())).toBe('EINVAL');
    expect(strict.logged(text)).toBe(true);
    const lenient = bootRemoteproc();
    lenient.use(bytes);
    lenient.start();
    expect(lenient.state()).toBe('running');
    expect(lenient.read(lenient.debug('resource_table'))).toBe('No resource table found\n');
  });

  test('what prepare registered stays in the list when the table is wrong, and comes again with the next boot', () => {
    const machine = bootRemoteproc({ toleratesNoTable: false });
    machine.use(firmwareWith(tableOf([], 2)));
    expect(errnoOf(() => machine.start())).toBe('EINVAL');
    expect(machine.rproc.carveouts).toHaveLength(5);
    machine.use(firmwareWith([]));
    machine.start();
    expect(machine.rproc.carveouts).toHaveLength(10);
    machine.stop();
    expect(machine.rproc.carveouts).toHaveLength(0);
  });

  test('a table whose place is nowhere is one that the processor never sees', () => {
    const machine = bootRemoteproc();
    const table = tableOf([{ type: 'vdev', id: 99, vrings: [{}, {}] }]);
    machine.use(
      writeElf({
        elfClass: 1,
        entry: TEXT,
        segments: [{ address: TEXT, bytes: new Uint8Array(64), memorySize: 0x2000 }],
        sections: [{ name: '.resource_table', address: 0x90000000, bytes: table }],
      }),
    );
    machine.start();
    expect(machine.rproc.tablePtr).toBe(machine.rproc.cachedTable);
    expect(machine.read(machine.debug('resource_table'))).toContain('Notify ID 1');
    expect(machine.processor.bus.read(TABLE, 4)).toEqual(new Uint8Array(4));
  });
});
