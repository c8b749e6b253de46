import { describe, expect, test } from 'vitest';
import { echoFirmware, sramLayout, type TableEntry } from '../../../src/hardware/remote-processor/index.ts';
import { bootRemoteproc, errnoOf, type Fixture, firmwareWith, TABLE, TEXT, TRACE, tableOf } from './fixture.ts';

const CMA = 0x4000000;
const region = (name: string, da: number | undefined, len: number, physical = 0x10000000) => ({
  name,
  ...(da === undefined ? {} : { da }),
  len,
  provider: { kind: 'ioremap', physical } as const,
});
const text = (da: number | undefined, len: number, more = {}): TableEntry => ({
  type: 'carveout',
  name: 'text',
  len,
  ...(da === undefined ? {} : { da }),
  ...more,
});
/** The table that the processor sees. */
const live = ({ processor }: Fixture, length: number) => new DataView(processor.bus.read(TABLE, length).buffer);

/** Starts with a table. @returns the errno, and the machine */
function startWith(entries: readonly TableEntry[] | Uint8Array, options = {}) {
  const machine = bootRemoteproc(options);
  machine.use(firmwareWith(entries));
  return { errno: errnoOf(() => machine.start()), machine };
}

describe('the table of 27.1', () => {
  const vdev: TableEntry = { type: 'vdev', id: 7, dfeatures: 1, vrings: [{}, {}] };
  const table = tableOf([text(0x10000000, 0x8000), vdev]);

  test('its bytes are those of the vector', () => {
    expect(table).toHaveLength(148);
    const hex = (at: number, length: number) => Buffer.from(table.subarray(at, at + length)).toString('hex');
    expect(hex(0, 0x18)).toBe('010000000200000000000000000000001800000050000000');
    expect(hex(0x18, 0x18)).toBe('0000000000000010ffffffff008000000000000000000000');
    expect(hex(0x30, 0x20)).toBe(`74657874${'00'.repeat(28)}`);
    expect(hex(0x50, 0x1c)).toBe('03000000070000000000000001000000000000000000000000020000');
    expect(hex(0x6c, 0x28)).toBe('ffffffff10000000100000000000000000000000'.repeat(2));
  });

  test('after a boot with the default allocator the processor finds its addresses', () => {
    // The text lies where the processor's window shows main memory, so that the mismatch of da and dma is the only thing wrong.
    const machine = bootRemoteproc({ regions: () => [region('mcuram', TEXT, 0x40000)] });
    machine.use(firmwareWith([text(CMA, 0x8000), vdev]));
    machine.start();
    const view = live(machine, 148);
    expect(view.getUint32(0x20, true)).toBe(CMA);
    expect([view.getUint32(0x78, true), view.getUint32(0x8c, true)]).toEqual([0, 1]);
    const [, , ring0, ring1] = machine.rproc.carveouts;
    expect([view.getUint32(0x6c, true), view.getUint32(0x80, true)]).toEqual([ring0?.da, ring1?.da]);
    expect(view.getUint32(0x60, true)).toBe(1);
    expect(view.getUint8(0x68)).toBe(7);
  });

  test('what the host has changed is told', () => {
    const { machine } = startWith([vdev]);
    expect(machine.rproc.observer.tableChanges).toEqual([
      'Guest features 0x0 → Guest features 0x1',
      'Status 0x0 → Status 0x7',
      'Device Address 0xffffffff → Device Address 0x10040000',
      'Device Address 0xffffffff → Device Address 0x10041000',
      'Notify ID 0 → Notify ID 1',
    ]);
    expect(machine.rproc.observer.virtioEvents).toEqual(
      expect.arrayContaining(['status of vdev0 = 0x3', 'features of vdev0 = 0x1', 'status of vdev0 = 0x7', 'kick 0']),
    );
    const events = machine.rproc.observer.lifetimes.filter(({ entry }) => entry === 'vdev0vring0').map(({ event }) => event);
    expect(events).toEqual(['register', 'alloc']);
    machine.stop();
    expect(machine.rproc.observer.lifetimes.at(-1)?.event).toBe('release');
  });

  test('after a stop nothing is left of them', () => {
    const { machine } = startWith([vdev]);
    machine.stop();
    expect(machine.state()).toBe('offline');
    expect(machine.read(machine.debug('resource_table'))).toBe('No resource table found\n');
    expect(machine.read(machine.debug('carveout_memories'))).toBe('');
  });
});

