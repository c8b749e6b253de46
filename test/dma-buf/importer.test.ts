import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_WRITE,
  DMA_HEAP_IOCTL_ALLOC,
  MAP_PRIVATE,
  O_RDWR,
  PAGE_SIZE,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type BootedMachine, boot, type Leak } from '../../src/index.ts';
import { type CacheModel, coherentCaches, type PageRange, setCaches } from '../../src/memory/index.ts';
import { machineTest } from '../../src/vitest.ts';
import { ATTACH, addImporter, DETACH, DIRECTIONS, MAP, READ_BYTE, UNMAP, WRITE_BYTE } from '../support/importer.ts';
import importers from '../support/importer-board.ts';
import { brokenRules, bufferAt, describe, expect, limitedBy } from './fixture.ts';

const MIB = 2 ** 20;
const HEAPS = ['system', 'reserved', 'carveout'] as const;

const test = machineTest(() => importers).extend<{ sys: Sys<'sync'> }>({
  sys: async ({ machine }, use) => use(machine.sys),
});

const TO_DEVICE = DIRECTIONS.indexOf('to-device');
const FROM_DEVICE = DIRECTIONS.indexOf('from-device');
const BOTH_WAYS = DIRECTIONS.indexOf('bidirectional');

function allocate(sys: Sys<'sync'>, heap: string, len = PAGE_SIZE): number {
  const node = sys.open(`/dev/dma_heap/${heap}`, O_RDWR);
  try {
    return sys.ioctl(node, DMA_HEAP_IOCTL_ALLOC, { len, fd_flags: O_RDWR }).fd;
  } finally {
    sys.close(node);
  }
}

function attach(sys: Sys<'sync'>, fd: number, device = 'importer', dynamic = 0): number {
  const importer = sys.open(`/dev/${device}`, O_RDWR);
  sys.ioctl(importer, ATTACH, { fd, dynamic });
  return importer;
}

describe.for(HEAPS)('a device that a buffer of the heap %s is attached to', (heap) => {
  test.for([
    ['statically', 0],
    ['dynamically', 1],
  ] as const)('%s shares its bytes with programs', ([, dynamic], { machine, sys }) => {
    const length = 200 * PAGE_SIZE;
    const fd = allocate(sys, heap, length);
    const mapping = sys.mmap(fd, { length });
    const importer = attach(sys, fd, 'importer', dynamic);
    sys.ioctl(importer, MAP, { direction: BOTH_WAYS });
    for (const offset of [0, 1, length >> 1, length - 1]) {
      mapping.bytes[offset] = 0x40;
      expect(sys.ioctl(importer, READ_BYTE, { offset }).value).toBe(0x40);
      sys.ioctl(importer, WRITE_BYTE, { offset, value: 0x41 });
      expect(mapping.bytes[offset]).toBe(0x41);
    }
    sys.ioctl(importer, UNMAP);
    sys.ioctl(importer, DETACH);
    sys.munmap(mapping);
    for (const each of [importer, fd]) sys.close(each);
    expect(machine.ram.usedBytes).toBe(0);
  });

  test('holds it when its descriptors are closed', ({ machine, sys }) => {
    const fd = allocate(sys, heap);
    const importer = attach(sys, fd);
    sys.close(fd);
    sys.ioctl(importer, MAP, { direction: TO_DEVICE });
    expect(sys.ioctl(importer, READ_BYTE, { offset: 0 }).value).toBe(0);
    expect(machine.ram.usedBytes).toBe(PAGE_SIZE);
    sys.close(importer);
    expect(machine.ram.usedBytes).toBe(0);
  });
});

describe('memory that a device does not reach', () => {
  test.for([
    ['carveout', 'EIO'],
    ['reserved', 'ENOMEM'],
  ] as const)('of the heap %s is %s, and nothing is mapped', ([heap, code], { machine, sys }) => {
    const fd = allocate(sys, heap);
    const importer = attach(sys, fd, 'narrow');
    const before = machine.system.ledger.count();
    expect(() => sys.ioctl(importer, MAP, { direction: TO_DEVICE })).toThrow(code);
    expect(machine.system.ledger.count()).toBe(before);
    for (const each of [importer, fd]) sys.close(each);
  });

  test('of a dynamic importer is no attachment at all', ({ machine, sys }) => {
    const fd = allocate(sys, 'carveout');
    const importer = sys.open('/dev/narrow', O_RDWR);
    const before = machine.system.ledger.count();
    // One side is dynamic, so attach maps.
    expect(() => sys.ioctl(importer, ATTACH, { fd, dynamic: 1 })).toThrow('EIO');
    expect([machine.system.ledger.count(), bufferAt(machine, fd).file.count]).toEqual([before, 1]);
    expect(() => sys.ioctl(importer, MAP, { direction: TO_DEVICE })).toThrow('EINVAL');
    for (const each of [importer, fd]) sys.close(each);
  });
});

