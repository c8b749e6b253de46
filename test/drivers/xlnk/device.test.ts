import { describe, expect, test } from 'vitest';
import * as uapi from '../../../src/abi/uapi/index.ts';
import type { KeembayOptions } from '../../../src/boards/index.ts';
import { echo, goodBoot } from '../../../src/hardware/keembay/index.ts';
import { NOTHING, XlnkClient } from '../../support/xlnk-client.ts';
import { bootKeembay } from '../keembay/fixture.ts';

const ok = { outcome: 0, result: uapi.X_LINK_SUCCESS };
const refused = { outcome: 'EIO', result: uapi.X_LINK_ERROR };

function open(options: KeembayOptions = {}) {
  const setup = bootKeembay(options);
  return { ...setup, client: new XlnkClient(setup.machine.sys) };
}

const status = (client: XlnkClient) => {
  expect(client.call(uapi.XL_GET_DEVICE_STATUS, { device_status: client.dataAt })).toEqual(ok);
  return client.number;
};

const boot = (client: XlnkClient, name: string) => {
  client.put(name);
  return client.call(uapi.XL_BOOT_DEVICE, { binary_name: client.dataAt, binary_name_size: name.length });
};

describe('a device', () => {
  test('is listed with its name', () => {
    const { client } = open();
    expect(client.call(uapi.XL_GET_DEVICE_LIST, { sw_device_id_list: client.dataAt, num_devices: client.sizeAt })).toEqual(ok);
    expect([client.size, client.number]).toEqual([1, 0]);
    expect(client.call(uapi.XL_GET_DEVICE_NAME, { name: client.dataAt, name_size: 12 })).toEqual(ok);
    expect(Buffer.from(client.data.subarray(0, 6)).toString()).toBe('vpu-0\0');
    for (const name_size of [0, 129]) expect(client.call(uapi.XL_GET_DEVICE_NAME, { name: client.dataAt, name_size })).toEqual(refused);
    client.handle(2, uapi.VPUIP_DEVICE);
    expect(client.call(uapi.XL_GET_DEVICE_NAME, { name: client.dataAt, name_size: 12 })).toEqual(refused);
    client.close();
  });

  test('is booted, and stopped by what is called reset', () => {
    const { client } = open({ vpu: 'off' });
    expect(status(client)).toBe(0);
    expect(client.call(uapi.XL_RESET_DEVICE)).toEqual(refused);
    expect(boot(client, 'vpu.bin')).toEqual(ok);
    // READY of the VPU, which xlink's own header calls BUSY.
    expect(status(client)).toBe(2);
    expect(client.call(uapi.XL_RESET_DEVICE)).toEqual(ok);
    expect(status(client)).toBe(0);
    client.close();
  });

  test.each([
    { why: 'there is no such file', name: 'none.bin' },
    { why: 'the trusted application refuses', name: 'vpu.bin', script: { ...goodBoot, isRefused: true } },
    { why: 'the firmware says nothing within 3 s', name: 'vpu.bin', script: { delay_ns: 0, message: undefined } },
  ])('does not boot when $why', ({ name, script }) => {
    const { client, trustedApplication } = open({ vpu: 'off' });
    if (script !== undefined) trustedApplication.script = script;
    expect(boot(client, name)).toEqual(refused);
    expect(status(client)).toBe(3);
    client.close();
  });

  test('has a name of at most 64 bytes', () => {
    const { client } = open();
    expect(boot(client, 'x'.repeat(65))).toEqual({ outcome: 'EINVAL', result: NOTHING });
    expect(client.call(uapi.XL_START_VPU, { filename: client.dataAt, namesize: -1 })).toEqual({ outcome: 'EINVAL', result: NOTHING });
    client.put('vpu.bin');
    expect(client.call(uapi.XL_START_VPU, { filename: client.dataAt, namesize: 8 })).toEqual(ok);
    expect(client.sys.ioctl(client.fd, uapi.XL_RESET_VPU)).toBe(0);
    expect(() => client.sys.ioctl(client.fd, uapi.XL_STOP_VPU)).toThrow('EIO');
    client.close();
  });

  test('has a power mode, as its firmware says', () => {
    const { client, firmware, ipc } = open({ firmware: echo });
    client.number = 3;
    expect(client.call(uapi.XL_SET_DEVICE_MODE, { device_mode: client.dataAt })).toEqual(ok);
    expect(firmware.xlink?.powerMode).toBe(3);
    client.number = 0;
    expect(client.call(uapi.XL_GET_DEVICE_MODE, { device_mode: client.dataAt })).toEqual(ok);
    expect(client.number).toBe(3);
    expect(ipc.channels.at(10)).toBeUndefined();
    firmware.crash();
    expect(client.call(uapi.XL_GET_DEVICE_MODE, { device_mode: client.dataAt })).toEqual(refused);
    client.close();
  });
});