describe('walking (10)', () => {
  test.each([
    ['behind the end', 0x1000],
    ['so that its type is cut', 21],
    ['so far that an int is negative', 0xffff_fff0],
  ])('27.2 #2: an entry %s is EINVAL', (_where, offset) => {
    const table = tableOf([{ type: 5, body: new Uint8Array(0) }]);
    new DataView(table.buffer).setUint32(16, offset, true);
    const { errno, machine } = startWith(table);
    expect(errno).toBe('EINVAL');
    expect(machine.logged('rsc table is truncated')).toBe(true);
    expect(machine.logged('Failed to process resources: -22')).toBe(true);
  });

  test('types that nobody knows are passed over', () => {
    const { errno, machine } = startWith([4, 127, 513, 0xffff_ffff].map((type) => ({ type, body: new Uint8Array(4) })));
    expect(errno).toBeUndefined();
    expect(machine.logged('unsupported resource 513')).toBe(true);
  });

  test('27.2 #32: a vendor entry that nobody knows, at the end, makes a start return 1', () => {
    const { machine } = startWith([]);
    machine.stop();
    machine.use(firmwareWith([{ type: 130, body: new Uint8Array(8) }]));
    expect(machine.start()).toBe(1);
    expect(machine.state()).toBe('offline');
    expect(machine.rproc.power).toBe(0);
    expect(machine.logged('unsupported vendor resource 130')).toBe(true);
    expect(machine.logged('Boot failed: 1')).toBe(true);
    expect(machine.write('/dev/remoteproc0', 'start')).toBe(1);
  });

  test('the same before another entry does no harm', () => {
    const { errno, machine } = startWith([
      { type: 128, body: new Uint8Array(8) },
      { type: 'trace', name: 't', da: TRACE, len: 16 },
    ]);
    expect(errno).toBeUndefined();
    expect(machine.state()).toBe('running');
  });

  test('but before one of no known type it stays', () => {
    const { machine } = startWith([]);
    machine.stop();
    machine.use(
      firmwareWith([
        { type: 512, body: new Uint8Array(8) },
        { type: 513, body: new Uint8Array(8) },
      ]),
    );
    expect(machine.start()).toBe(1);
  });

  test('a platform may take vendor entries', () => {
    const seen: unknown[] = [];
    const handleRsc = (_rproc: unknown, type: number, _view: DataView, offset: number, available: number) => {
      seen.push([type, offset, available]);
      return 0;
    };
    const { errno } = startWith([{ type: 200, body: new Uint8Array(8) }], { ops: { handleRsc } });
    expect(errno).toBeUndefined();
    expect(seen).toEqual([[200, 24, 8]]);
  });
});

