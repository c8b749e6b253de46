import { describe, expect, test } from 'vitest';
import { makeFirmwareFile } from '../../../src/boards/index.ts';
import { checkFirmware } from '../../../src/drivers/keembay-vpu/index.ts';
import { goodBoot } from '../../../src/hardware/keembay/index.ts';
import { boot_parameters, firmware_header, secure_request } from '../../../src/ports/keembay/index.ts';
import { bootKeembay, errnoOf, REMOTE, rulesOf, VPU } from './fixture.ts';

const AREA = { busAddress: 0x85000000, size: 0x200000 };
const image = (header: object = {}, length = 0x3000): Uint8Array => makeFirmwareFile({ header, length });

function bootVpu(options: Parameters<typeof bootKeembay>[0] = {}) {
  const setup = bootKeembay({ vpu: 'off', ...options });
  const { vpu, watchdogs, trustedApplication: monitor } = setup;
  const told: number[] = [];
  vpu.registerForEvents((event) => told.push(event));
  return { ...setup, dogs: [watchdogs.mss, watchdogs.nce], monitor, told };
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
    ipc.openChannel(VPU, 5);
    run(send(5));
    run(vpu.startup('vpu.bin'));
    run(vpu.waitForReady(3000));
    expect(rulesOf(machine)).toEqual(['keembay-ipc-slots-lost']);
  });
});

describe('booting', () => {
  test('tells the firmware where its packets are, and how fast everything runs', () => {
    const { vpu, run, monitor } = bootVpu();
    run(vpu.startup('vpu.bin'));
    expect(monitor.bootParameters).toMatchObject({
      magic: 0x10000,
      vpu_id: 0,
      cpu_frequency_hz: 1_500_000_000,
      mss_ipc_header_address: REMOTE,
      mss_ipc_header_area_size: 0x10000,
      mmio_address: 0,
    });
    expect(monitor.bootParameters?.pll2_out).toEqual([533_000_000, 266_500_000, 133_250_000, 66_625_000]);
  });

  test('loads version, image, certificate and header, where the VPU sees them', () => {
    const file = image({}, 0x3010);
    file.set([1, 2, 3], 0x1000);
    file.set([4, 5, 6], 0x2000);
    file.set([7, 8, 9], 0x3000);
    const { vpu, run, firmware } = bootVpu({ firmwareFiles: { 'other.bin': file } });
    expect(errnoOf(() => run(vpu.startup('vpu.bin')))).toBe('ENOENT');
    run(vpu.startup('other.bin'));
    const at = (address: number) => [...firmware.readData(address, 3)];
    expect([at(0x85010000), at(0x85000000), at(0x85200000)]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]);
    // The file's first page follows the certificate of 16 bytes.
    expect(firmware_header.decode(new DataView(firmware.readData(0x85200010, 84).buffer), 0)).toMatchObject({ entry_point: 0x85000000n });
  });

  test('is over before programs run, unless the board says otherwise', () => {
    const started = bootKeembay();
    expect(started.vpu.status).toBe(2);
    started.vpu.stop();
    expect([started.vpu.status, started.firmware.isRunning]).toEqual([0, false]);
    const off = bootKeembay({ vpu: 'off' });
    expect([off.vpu.status, off.firmware.isRunning]).toEqual([0, false]);
    off.run(off.vpu.startup('vpu.bin'));
    expect(off.firmware.isRunning).toBe(true);
  });
});

describe('a firmware file', () => {
  const answerTo =
    (file: Uint8Array, x509 = 0x2000) =>
    () =>
      checkFirmware(file, AREA, x509);

  test('is right', () => {
    expect([firmware_header.size, boot_parameters.size, secure_request.size]).toEqual([84, 4096, 76]);
    expect(answerTo(image())()).toMatchObject({ entryPoint: 0x85000000, configAddress: 0x85020000, certificateSize: 0 });
  });

  test.each([
    { why: 'has no header', file: new Uint8Array(83) },
    { why: 'has a header of version 2', file: image({ header_ver: 2 }) },
    { why: 'has too long a version', file: image({ fw_ver_size: 0x1001 }) },
    { why: 'ends within the image', file: image({}, 0x2fff) },
    { why: 'has an entry point that is no page', file: image({ entry_point: 0x85000010 }) },
    { why: 'loads its image outside', file: image({ image_load_addr: 0x84ffff00 }) },
    { why: 'loads its configuration outside', file: image({ config_load_addr: 0x851ff001 }) },
    { why: 'loads its image over its version', file: image({ fw_ver_load_addr: 0x85000ff8 }) },
    { why: 'has too long a certificate', file: image({}, 0x4001), x509: 0x4000 },
    { why: 'has a certificate that does not fit its region', file: image({}, 0x4000), x509: 0x1fff },
  ])('that $why is EINVAL', ({ why, file, x509 = 0x2000 }) => {
    expect(errnoOf(answerTo(file, x509))).toBe('EINVAL');
    expect(answerTo(file, x509)).toThrow(why);
  });
});
