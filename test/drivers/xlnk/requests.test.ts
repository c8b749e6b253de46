import { describe, expect, test } from 'vitest';
import * as uapi from '../../../src/abi/uapi/index.ts';
import type { KeembayOptions } from '../../../src/boards/index.ts';
import { echo, idle } from '../../../src/hardware/keembay/index.ts';
import { NOTHING, XlnkClient } from '../../support/xlnk-client.ts';
import { bootKeembay } from '../keembay/fixture.ts';

const CHAN = 20;
const ok = { outcome: 0, result: uapi.X_LINK_SUCCESS };
const refused = { outcome: 'EIO', result: uapi.X_LINK_ERROR };
const bad = { outcome: 'EFAULT', result: NOTHING };

/** A board, and a client that has connected to its VPU and opened a channel. */
function connect(options: KeembayOptions = {}) {
  const setup = bootKeembay(options);
  const client = new XlnkClient(setup.machine.sys);
  expect(client.call(uapi.XL_CONNECT)).toEqual(ok);
  expect(client.open(CHAN)).toEqual(ok);
  return { ...setup, client };
}

const write = (client: XlnkClient, size: number, chan = CHAN) => client.call(uapi.XL_WRITE_DATA, { chan, pmessage: client.dataAt, size });
const volatile = (client: XlnkClient, size: number, chan = CHAN) =>
  client.call(uapi.XL_WRITE_VOLATILE, { chan, pmessage: client.dataAt, size });
const control = (client: XlnkClient, size: number, chan = CHAN) =>
  client.call(uapi.XL_WRITE_CONTROL_DATA, { chan, pmessage: client.dataAt, size });
const read = (client: XlnkClient, chan = CHAN) => client.call(uapi.XL_READ_DATA, { chan, pmessage: client.dataAt, size: client.sizeAt });
const readBuffer = (client: XlnkClient, chan = CHAN) =>
  client.call(uapi.XL_READ_TO_BUFFER, { chan, pmessage: client.dataAt, size: client.sizeAt });

describe('connections', () => {
  test('the same device twice is one link, of the type that came first', () => {
    const { client } = connect();
    client.handle(0, uapi.HOST_DEVICE);
    expect(client.call(uapi.XL_CONNECT)).toEqual(ok);
    expect(client.deviceType).toBe(uapi.VPUIP_DEVICE);
    expect([1, 2].map(() => client.call(uapi.XL_DISCONNECT, {}).result)).toEqual([0, 0]);
    expect(client.call(uapi.XL_DISCONNECT)).toEqual(refused);
    client.close();
  });

  test('there is one VPU, on one interface', () => {
    const { client } = connect();
    for (const device of [2, 0x01000000, 0x05000000]) {
      client.handle(device, uapi.VPUIP_DEVICE);
      expect(client.call(uapi.XL_CONNECT)).toEqual(refused);
      expect(client.open(CHAN + 1)).toEqual(refused);
    }
    client.close();
  });

  test('there are 24 of them', () => {
    const { client } = connect();
    // Only bits 3:1 say which VPU is meant.
    const results = Array.from({ length: 24 }, (_, i) => {
      client.handle((i + 1) << 4, uapi.VPUIP_DEVICE);
      return client.call(uapi.XL_CONNECT).result;
    });
    expect(results).toEqual([...new Array(23).fill(uapi.X_LINK_SUCCESS), uapi.X_LINK_ERROR]);
    client.close();
  });
});

describe('channels', () => {
  test.each([
    { why: 'the control channel of the IP', chan: 0x0a },
    { why: 'the control channel of the VPU', chan: 0x400 },
    { why: 'one of PCIe', chan: 0x500 },
    { why: 'one beyond all', chan: 4096 },
  ])('$why is refused', ({ chan }) => {
    const { client } = connect();
    expect(client.open(chan)).toEqual(refused);
    client.close();
  });

  test('one that is open is open already, and one of the link below an error', () => {
    const { client, ipc } = connect();
    expect(client.open(CHAN)).toEqual({ outcome: 'EIO', result: uapi.X_LINK_ALREADY_OPEN });
    ipc.openChannel(1, 30);
    expect(client.open(30)).toEqual(refused);
    client.close();
  });

  test('a host has none on this interface', () => {
    const { machine } = bootKeembay();
    const client = new XlnkClient(machine.sys);
    client.handle(0, uapi.HOST_DEVICE);
    expect(client.call(uapi.XL_CONNECT)).toEqual(ok);
    expect(client.open(CHAN)).toEqual(refused);
    client.close();
  });

  test('only who opened one closes it, and its last close does', () => {
    const { client, machine, ipc } = connect();
    const other = new XlnkClient(machine.sys);
    const notOpen = { outcome: 'EIO', result: uapi.X_LINK_COMMUNICATION_NOT_OPEN };
    expect(other.call(uapi.XL_CLOSE_CHANNEL, { chan: CHAN })).toEqual(notOpen);
    expect(client.call(uapi.XL_CLOSE_CHANNEL, { chan: CHAN })).toEqual(ok);
    expect(client.call(uapi.XL_CLOSE_CHANNEL, { chan: CHAN })).toEqual(notOpen);
    expect(other.open(CHAN)).toEqual(ok);
    // Whoever has the number may talk on it.
    expect(volatile(client, 4)).toEqual(ok);
    expect(ipc.channels.at(CHAN)).toBeDefined();
    other.close();
    expect(ipc.channels.at(CHAN)).toBeUndefined();
    client.close();
  });
});