describe('carveouts (5.4)', () => {
  const cut = (type: number, length: number) => [{ type, body: new Uint8Array(length) }];

  test.each([
    [0, 51, 'carveout rsc is truncated'],
    [2, 43, 'trace rsc is truncated'],
    [3, 23, 'vdev rsc is truncated'],
  ])('an entry of type %i with %i bytes is EINVAL', (type, length, logged) => {
    const { errno, machine } = startWith(cut(type, length));
    expect(errno).toBe('EINVAL');
    expect(machine.logged(logged)).toBe(true);
  });

  test('27.2 #3: a reserved word is EINVAL', () => {
    expect(startWith([text(TEXT, 16, { reserved: 1 })]).errno).toBe('EINVAL');
    expect(startWith([{ type: 'trace', name: 't', da: TRACE, len: 4, reserved: 1 }]).errno).toBe('EINVAL');
    expect(startWith([{ type: 'vdev', id: 7, vrings: [], reserved: [0, 1] }]).errno).toBe('EINVAL');
  });

  test('27.2 #4: the second of a name is ENOMEM', () => {
    const { errno, machine } = startWith([text(undefined, 4096), text(undefined, 4096)]);
    expect(errno).toBe('ENOMEM');
    expect(machine.logged('Carveout already associated to resource table')).toBe(true);
  });

  // 5.3, with a region of 0x10000 bytes at 0x10000000.
  test.each([
    { why: '27.2 #5: a part', da: 0x10004000, len: 0x8000, errno: undefined },
    { why: 'all of it', da: 0x10000000, len: 0x10000, errno: undefined },
    { why: 'anywhere', da: undefined, len: 16, errno: undefined },
    { why: 'too long', da: undefined, len: 0x10001, errno: 'ENOMEM' },
    { why: 'before it', da: 0x0fffffff, len: 16, errno: 'ENOMEM' },
    { why: '27.2 #6: beyond its end', da: 0x1000c000, len: 0x8000, errno: 'ENOMEM' },
    { why: 'so far that the difference is negative', da: 0x90000000, len: 16, errno: 'ENOMEM' },
  ])('$why is $errno', ({ da, len, errno }) => {
    const result = startWith([text(da, len)], { regions: () => [region('text', TEXT, 0x10000)] });
    expect(result.errno).toBe(errno);
    if (errno !== undefined) return;
    const view = live(result.machine, 80);
    // The region's own address and length, also for a part of it.
    expect([view.getUint32(0x18, true), view.getUint32(0x20, true)]).toEqual([TEXT, 0x10000]);
  });

  test('27.2: a fixed address from a region that has none yet is ENOMEM', () => {
    const regions = () => [region('mcuram', TEXT, 0x40000), { name: 'text', len: 0x1000, provider: { kind: 'coherent' } as const }];
    expect(startWith([text(CMA, 0x1000)], { regions }).errno).toBe('ENOMEM');
    expect(startWith([text(undefined, 0x1000)], { regions }).errno).toBeUndefined();
  });

  test('a name is 31 bytes of text, whatever is in it', () => {
    const name = `%s%n${'x'.repeat(28)}`;
    const regions = () => [region('mcuram', TEXT, 0x40000), region(name.slice(0, 31), 0x38000000, 64, 0x38000000)];
    const { errno, machine } = startWith([{ type: 'carveout', name, len: 16 }], { regions });
    expect(errno).toBeUndefined();
    expect(machine.rproc.observer.decisions.at(-1)?.outcome).toBe(name.slice(0, 31));
  });

  test('without a region it is memory of the DMA API, and a wrong address is a warning only', () => {
    const { errno, machine } = startWith([text(0x30000000, 0x2000)]);
    expect(errno).toBeUndefined();
    expect(machine.logged("stm32-rproc 10000000.m4: Allocated carveout doesn't fit device address request")).toBe(true);
    const entry = machine.rproc.carveouts.at(-1);
    expect([entry?.da, entry?.dma]).toEqual([0x30000000, CMA]);
    expect(machine.rproc.observer.fallbacks).toBe(1);
  });

  test('a region that cannot be allocated is ENOMEM, whatever was wrong', () => {
    const { errno, machine } = startWith([text(undefined, 64 * 2 ** 20)]);
    expect(errno).toBe('ENOMEM');
    expect(machine.logged('failed to allocate dma memory: len 0x4000000')).toBe(true);
    expect(machine.logged('Unable to allocate carveout text: -12')).toBe(true);
    expect(machine.logged('Failed to allocate associated carveouts: -12')).toBe(true);
    expect(machine.rproc.carveouts).toHaveLength(0);
  });
});

