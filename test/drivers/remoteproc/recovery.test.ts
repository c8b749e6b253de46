import { describe, expect, test } from 'vitest';
import { elf32_hdr, elf32_phdr, O_RDONLY, O_RDWR, O_WRONLY } from '../../../src/abi/uapi/index.ts';
import { addDumpSegment, reportCrash, rprocCoredumpUsingSections } from '../../../src/drivers/remoteproc/index.ts';
import { crashFirmware, iommuLayout, sramLayout } from '../../../src/hardware/remote-processor/index.ts';
import { bootRemoteproc, errnoOf, type Fixture, firmwareWith, TEXT, TRACE, tableOf } from './fixture.ts';

const crash = (machine: Fixture, type = 2) => machine.write(machine.debug('crash'), `${type}`);
const DUMP = '/sys/class/devcoredump/devcd1/data';
const MINUTES_MS = 60_000;

function running(options = {}) {
  const machine = bootRemoteproc(options);
  machine.use(firmwareWith([]));
  machine.start();
  return machine;
}

describe('a crash (14)', () => {
  test.each([
    ['0', 'mmufault'],
    ['0x1', 'watchdog'],
    ['02', 'fatal error'],
    ['77', 'unknown'],
  ])('of type %s is told as %s, and recovered from', (type, text) => {
    const machine = running();
    expect(machine.write(machine.debug('crash'), `${type}\n`)).toBe(type.length + 1);
    machine.pass();
    expect(machine.logged(`crash detected in m4: type ${text}`)).toBe(true);
    expect(machine.logged('handling crash #1 in m4')).toBe(true);
    expect(machine.logged('recovering m4')).toBe(true);
    expect(machine.state()).toBe('running');
    expect([machine.rproc.power, machine.rproc.awake, machine.processor.starts]).toEqual([1, 0, 2]);
  });

  test.each([
    ['x', 'EINVAL'],
    ['', 'EINVAL'],
    ['-1', 'EINVAL'],
    ['4294967296', 'ERANGE'],
  ])('%j is no type: %s', (type, errno) => {
    const machine = running();
    expect(errnoOf(() => machine.write(machine.debug('crash'), `${type}\n`))).toBe(errno);
  });

  test('27.2 #17: what was there of rpmsg goes, and comes anew', () => {
    const machine = bootRemoteproc();
    machine.write(machine.sysfs('firmware'), 'echo.elf');
    machine.start();
    machine.pass();
    const fd = machine.sys.open('/dev/rpmsg0', O_RDWR);
    const states: string[] = [];
    machine.rproc.addSubdevice({ name: 'witness', stop: () => void states.push(machine.rproc.state) });
    crash(machine);
    machine.pass();
    expect(states).toEqual(['crashed']);
    expect(machine.state()).toBe('running');
    expect(errnoOf(() => machine.sys.read(fd, 10))).toBe('EPIPE');
    machine.sys.close(fd);
    machine.pass();
    expect(machine.list('/dev').filter((name) => name.startsWith('rpmsg'))).toHaveLength(2);
    expect(machine.read(machine.debug('trace0'))).toContain('echo: serving');
  });

  test('27.2 #18: without recovery it stays, and stop is EINVAL', () => {
    const machine = running();
    machine.write(machine.sysfs('recovery'), 'disabled');
    crash(machine);
    machine.pass();
    expect(machine.state()).toBe('crashed');
    expect(errnoOf(() => machine.stop())).toBe('EINVAL');
    // A start counts a user, and does nothing.
    machine.start();
    expect([machine.state(), machine.rproc.power]).toEqual(['crashed', 2]);
    machine.write(machine.sysfs('recovery'), 'recover');
    expect(machine.state()).toBe('running');
    expect(machine.read(machine.sysfs('recovery'))).toBe('disabled\n');
    crash(machine);
    machine.pass();
    machine.write(machine.sysfs('recovery'), 'enabled');
    expect(machine.state()).toBe('running');
  });

  test('only the first counts, and the others keep the machine awake', () => {
    const machine = running();
    machine.write(machine.sysfs('recovery'), 'disabled');
    for (let i = 0; i < 3; i++) {
      crash(machine);
      machine.pass();
    }
    expect([machine.rproc.crashCount, machine.rproc.awake]).toEqual([1, 2]);
  });

  test('of one that is off nobody takes notice', () => {
    const machine = bootRemoteproc();
    crash(machine);
    machine.pass();
    expect([machine.state(), machine.rproc.crashCount, machine.rproc.awake]).toEqual(['offline', 0, 0]);
  });

  test('when the firmware is gone by then the processor is stuck', () => {
    const machine = running();
    machine.machine.volume.unlinkSync('/lib/firmware/test.elf');
    crash(machine);
    machine.pass();
    expect([machine.state(), machine.rproc.power]).toEqual(['offline', 1]);
    expect(errnoOf(() => machine.stop())).toBe('EINVAL');
    expect(machine.start()).toBe(5);
    expect(machine.state()).toBe('offline');
  });

  test('memory is neither zeroed nor given anew, and the table is as it was before the first start', () => {
    const machine = running();
    machine.processor.bus.write(TEXT + 0x30000, new Uint8Array([9]));
    const before = machine.rproc.carveouts.slice();
    crash(machine);
    machine.pass();
    expect(machine.processor.bus.read(TEXT + 0x30000, 1)[0]).toBe(9);
    expect(machine.rproc.carveouts).toEqual(before);
  });

  test('one that was attached to is attached to again, if the platform says so', () => {
    const machine = bootRemoteproc({ isDetached: true, attachOnRecovery: true });
    machine.start();
    crash(machine);
    machine.pass();
    expect(machine.state()).toBe('attached');
    expect(machine.processor.starts).toBe(0);
  });

  test('that works once with a table, for no clean copy is left', () => {
    const machine = bootRemoteproc({ isDetached: true, attachOnRecovery: true });
    machine.processor.bus.write(TEXT + 0x1000, tableOf([]));
    machine.start();
    crash(machine);
    machine.pass();
    expect(machine.state()).toBe('attached');
    crash(machine);
    machine.pass();
    expect(machine.state()).toBe('crashed');
  });

  test('a crash while it boots is handled once it has', () => {
    const machine: Fixture = bootRemoteproc({
      onStep(step) {
        if (step === 'load' && machine.rproc.crashCount === 0) reportCrash(machine.rproc, 2);
      },
    });
    machine.use(firmwareWith([]));
    machine.start();
    machine.pass();
    expect([machine.state(), machine.rproc.crashCount, machine.processor.starts]).toEqual(['running', 1, 2]);
  });
});

