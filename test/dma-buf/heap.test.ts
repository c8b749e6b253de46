import fc from 'fast-check';
import { DMA_BUF_SET_NAME, DMA_HEAP_IOCTL_ALLOC, O_RDWR, PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { addDmaHeap, addSystemHeap, type DmaHeap } from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';
import type { PageRange, PhysicalMemory } from '../../src/memory/index.ts';
import { allocate, bufferAt, describe, expect, limitedBy, test } from './fixture.ts';

const MIB = 2 ** 20;

/** The blocks that a buffer has, with their page orders. */
const blocksOf = (machine: BootedMachine, fd: number) =>
  (bufferAt(machine, fd).private.pages as readonly PageRange[]).map(({ address, length }) => ({
    address,
    order: Math.log2(length / PAGE_SIZE),
  }));

/** A machine with so much RAM and the system heap. */
const bootSmall = (ram: number, options: MachineOptions = {}) =>
  boot({ name: 'small', description: 'little RAM', ram, setUp: ({ system, ram: memory }) => addSystemHeap(system, memory) }, options);

/** Takes all RAM in blocks of 64 KiB and gives every second one back: half of it is free, but nothing larger. */
function fragment(ram: PhysicalMemory): () => void {
  const taken: number[] = [];
  for (let address = ram.tryAllocate(4); address !== undefined; address = ram.tryAllocate(4)) taken.push(address);
  taken.sort((a, b) => a - b);
  for (let i = 0; i < taken.length; i += 2) ram.free(taken[i] as number, 4);
  return () => {
    for (let i = 1; i < taken.length; i += 2) ram.free(taken[i] as number, 4);
  };
}

describe('the system heap', () => {
  test.for([
    [1, [0]],
    [15, Array(15).fill(0)],
    [16, [4]],
    [17, [4, 0]],
    [255, [...Array(15).fill(4), ...Array(15).fill(0)]],
    [256, [8]],
    [256 + 16 + 1, [8, 4, 0]],
    [3 * 256 + 33, [8, 8, 8, 4, 4, 0]],
  ] as [number, number[]][])('makes %d pages of the largest blocks that fit: orders %j', ([pages, orders], { machine, sys }) => {
    expect(blocksOf(machine, allocate(sys, pages)).map(({ order }) => order)).toEqual(orders);
  });

  test('makes do with smaller blocks when there are no larger ones', () => {
    const machine = bootSmall(4 * MIB);
    const restore = fragment(machine.ram);
    const fd = allocate(machine.sys, 256 + 1);
    expect(blocksOf(machine, fd).map(({ order }) => order)).toEqual([...Array(16).fill(4), 0]);
    machine.sys.close(fd);
    restore();
    machine.shutdown();
  });

  test('shows each byte of a buffer at the addresses of its blocks, to devices and programs alike', ({ machine, sys }) => {
    const pages = 2 * 256 + 2 * 16 + 3;
    const fd = allocate(sys, pages);
    const mapping = sys.mmap(fd, { length: pages * PAGE_SIZE });
    for (let page = 0; page < pages; page++) mapping.bytes.set([page & 0xff, page >> 8], page * PAGE_SIZE + 100);
    let page = 0;
    for (const { address, order } of blocksOf(machine, fd)) {
      const whole = machine.ram.resolve(address);
      expect(whole?.length).toBe(PAGE_SIZE << order);
      for (let i = 0; i < 1 << order; i++, page++) {
        const at = machine.ram.resolve(address + i * PAGE_SIZE + 100);
        const bytes = at?.memory.bytes().subarray(at.offset, at.offset + 2);
        expect([...(bytes ?? [])], `page ${page}`).toEqual([page & 0xff, page >> 8]);
        at?.memory.bytes().set([0xd0], at.offset + 2);
        expect(mapping.bytes[page * PAGE_SIZE + 102]).toBe(0xd0);
      }
    }
    expect(page).toBe(pages);
  });

  test('gives zeros, also where another buffer was', () => {
    const machine = bootSmall(4 * MIB);
    const { sys, ram } = machine;
    const fill = () => {
      const fd = allocate(sys, 4 * 256);
      const mapping = sys.mmap(fd, { length: 4 * MIB });
      const isZero = mapping.bytes.every((byte) => byte === 0);
      mapping.bytes.fill(0xff);
      const addresses = blocksOf(machine, fd).map(({ address }) => address);
      sys.munmap(mapping);
      sys.close(fd);
      expect(ram.resolve(addresses[0] as number)).toBeUndefined();
      return { isZero, addresses: addresses.sort() };
    };
    expect(fill()).toEqual({ isZero: true, addresses: [0, MIB, 2 * MIB, 3 * MIB] });
    expect(fill()).toEqual({ isZero: true, addresses: [0, MIB, 2 * MIB, 3 * MIB] });
    machine.shutdown();
  });

  test('rounds lengths up to pages', ({ machine, sys }) => {
    const heap = sys.open('/dev/dma_heap/system', O_RDWR);
    const sizes = [1, 4095, 4096, 4097].map((len) => bufferAt(machine, sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len }).fd).size);
    expect(sizes).toEqual([4096, 4096, 4096, 8192]);
  });

  test('names itself as the exporter', ({ machine, sys }) => {
    const fd = allocate(sys);
    sys.ioctl(fd, DMA_BUF_SET_NAME, 'mine');
    expect(bufferAt(machine, fd).describe()).toBe('dma-buf 1 (system, "mine"), 4096 bytes');
  });
});