describe('devices of virtio (6)', () => {
  const vdevs = (vrings: readonly object[], more = {}): TableEntry[] => [{ type: 'vdev', id: 7, dfeatures: 1, vrings, ...more }];

  test('27.2 #7: three vrings are EINVAL', () => {
    const { errno, machine } = startWith(vdevs([{}, {}, {}]));
    expect(errno).toBe('EINVAL');
    expect(machine.logged('too many vrings: 3')).toBe(true);
  });

  test('vrings and configuration must be within the table', () => {
    const table = tableOf(vdevs([{}, {}], { config: new Uint8Array(8) }));
    expect(startWith(table).errno).toBeUndefined();
    new DataView(table.buffer).setUint32(16 + 4 + 4 + 16, 9, true);
    expect(startWith(table).errno).toBe('EINVAL');
  });

  test.each([{ num: 0 }, { align: 0 }])('27.2 #8: with %j the boot goes on without the device', (vring) => {
    const { errno, machine } = startWith(vdevs([vring, {}]));
    expect(errno).toBeUndefined();
    expect(machine.state()).toBe('running');
    expect(machine.rproc.rvdevs).toHaveLength(0);
    expect(machine.system.devices.nodePaths).not.toContain('rpmsg_ctrl0');
    expect(machine.logged('invalid qsz')).toBe(true);
    machine.stop();
    // The platform device that nobody took stays.
    expect(machine.list('/sys/bus/platform/devices')).toContain('rproc-virtio.0.auto');
  });

  test('a vring that fits no region leaves the device out, and gives numbers back', () => {
    const { errno, machine } = startWith(vdevs([{}, { num: 512, align: 4096 }]));
    expect(errno).toBeUndefined();
    expect(machine.rproc.rvdevs).toHaveLength(0);
    expect([...machine.rproc.notifyids]).toEqual([]);
    expect(machine.logged("Registered carveout doesn't fit len request")).toBe(true);
  });

  test('a ring of 438 bytes needs a whole page', () => {
    const sized = (len: number) => () => [region('mcuram2', TEXT, 0x30000), region('vdev0vring0', 0x10030000, len, 0x10030000)];
    expect(startWith(vdevs([{}, {}]), { regions: sized(1024) }).machine.rproc.rvdevs).toHaveLength(0);
    expect(startWith(vdevs([{}, {}]), { regions: sized(4096) }).machine.rproc.rvdevs).toHaveLength(1);
  });

  test('after a stop the vrings of the copy had no addresses, and numbers are free', () => {
    const { machine } = startWith(vdevs([{}, {}]));
    const view = live(machine, 92);
    expect(view.getUint32(20 + 4 + 24, true)).toBe(0x10040000);
    machine.stop();
    expect([...machine.rproc.notifyids]).toEqual([]);
    machine.start();
    expect(machine.rproc.maxNotifyid).toBe(1);
  });

  test('who cannot kick cannot have one: the boot fails', () => {
    const { errno, machine } = startWith(vdevs([{}, {}]), { ops: { kick: undefined } });
    expect(errno).toBe('EINVAL');
    expect(machine.logged('.kick method not defined for m4')).toBe(true);
    expect(machine.state()).toBe('offline');
    expect(machine.processor.isRunning).toBe(false);
  });

  test.each([
    { num: 16, isServed: true },
    { num: 32, isServed: false },
  ])('rings of $num and buffers of 16 KiB: $isServed', ({ num, isServed }) => {
    const { errno, machine } = startWith(vdevs([{ num }, { num }]));
    expect(errno).toBeUndefined();
    expect(machine.list('/sys/bus/virtio/drivers/virtio_rpmsg_bus').includes('virtio0')).toBe(isServed);
    expect(machine.system.devices.nodePaths.includes('rpmsg_ctrl0')).toBe(isServed);
  });

  test('a ring that is no power of two is not made', () => {
    const { errno, machine } = startWith(vdevs([{ num: 12 }, { num: 12 }]));
    expect(errno).toBeUndefined();
    expect(machine.logged('Bad virtqueue length 12')).toBe(true);
    expect(machine.system.devices.nodePaths).not.toContain('rpmsg_ctrl0');
  });
});