describe('the heap of a contiguous area', () => {
  const placeOf = (machine: BootedMachine, fd: number) => (bufferAt(machine, fd).private.pages as PageRange[])[0]?.address ?? -1;

  test.for([
    ['reserved', [1, 3, 8, 256, 300], [0, 4, 8, 256, 512]],
    ['carveout', [1, 3, 8], [0, 1, 4]],
  ] as [string, number[], number[]][])(
    '%s puts buffers of %j pages at pages %j of its region',
    ([heap, sizes, places], { machine, sys }) => {
      const fds = sizes.map((pages) => allocate(sys, heap, pages * PAGE_SIZE));
      const { base } = machine.ram.region(heap);
      expect(fds.map((fd) => (placeOf(machine, fd) - base) / PAGE_SIZE)).toEqual(places);
      for (const fd of fds) expect(bufferAt(machine, fd).private.pages).toHaveLength(1);
      for (const fd of fds) sys.close(fd);
    },
  );

  test('aligns no further than 1 MiB', ({ machine, sys }) => {
    const fds = [PAGE_SIZE, 2 * MIB].map((length) => allocate(sys, 'reserved', length));
    expect(placeOf(machine, fds[1] as number)).toBe(machine.ram.region('reserved').base + MIB);
    for (const fd of fds) sys.close(fd);
  });

  test('is ENOMEM when it is full, and nothing is taken', ({ machine, sys }) => {
    const fd = allocate(sys, 'carveout', MIB - PAGE_SIZE);
    const before = [machine.ram.usedBytes, machine.system.ledger.count()];
    expect(() => allocate(sys, 'carveout', 2 * PAGE_SIZE)).toThrow('ENOMEM');
    expect([machine.ram.usedBytes, machine.system.ledger.count()]).toEqual(before);
    sys.close(fd);
    sys.close(allocate(sys, 'carveout', MIB));
  });

  test('gets its memory back when there are no bytes to show for it', () => {
    let isFull = false;
    const machine = boot(importers, {
      memory: limitedBy(() => isFull),
    });
    isFull = true;
    for (const heap of HEAPS) expect(() => allocate(machine.sys, heap)).toThrow('ENOMEM: the host is full');
    machine.shutdown();
  });

  test('can be mapped shared only', ({ sys }) => {
    for (const heap of ['reserved', 'carveout']) {
      const fd = allocate(sys, heap);
      expect(() => sys.mmap(fd, { length: PAGE_SIZE, flags: MAP_PRIVATE })).toThrow('EINVAL');
      sys.close(fd);
    }
  });

  test('names itself as the exporter, and gives zeros where another buffer was', ({ machine, sys }) => {
    for (let round = 0; round < 2; round++) {
      const fd = allocate(sys, 'reserved');
      expect(bufferAt(machine, fd).exporterName).toBe('reserved');
      const mapping = sys.mmap(fd, { length: PAGE_SIZE });
      expect(mapping.bytes.every((byte) => byte === 0)).toBe(true);
      mapping.bytes.fill(0xff);
      sys.munmap(mapping);
      sys.close(fd);
    }
  });
});