describe('RAM', () => {
  const expectUntouched = (machine: BootedMachine, attempt: () => unknown, code: string) => {
    const before = [machine.ram.freeBytes, machine.system.ledger.count()];
    expect(attempt).toThrow(code);
    expect([machine.ram.freeBytes, machine.system.ledger.count()]).toEqual(before);
  };

  test('that is exhausted is ENOMEM, and nothing is taken', () => {
    const machine = bootSmall(4 * MIB);
    const { sys } = machine;
    expectUntouched(machine, () => allocate(sys, 4 * 256 + 1), 'ENOMEM');
    expectUntouched(machine, () => allocate(sys, 2 ** 40), 'ENOMEM');
    const fd = allocate(sys, 3 * 256);
    expectUntouched(machine, () => allocate(sys, 257), 'ENOMEM');
    const rest = allocate(sys, 256);
    expect(machine.ram.freeBytes).toBe(0);
    expectUntouched(machine, () => allocate(sys, 1), 'ENOMEM');
    for (const each of [fd, rest]) sys.close(each);
    sys.close(allocate(sys, 4 * 256));
    machine.shutdown();
  });

  test('comes back when there is no memory to show for it', () => {
    let isFull = false;
    const machine = bootSmall(4 * MIB, {
      memory: limitedBy(() => isFull),
    });
    isFull = true;
    expectUntouched(machine, () => allocate(machine.sys, 300), 'ENOMEM: the host is full');
    machine.shutdown();
  });

  test('comes back when there is no descriptor for the buffer', ({ machine, sys }) => {
    const heap = sys.open('/dev/dma_heap/system', O_RDWR);
    sys.setFileLimit(heap + 1);
    expectUntouched(machine, () => sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: MIB }), 'EMFILE');
  });

  test('holds exactly what is open, whatever comes and goes', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('allocate' as const), pages: fc.integer({ min: 1, max: 1200 }) }),
      fc.record({ kind: fc.constant('close' as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const machine = bootSmall(8 * MIB);
        const { sys, ram } = machine;
        const open: number[] = [];
        let used = 0;
        for (const one of steps) {
          if (one.kind === 'close') {
            const [fd] = open.splice(one.pick % Math.max(1, open.length), 1);
            if (fd === undefined) continue;
            used -= bufferAt(machine, fd).size;
            sys.close(fd);
          } else if (used + one.pages * PAGE_SIZE > ram.size) {
            expect(() => allocate(sys, one.pages)).toThrow('ENOMEM');
          } else {
            open.push(allocate(sys, one.pages));
            used += one.pages * PAGE_SIZE;
          }
          expect(ram.size - ram.freeBytes).toBe(used);
          const pages = open.flatMap((fd) =>
            blocksOf(machine, fd).flatMap(({ address, order }) => Array.from({ length: 1 << order }, (_, i) => address + i * PAGE_SIZE)),
          );
          expect(new Set(pages).size * PAGE_SIZE).toBe(used);
        }
        for (const fd of open) sys.close(fd);
        machine.shutdown();
      }),
      { numRuns: 50 },
    );
  });
});

describe('heaps', () => {
  const heap = (name: string): DmaHeap => ({ name, allocate: () => expect.unreachable() });

  test('have nodes of their own', ({ machine, sys }) => {
    addDmaHeap(machine.system, heap('second'));
    const [first, second] = ['system', 'second'].map((name) => sys.stat(`/dev/dma_heap/${name}`));
    expect([first?.mode, second?.mode]).toEqual([0o20600, 0o20600]);
    expect(second?.rdev).not.toBe(first?.rdev);
  });

  test.for([
    ['', 'EINVAL'],
    ['system', 'EINVAL'],
  ] as [string, string][])('cannot be called "%s" here: %s', ([name, code], { machine, sys }) => {
    expect(() => addDmaHeap(machine.system, heap(name))).toThrow(code);
    addDmaHeap(machine.system, heap('another'));
    sys.close(sys.open('/dev/dma_heap/another', O_RDWR));
    sys.close(allocate(sys));
  });

  test('are at most 128', ({ machine }) => {
    for (let i = 1; i < 128; i++) addDmaHeap(machine.system, heap(`heap${i}`));
    expect(() => addDmaHeap(machine.system, heap('one too many'))).toThrow('EBUSY');
  });
});