describe('events', () => {
  const events = (client: XlnkClient, request: typeof uapi.XL_REGISTER_DEV_EVENT, ...list: number[]) => {
    client.put(new Uint8Array(Uint32Array.from(list).buffer));
    return client.call(request, { event_list: client.dataAt, num_events: list.length });
  };
  const text = (client: XlnkClient, event: number) => {
    const fd = client.sys.open(`/sys/xlink-core-events/event${event}`, uapi.O_RDONLY);
    const read = Buffer.from(client.sys.read(fd, 64)).toString();
    client.sys.close(fd);
    return read;
  };

  test('are files that say so once somebody has asked for them', () => {
    const { client, watchdogs, pass, machine } = open();
    expect(events(client, uapi.XL_REGISTER_DEV_EVENT, 2, 0)).toEqual(ok);
    expect(text(client, 2)).toBe('0x0 0x0\n');
    const poller = machine.spawn(function* (own) {
      const fd = yield* own.open('/sys/xlink-core-events/event2', uapi.O_RDONLY);
      yield* own.read(fd, 64);
      const [entry] = yield* own.poll([{ fd, events: uapi.POLLPRI }], 10_000);
      return entry;
    });
    pass(1000);
    watchdogs.mss.bark();
    pass(1e6);
    expect(poller.result()).toBe(uapi.POLLPRI | uapi.POLLERR);
    expect([0, 1, 2, 3].map((event) => text(client, event))).toEqual(['0x0 0x0\n', '0x0 0x0\n', '0x0 0x2\n', '0x0 0x0\n']);
    expect(status(client)).toBe(3);
    client.close();
  });

  test('end when they are unregistered', () => {
    const { client, watchdogs, pass } = open();
    expect(events(client, uapi.XL_UNREGISTER_DEV_EVENT, 2)).toEqual(refused);
    expect(events(client, uapi.XL_REGISTER_DEV_EVENT, 2)).toEqual(ok);
    expect(events(client, uapi.XL_UNREGISTER_DEV_EVENT, 2, 3)).toEqual(refused);
    watchdogs.mss.bark();
    pass(1e6);
    expect(text(client, 2)).toBe('0x0 0x0\n');
    expect(events(client, uapi.XL_REGISTER_DEV_EVENT)).toEqual(ok);
    expect(client.call(uapi.XL_REGISTER_DEV_EVENT, { event_list: client.dataAt, num_events: 2 ** 21 })).toEqual({
      outcome: 'EFAULT',
      result: NOTHING,
    });
    client.close();
  });

  test('cannot be written, whatever their mode says', () => {
    const { client } = open();
    const fd = client.sys.open('/sys/xlink-core-events/event0', uapi.O_WRONLY);
    expect(client.sys.fstat(fd).mode & 0o777).toBe(0o644);
    expect(() => client.sys.write(fd, '1')).toThrow('EIO');
    client.sys.close(fd);
    client.close();
  });
});