describe.for(HEAPS)('CPU access to a buffer of the heap %s', (heap) => {
  test('syncs the mappings of all attachments that have one, newest first', ({ machine, sys }) => {
    const calls: string[] = [];
    const tell =
      (what: string): CacheModel['syncForCpu'] =>
      (device, _range, direction) =>
        void calls.push(`${what} ${device.name} ${direction}`);
    setCaches(machine.system, { ...coherentCaches, syncForCpu: tell('cpu'), syncForDevice: tell('device') });
    for (const name of ['one', 'two', 'three']) addImporter(machine.system, { name });
    const fd = allocate(sys, heap);
    const importers = ['one', 'two', 'three'].map((name) => attach(sys, fd, name));
    sys.ioctl(importers[2] as number, MAP, { direction: FROM_DEVICE });
    sys.ioctl(importers[0] as number, MAP, { direction: TO_DEVICE });
    expect(calls.splice(0)).toEqual(['device three from-device', 'device one to-device']);
    const sync = (flags: number) => {
      sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags });
      return calls.splice(0);
    };
    expect(sync(DMA_BUF_SYNC_READ)).toEqual(['cpu three from-device', 'cpu one from-device']);
    expect(sync(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END)).toEqual(['device three from-device', 'device one from-device']);
    expect(sync(DMA_BUF_SYNC_WRITE)).toEqual(['cpu three to-device', 'cpu one to-device']);
    sys.ioctl(importers[0] as number, UNMAP);
    expect(calls.splice(0)).toEqual(['cpu one to-device']);
    expect(sync(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END)).toEqual(['device three bidirectional']);
    for (const importer of importers) sys.close(importer);
    calls.splice(0);
    expect(sync(DMA_BUF_SYNC_RW)).toEqual([]);
    sys.close(fd);
  });
});

describe('bufinfo', () => {
  const bufinfo = (machine: BootedMachine) => machine.fs.readFileSync('/sys/kernel/debug/dma_buf/bufinfo', 'utf8');

  test('lists attached devices, newest first', ({ machine, sys }) => {
    const fds = [allocate(sys, 'system'), allocate(sys, 'reserved', 2 * PAGE_SIZE)] as const;
    sys.ioctl(fds[0], DMA_BUF_SET_NAME, 'camera');
    const importers = [attach(sys, fds[0]), attach(sys, fds[0], 'narrow'), attach(sys, fds[0])];
    expect(bufinfo(machine).split('\n')).toEqual([
      '',
      'Dma-buf Objects:',
      'size    \tflags   \tmode    \tcount   \texp_name\tino     \tname',
      '00008192\t00000002\t00080007\t00000001\treserved\t00000002\t<none>',
      '\tAttached Devices:',
      'Total 0 devices attached',
      '',
      '00004096\t00000002\t00080007\t00000004\tsystem\t00000001\tcamera',
      '\tAttached Devices:',
      '\timporter',
      '\tnarrow',
      '\timporter',
      'Total 3 devices attached',
      '',
      '',
      'Total 2 objects, 12288 bytes',
      '',
    ]);
    sys.ioctl(importers[1] as number, DETACH);
    expect(bufinfo(machine)).toContain('\tAttached Devices:\n\timporter\n\timporter\nTotal 2 devices attached\n');
    for (const fd of [...importers, ...fds]) sys.close(fd);
  });
});

describe('a machine that is switched off', () => {
  test('names what importers have left', () => {
    const machine = boot(importers);
    const { sys } = machine;
    const fd = allocate(sys, 'system');
    const importer = attach(sys, fd);
    sys.ioctl(importer, MAP, { direction: TO_DEVICE });
    const file = machine.system.tasks.get(1)?.files.at(importer);
    file?.get();
    for (const each of [fd, importer]) sys.close(each);
    let left: readonly string[] = [];
    try {
      machine.shutdown();
    } catch (error) {
      left = (error as Leak).left;
    }
    expect(left).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^attachment of dma-buf 1 \(system\), 4096 bytes to importer, made by ioctl\(\d, ATTACH\) of task 1/),
        expect.stringMatching(
          /^DMA mapping of 4096 bytes at bus address 0x\w+ for importer, to-device, made by ioctl\(\d, MAP\) of task 1/,
        ),
      ]),
    );
  });
});

test('a device that works on after the unmap is found', ({ machine, sys }) => {
  const fd = allocate(sys, 'system');
  const device = addImporter(machine.system, { name: 'display' });
  const importer = attach(sys, fd, 'display');
  sys.ioctl(importer, MAP, { direction: BOTH_WAYS });
  const { address } = (bufferAt(machine, fd).private.pages as PageRange[])[0] as PageRange;
  device.write(address, Uint8Array.of(1));
  sys.ioctl(importer, UNMAP);
  device.write(address, Uint8Array.of(2));
  expect(brokenRules(machine)).toEqual(['dma-outside-mapping']);
  const mapping = sys.mmap(fd, { length: PAGE_SIZE });
  expect(mapping.bytes[0]).toBe(1);
  sys.munmap(mapping);
  for (const each of [importer, fd]) sys.close(each);
});