describe('the processor crashes', () => {
  test.each([
    ['how=bus,after_ns=1000', 'mmufault'],
    ['how=fatal,after_ns=1000', 'fatal error'],
    ['how=hang,after_ns=1000,watchdog_ns=5000', 'watchdog'],
  ])('%s is %s', (options, text) => {
    const machine = bootRemoteproc();
    machine.write(machine.sysfs('recovery'), 'disabled');
    machine.use(crashFirmware(sramLayout, options));
    machine.start();
    machine.pass();
    expect(machine.logged(`crash detected in m4: type ${text}`)).toBe(true);
    expect(machine.state()).toBe('crashed');
    expect(machine.read(machine.debug('trace0'))).toMatch(/^line 1 of 5\n(.*\n)*now: (bus|fatal|hang)\n$/);
    machine.write(machine.sysfs('recovery'), 'recover');
    expect(machine.state()).toBe('running');
  });

  test('behind an IOMMU that tells', () => {
    const machine = bootRemoteproc();
    machine.write(machine.sysfs('recovery', 1), 'disabled');
    machine.use(crashFirmware(iommuLayout, 'how=bus,after_ns=1000'), 1);
    machine.start(1);
    machine.pass();
    expect(machine.logged('iommu fault: da 0xdead0000 flags 0x0')).toBe(true);
    expect(machine.state(1)).toBe('crashed');
    expect(machine.rproc.crashCount).toBe(0);
  });

  test('bytes that are no program are a fatal error', () => {
    const machine = bootRemoteproc();
    machine.write(machine.sysfs('recovery'), 'disabled');
    machine.use(firmwareWith([], 'no such program'));
    machine.start();
    machine.pass();
    expect(machine.state()).toBe('crashed');
    expect(machine.logged('type fatal error')).toBe(true);
  });
});