describe('device memory (7)', () => {
  const devmem: TableEntry = { type: 'devmem', name: 'd', da: 0x40000000, pa: 0x38000000, len: 0x1000, flags: 3 };

  test('27.2 #9: without an IOMMU it is EINVAL, before anything else', () => {
    expect(startWith([{ type: 1, body: new Uint8Array(3) }]).machine.logged('devmem rsc is truncated')).toBe(false);
    expect(startWith([devmem]).errno).toBe('EINVAL');
  });

  const iommuText: TableEntry = { type: 'carveout', name: 'text', da: 0x20000000, len: 0x10000 };

  function startDsp(entries: readonly TableEntry[]) {
    const machine = bootRemoteproc();
    machine.install('dsp.elf', echoFirmware({ text: 0x20000000, entries }));
    machine.write(machine.sysfs('firmware', 1), 'dsp.elf');
    return { errno: errnoOf(() => machine.start(1)), machine };
  }

  test('with one the processor sees it, until it stops', () => {
    const { errno, machine } = startDsp([iommuText, devmem]);
    expect(errno).toBeUndefined();
    machine.part(0).processor.bus.write(0, new Uint8Array([1, 2, 3]));
    const { bus } = machine.part(1).processor;
    expect([...bus.read(0x40000000, 3)]).toEqual([1, 2, 3]);
    machine.stop(1);
    expect(() => bus.read(0x40000000, 3)).toThrow('nothing is at');
  });

  test('what is mapped already is told: EEXIST; reserved words are EINVAL', () => {
    const { errno, machine } = startDsp([iommuText, devmem, devmem]);
    expect(errno).toBe('EEXIST');
    expect(machine.logged('failed to map devmem: -17')).toBe(true);
    expect(startDsp([iommuText, { ...devmem, reserved: 1 } as TableEntry]).errno).toBe('EINVAL');
    expect(startDsp([iommuText, { ...devmem, pa: 0x38000001 } as TableEntry]).errno).toBe('EINVAL');
  });

  test('a carveout over it fails to be allocated', () => {
    expect(startDsp([iommuText, { ...devmem, da: 0x20001000 } as TableEntry]).errno).toBe('ENOMEM');
  });
});

describe('traces (8)', () => {
  test('a file for each, up to the first NUL, and a text where there is no memory', () => {
    const { machine } = startWith([
      { type: 'trace', name: 'a', da: TRACE, len: 4 },
      { type: 'trace', name: 'b', da: 0x90000000, len: 4 },
    ]);
    machine.processor.bus.write(TRACE, Buffer.from('abcdef'));
    expect(machine.read(machine.debug('trace0'))).toBe('abcd');
    machine.processor.bus.write(TRACE + 2, new Uint8Array(1));
    expect(machine.read(machine.debug('trace0'))).toBe('ab');
    expect(machine.read(machine.debug('trace1'))).toBe('Trace  not available\n');
    machine.stop();
    expect(errnoOf(() => machine.read(machine.debug('trace0')))).toBe('ENOENT');
  });
});

test('the echo firmware that ships boots on both processors', () => {
  const machine = bootRemoteproc();
  expect(machine.machine.volume.readFileSync('/lib/firmware/echo.elf')).toEqual(Buffer.from(echoFirmware(sramLayout)));
  for (const [number, file] of [
    [0, 'echo.elf'],
    [1, 'echo-iommu.elf'],
  ] as const) {
    machine.write(machine.sysfs('firmware', number), file);
    machine.start(number);
    machine.pass();
    expect(machine.read(machine.debug('trace0', number))).toMatch(/^echo: waiting for the driver\nrings at .*\necho: serving\n$/s);
    expect(machine.system.devices.nodePaths).toContain(`rpmsg${number}`);
  }
});
