import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/index.ts';
import { checkFirmware, firmware_header, KeembayVpu } from '../../../src/drivers/keembay-vpu/index.ts';
import { goodBoot, TrustedApplication, VpuWatchdog } from '../../../src/hardware/keembay/index.ts';
import { irqs, WiredController } from '../../../src/irq/index.ts';
import { bootKeembay, errnoOf, REMOTE, rulesOf } from './fixture.ts';

const AREA = { vpuAddr: 0x84100000, size: 0x100000 };
const HEADER = {
  header_ver: 1,
  image_load_addr: 0x84100000,
  image_size: 0x100,
  entry_point: 0x84100000,
  fw_ver_load_addr: 0x84110000,
  fw_ver_size: 16,
  config_load_addr: 0x84120000,
};

function image(header: object = {}, length = 0x2100): Uint8Array {
  const file = new Uint8Array(length);
  firmware_header.encode(new DataView(file.buffer), 0, { ...HEADER, ...header });
  return file;
}

function bootVpu() {
  const setup = bootKeembay();
  const { machine, ipc, firmware } = setup;
  const { system } = machine;
  const wires = new WiredController(irqs(system), { name: 'wires', lines: 2 });
  const dogs = [0, 1].map((id) => new VpuWatchdog(wires.line(id)));
  const monitor = new TrustedApplication(system, firmware);
  const vpu = new KeembayVpu({
    system,
    ipc,
    monitor,
    irqs: irqs(system),
    watchdogs: dogs.map((registers, id) => ({ registers, irq: wires.irq(id) })),
    requestFirmware: (name) => {
      if (name !== 'vpu.bin') throw new Errno('ENOENT', name);
      return image();
    },
    firmwareArea: AREA,
    x509Size: 0x2000,
    packets: { vpuAddr: REMOTE, size: 0x10000 },
  });
  machine.onShutdown(() => system.scheduler.spawn('rmmod', undefined, vpu.remove()));
  const told: number[] = [];
  vpu.registerForEvents((event) => told.push(event));
  return { ...setup, vpu, dogs, monitor, told };
}

/** Items 18 to 21 of section 21 of docs/reference/keembay-ipc.md, and section 14. */
describe('the VPU manager', () => {
  test('18: firmware that says BOOT within 2 s is ready', () => {
    const { vpu, run, told, ipc } = bootVpu();
    expect(vpu.status).toBe(0);
    run(vpu.startup('vpu.bin'));
    expect(vpu.status).toBe(1);
    run(vpu.waitForReady(3000));
    expect(vpu.status).toBe(2);
    expect(told).toEqual([1]);
    expect(ipc.channels.at(10)).toBeUndefined();
  });

  test.each([
    { why: 'says something else', message: { channel: 10, dataAddr: 1, dataSize: 0 }, delay_ns: 1e6 },
    { why: 'says it with a size', message: { channel: 10, dataAddr: 0x424f4f54, dataSize: 1 }, delay_ns: 1e6 },
    { why: 'is late', message: goodBoot.message, delay_ns: 2.1e9 },
    { why: 'says nothing', message: undefined, delay_ns: 0 },
  ])('19: firmware that $why has failed', ({ message, delay_ns }) => {
    const { vpu, run, pass, monitor, told } = bootVpu();
    monitor.script = { message, delay_ns };
    run(vpu.startup('vpu.bin'));
    // Whoever waits already is not woken.
    expect(errnoOf(() => run(vpu.waitForReady(3000)))).toBe('ETIME');
    pass(1e9);
    expect(vpu.status).toBe(3);
    expect(errnoOf(() => run(vpu.waitForReady(0)))).toBe('EIO');
    expect(told).toEqual([]);
  });

  test('20: a watchdog ends a VPU that was ready', () => {
    const { vpu, run, pass, dogs, told } = bootVpu();
    run(vpu.startup('vpu.bin'));
    dogs[1]?.bark();
    pass(1e5);
    expect([vpu.status, vpu.watchdogCount(1)]).toEqual([1, 1]);
    run(vpu.waitForReady(3000));
    dogs[0]?.bark();
    pass(1e5);
    expect(told).toEqual([3, 1, 2, 0]);
    expect([vpu.status, vpu.watchdogCount(0), vpu.watchdogCount(1)]).toEqual([3, 1, 1]);
    expect(dogs[0]?.isEnabled).toBe(false);
    expect(errnoOf(() => vpu.watchdogCount(2))).toBe('EINVAL');
  });

  test('21: one that boots cannot be stopped', () => {
    const { vpu, run } = bootVpu();
    expect(errnoOf(() => vpu.stop())).toBe('EINVAL');
    run(vpu.startup('vpu.bin'));
    expect(errnoOf(() => vpu.stop())).toBe('EINVAL');
    run(vpu.waitForReady(3000));
    vpu.stop();
    expect(vpu.status).toBe(0);
    expect(errnoOf(() => run(vpu.reset()))).toBe('EINVAL');
  });

  test('a boot that fails is an error, and can be tried again', () => {
    const { vpu, run, monitor, ipc } = bootVpu();
    expect(errnoOf(() => run(vpu.startup(undefined)))).toBe('EINVAL');
    expect(errnoOf(() => run(vpu.startup('other.bin')))).toBe('ENOENT');
    expect(vpu.status).toBe(3);
    monitor.script = { ...goodBoot, isRefused: true };
    expect(errnoOf(() => run(vpu.startup('vpu.bin')))).toBe('EINVAL');
    expect(ipc.channels.at(10)).toBeUndefined();
    monitor.script = goodBoot;
    run(vpu.reset());
    run(vpu.waitForReady(3000));
    expect(errnoOf(() => vpu.registerForEvents(() => {}))).toBe('EEXIST');
  });

  test('a reset forgets the packets that the firmware held', () => {
    const { vpu, run, ipc, send, machine } = bootVpu();
    ipc.openChannel(1, 5);
    run(send(5));
    run(vpu.startup('vpu.bin'));
    run(vpu.waitForReady(3000));
    expect(rulesOf(machine)).toEqual(['keembay-ipc-slots-lost']);
  });
});

describe('a firmware file', () => {
  const answerTo =
    (file: Uint8Array, x509 = 0x2000) =>
    () =>
      checkFirmware(file, AREA, x509);

  test('is right', () => {
    expect(firmware_header.size).toBe(84);
    expect(answerTo(image())()).toEqual({ entryPoint: 0x84100000 });
  });

  test.each([
    { why: 'has no header', file: new Uint8Array(83) },
    { why: 'has a header of version 2', file: image({ header_ver: 2 }) },
    { why: 'has too long a version', file: image({ fw_ver_size: 0x1001 }) },
    { why: 'ends within the image', file: image({}, 0x20ff) },
    { why: 'has an entry point that is no page', file: image({ entry_point: 0x84100010 }) },
    { why: 'loads its image outside', file: image({ image_load_addr: 0x840fff00 }) },
    { why: 'loads its configuration outside', file: image({ config_load_addr: 0x841ff001 }) },
    { why: 'loads its image over its version', file: image({ fw_ver_load_addr: 0x841000f8 }) },
    { why: 'has too long a certificate', file: image({}, 0x3101), x509: 0x4000 },
    { why: 'has a certificate that does not fit its region', file: image({}, 0x3100), x509: 0x1fff },
  ])('that $why is EINVAL', ({ why, file, x509 = 0x2000 }) => {
    expect(errnoOf(answerTo(file, x509))).toBe('EINVAL');
    expect(answerTo(file, x509)).toThrow(why);
  });
});