describe('core dumps (15)', () => {
  const segments = 4;

  function dumped(mode: string) {
    const machine = running();
    machine.write(machine.sysfs('coredump'), mode);
    machine.processor.bus.write(TRACE, new Uint8Array([1, 2, 3, 4]));
    crash(machine);
    machine.pass();
    return machine;
  }

  const readAll = (machine: Fixture) => {
    const fd = machine.sys.open(DUMP, O_RDONLY);
    const parts: Uint8Array[] = [];
    for (let part = machine.sys.read(fd, 65536); part.length > 0; part = machine.sys.read(fd, 65536)) parts.push(part.slice());
    machine.sys.close(fd);
    return Buffer.concat(parts);
  };

  test('there is none by default', () => {
    const machine = dumped('disabled');
    expect(machine.list('/sys/class/devcoredump').filter((name) => name.startsWith('devcd'))).toEqual([]);
  });

  test('enabled: all of memory in an ELF file, and the recovery goes on', () => {
    const machine = dumped('enabled');
    expect(machine.state()).toBe('running');
    const dump = readAll(machine);
    const view = new DataView(dump.buffer, dump.byteOffset, dump.length);
    const header = elf32_hdr.decode(view, 0);
    expect(header).toMatchObject({ e_type: 4, e_machine: 0, e_version: 1, e_entry: TEXT, e_phoff: 52, e_phnum: segments });
    expect(header.e_ident.slice(0, 7)).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
    const programs = Array.from({ length: segments }, (_, index) => elf32_phdr.decode(view, 52 + 32 * index));
    expect(programs.map(({ p_paddr, p_filesz, p_flags, p_align }) => [p_paddr, p_filesz, p_flags, p_align])).toEqual([
      [0, 0x10000, 7, 0],
      [TEXT, 0x40000, 7, 0],
      [0x10040000, 0x1000, 7, 0],
      [0x10041000, 0x1000, 7, 0],
    ]);
    const text = programs[1]?.p_offset ?? 0;
    expect(text).toBe(52 + 32 * segments + 0x10000);
    expect([...dump.subarray(text + 0x2000, text + 0x2004)]).toEqual([1, 2, 3, 4]);
    expect(dump.length).toBe(52 + 32 * segments + 0x10000 + 0x40000 + 0x2000);
  });

  test('a write discards it, and so do five minutes', () => {
    const machine = dumped('enabled');
    // While one is there, another is dropped.
    crash(machine);
    machine.pass();
    machine.write(DUMP, 'x');
    machine.pass();
    expect(errnoOf(() => machine.sys.open(DUMP))).toBe('ENOENT');
    crash(machine);
    machine.pass();
    const second = '/sys/class/devcoredump/devcd2/data';
    expect(machine.sys.readlink('/sys/class/devcoredump/devcd2/failing_device')).toMatch(/remoteproc0$/);
    machine.pass(5 * MINUTES_MS - 10);
    machine.sys.close(machine.sys.open(second));
    machine.pass(10);
    expect(errnoOf(() => machine.sys.open(second))).toBe('ENOENT');
  });

  test('27.2 #20: inline, the recovery waits until it was read, or five minutes', () => {
    const machine = dumped('inline');
    expect(machine.state()).toBe('offline');
    const dump = readAll(machine);
    expect(dump.length).toBe(52 + 32 * segments + 0x10000 + 0x40000 + 0x2000);
    machine.pass(MINUTES_MS);
    expect(machine.state()).toBe('offline');
    machine.write(DUMP, 'done');
    machine.pass();
    expect(machine.state()).toBe('running');
    crash(machine);
    machine.pass(5 * MINUTES_MS - 10);
    expect(machine.state()).toBe('offline');
    machine.pass(20);
    expect(machine.state()).toBe('running');
  });

  test('27.2 #19: while it has crashed nothing is changed, whatever was written', () => {
    const machine = running();
    machine.write(machine.sysfs('recovery'), 'disabled');
    crash(machine);
    machine.pass();
    for (const word of ['enabled', 'nonsense']) {
      expect(errnoOf(() => machine.write(machine.sysfs('coredump'), word))).toBe('EBUSY');
      expect(errnoOf(() => machine.write(machine.debug('coredump'), word))).toBe('EBUSY');
    }
  });

  test('what cannot be looked at is all ones; a segment may have bytes of its own', () => {
    const machine = running();
    machine.rproc.dumpSegments.length = 0;
    addDumpSegment(machine.rproc, { da: 0x90000000n, size: 4 });
    addDumpSegment(machine.rproc, { da: 5n, size: 2, dump: (_rproc, offset, length) => new Uint8Array(length).fill(offset + 7) });
    machine.write(machine.sysfs('coredump'), 'enabled');
    crash(machine);
    machine.pass();
    expect([...readAll(machine).subarray(-6)]).toEqual([0xff, 0xff, 0xff, 0xff, 7, 7]);
  });

  test('the variant with sections', () => {
    const machine = running({ ops: { coredump: (rproc: never) => rprocCoredumpUsingSections(rproc) } });
    machine.rproc.dumpSegments.length = 0;
    addDumpSegment(machine.rproc, { da: BigInt(TRACE), size: 8, name: 'trace' });
    machine.write(machine.sysfs('coredump'), 'enabled');
    machine.processor.bus.write(TRACE, Buffer.from('abcdefgh'));
    crash(machine);
    machine.pass();
    const dump = readAll(machine);
    const view = new DataView(dump.buffer, dump.byteOffset, dump.length);
    expect(elf32_hdr.decode(view, 0)).toMatchObject({ e_shoff: 52, e_shnum: 3, e_shstrndx: 1, e_phnum: 0 });
    expect(dump.toString('latin1')).toContain('\0STR_TBL\0trace\0abcdefgh');
  });

  test('they can be switched off for good', () => {
    const machine = dumped('enabled');
    const disabled = '/sys/class/devcoredump/disabled';
    expect(errnoOf(() => machine.write(disabled, '0'))).toBe('EINVAL');
    machine.write(disabled, '1');
    expect(machine.read(disabled)).toBe('1\n');
    expect(errnoOf(() => machine.sys.open(DUMP))).toBe('ENOENT');
    crash(machine);
    machine.pass();
    expect(machine.list('/sys/class/devcoredump')).not.toContain('devcd2');
  });
});