describe('messages', () => {
  test('of an address go without a copy', () => {
    const { client, firmware } = connect({ firmware: idle, vpuOffset: 0x1000_0000 });
    client.number = 0x90000040;
    expect(write(client, 256)).toEqual(ok);
    expect(firmware.pop()).toMatchObject({ dataAddr: 0xa0000040, dataSize: 256, channel: CHAN });
    firmware.trySend({ channel: CHAN, dataAddr: 0xa0000080, dataSize: 77 });
    expect(read(client)).toEqual(ok);
    expect([client.number, client.size]).toEqual([0x90000080, 77]);
    client.close();
  });

  test('that are volatile are copied, and what comes is copied out', () => {
    const { client } = connect({ firmware: echo });
    client.put('hello');
    expect(volatile(client, 6)).toEqual(ok);
    client.put('.....');
    expect(readBuffer(client)).toEqual(ok);
    expect(client.size).toBe(6);
    expect(Buffer.from(client.data.subarray(0, 6)).toString()).toBe('hello\0');
    client.put('ctrl!');
    expect(control(client, 100)).toEqual(ok);
    expect(readBuffer(client)).toEqual(ok);
    expect(client.size).toBe(100);
    client.close();
  });

  test('have limits, each with an answer of its own', () => {
    const { client } = connect();
    expect(write(client, 2 ** 30)).toEqual(ok);
    expect(write(client, 2 ** 30 + 1)).toEqual(bad);
    expect(volatile(client, 128)).toEqual(ok);
    expect(volatile(client, 129)).toEqual(bad);
    expect(control(client, 101)).toEqual(refused);
    expect(control(client, 484)).toEqual(refused);
    expect(control(client, 485)).toEqual({ outcome: uapi.X_LINK_ERROR, result: uapi.X_LINK_ERROR });
    client.close();
  });

  test('on closed channels are errors', () => {
    const { client } = connect();
    for (const request of [write, volatile, control]) expect(request(client, 4, 21)).toEqual(refused);
    expect(read(client, 21)).toEqual(refused);
    expect(readBuffer(client, 21)).toEqual(refused);
    client.close();
  });

  test('that the link refuses carry its errno', () => {
    const { client } = connect({ poolSlots: 2 });
    for (let i = 0; i < 2; i++) expect(write(client, 4)).toEqual(ok);
    expect(write(client, 4)).toEqual({ outcome: 'EIO', result: -12 });
    expect(volatile(client, 4)).toEqual({ outcome: 'EIO', result: -12 });
    client.close();
  });

  test('do not come for ever when the channel does not wait', () => {
    const { client, machine } = connect();
    expect(client.open(30, uapi.RXN_TXB, 20)).toEqual(ok);
    const before = machine.system.now();
    expect(read(client, 30)).toEqual({ outcome: 'EIO', result: -62 });
    expect(machine.system.now() - before).toBe(20e6);
    expect(readBuffer(client, 30)).toEqual(refused);
    client.close();
  });

  test('must lie in the region of the VPU to be copied out', () => {
    const { client, firmware } = connect();
    firmware.trySend({ channel: CHAN, dataAddr: 0x90000000, dataSize: 4 });
    expect(readBuffer(client)).toEqual(refused);
    client.close();
  });

  test('are released without effect', () => {
    const { client } = connect();
    expect(client.call(uapi.XL_RELEASE_DATA, { chan: 21, addr: client.dataAt })).toEqual(ok);
    expect(client.call(uapi.XL_RELEASE_DATA, { chan: 21, addr: 8 })).toEqual(bad);
    expect(client.call(uapi.XL_RELEASE_DATA, { chan: 0x400 })).toEqual(refused);
    client.close();
  });
});

describe('what the requests point to', () => {
  test('must be there: EFAULT, and nothing is told', () => {
    const { client } = connect();
    expect(client.call(uapi.XL_CONNECT, { handle: 8 })).toEqual(bad);
    expect(client.call(uapi.XL_CONNECT, { return_code: 8 })).toEqual(bad);
    expect(client.call(uapi.XL_WRITE_VOLATILE, { chan: CHAN, pmessage: 8, size: 4 })).toEqual(bad);
    expect(client.call(uapi.XL_SET_DEVICE_MODE, { device_mode: 8 })).toEqual(bad);
    expect(client.sys.ioctl(client.fd, uapi.XL_STOP_VPU)).toBe(0);
    client.close();
  });

  test('but an address to write is an error of xlink', () => {
    const { client } = connect();
    expect(client.call(uapi.XL_WRITE_DATA, { chan: CHAN, pmessage: 8, size: 4 })).toEqual(refused);
    client.close();
  });

  test('unknown requests are 0, and there is nothing but requests', () => {
    const { client } = connect();
    const { sys, fd } = client;
    expect(sys.ioctl(fd, 0x40087819, 0)).toBe(0);
    expect(sys.ioctl(fd, 0x40047801, 0)).toBe(0);
    expect(() => sys.read(fd, 1)).toThrow('EINVAL');
    expect(() => sys.write(fd, 'x')).toThrow('EINVAL');
    expect(() => sys.mmap(fd, { length: 4096, prot: uapi.PROT_READ, flags: uapi.MAP_SHARED })).toThrow('ENODEV');
    expect(sys.stat('/dev/xlnk').mode & 0o777).toBe(0o600);
    client.close();
  });

  test('no callbacks are called on this interface', () => {
    const { client } = connect();
    for (const request of [uapi.XL_DATA_READY_CALLBACK, uapi.XL_DATA_CONSUMED_CALLBACK])
      expect(client.call(request, { chan: CHAN, callback: 0x1000 })).toEqual(refused);
    client.close();
  });
});