describe('debugfs (17)', () => {
  test('names and modes', () => {
    const machine = bootRemoteproc();
    const modes = machine
      .list('/sys/kernel/debug/remoteproc/remoteproc0')
      .filter((name) => !name.startsWith('.'))
      .map((name) => [name, (machine.sys.stat(machine.debug(name)).mode & 0o777).toString(8)]);
    expect(Object.fromEntries(modes)).toEqual({
      name: '400',
      recovery: '600',
      crash: '200',
      resource_table: '400',
      carveout_memories: '400',
      coredump: '600',
    });
    expect(machine.read(machine.debug('name'))).toBe('m4\n');
  });

  test.each([
    ['recovery', 'd', undefined],
    ['recovery', 'd\n', 'EINVAL'],
    ['recovery', 'disabled\n', undefined],
    ['recovery', 'disabled\0', undefined],
    ['recovery', 'disabledx', 'EINVAL'],
    ['recovery', 'r', undefined],
    ['recovery', 'recovering!', 'EINVAL'],
    ['recovery', '', 'EINVAL'],
    ['coredump', 'e', undefined],
    ['coredump', 'inline\n', undefined],
    ['coredump', 'inl\n', 'EINVAL'],
    ['coredump', 'x'.repeat(21), 'EINVAL'],
  ])('%s takes %j: %s', (file, word, errno) => {
    const machine = bootRemoteproc();
    const fd = machine.sys.open(machine.debug(file), O_WRONLY);
    expect(errnoOf(() => machine.sys.write(fd, word))).toBe(errno);
    machine.sys.close(fd);
  });
});
