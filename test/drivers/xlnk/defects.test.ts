import { describe, expect, test } from 'vitest';
import * as uapi from '../../../src/abi/uapi/index.ts';
import type { KeembayOptions } from '../../../src/boards/index.ts';
import { XLINK_DEFECTS } from '../../../src/drivers/xlnk/index.ts';
import { idle } from '../../../src/hardware/keembay/index.ts';
import { XlnkClient } from '../../support/xlnk-client.ts';
import { bootKeembay, rulesOf } from '../keembay/fixture.ts';

const CHAN = 20;

function connect(options: KeembayOptions = {}) {
  const setup = bootKeembay({ firmware: idle, ...options });
  const client = new XlnkClient(setup.machine.sys);
  client.call(uapi.XL_CONNECT);
  client.open(CHAN);
  return { ...setup, client };
}

const WITHOUT: KeembayOptions = { defects: [] };

/** Of 13 in docs/reference/keembay-ipc.md: what is above the link. */
describe('a ring of 32 buffers that goes round', () => {
  function goRound(options: KeembayOptions) {
    const setup = connect({ ...options, xlinkRegionSize: 4096 });
    const { client, firmware } = setup;
    const results: number[] = [];
    for (let i = 0; i < 33; i++) {
      client.put([i]);
      results.push(client.call(uapi.XL_WRITE_VOLATILE, { chan: CHAN, pmessage: client.dataAt, size: 1 }).result);
    }
    const first = firmware.readData(firmware.pop()?.dataAddr ?? 0, 1)[0];
    client.close();
    return { first, last: results[32], rules: rulesOf(setup.machine) };
  }

  test('overwrites what the VPU has not read', () => {
    expect(goRound({})).toEqual({ first: 32, last: 0, rules: ['xlink-payload-overwritten'] });
  });

  test('is full without the defect', () => {
    expect(goRound(WITHOUT)).toEqual({ first: 0, last: -12, rules: [] });
  });
});

describe('a message of more than 128 bytes', () => {
  function receive(options: KeembayOptions) {
    const { client, firmware, machine } = connect(options);
    firmware.trySend({ channel: CHAN, dataAddr: firmware.xlink?.put(new Uint8Array(128)) ?? 0, dataSize: 129 });
    const answer = client.call(uapi.XL_READ_TO_BUFFER, { chan: CHAN, pmessage: client.dataAt, size: client.sizeAt });
    client.close();
    return { answer, rules: rulesOf(machine) };
  }
  const refused = { outcome: 'EIO', result: uapi.X_LINK_ERROR };

  test('is copied before it is refused', () => {
    expect(receive({})).toEqual({ answer: refused, rules: ['xlink-stack-overrun'] });
  });

  test('is refused without the defect', () => {
    expect(receive(WITHOUT)).toEqual({ answer: refused, rules: [] });
  });
});

describe('the last disconnect', () => {
  function disconnect(options: KeembayOptions) {
    const { client, ipc, machine } = connect(options);
    client.call(uapi.XL_DISCONNECT);
    const isOpen = ipc.channels.at(CHAN) !== undefined;
    client.call(uapi.XL_CONNECT);
    const other = new XlnkClient(machine.sys);
    const { result } = other.open(CHAN);
    other.close();
    client.close();
    return { isOpen, result, rules: rulesOf(machine) };
  }

  test('leaves channels open that nobody has', () => {
    expect(disconnect({})).toEqual({ isOpen: true, result: uapi.X_LINK_ERROR, rules: ['xlink-channels-lost'] });
  });

  test('closes them without the defect', () => {
    expect(disconnect(WITHOUT)).toEqual({ isOpen: false, result: uapi.X_LINK_SUCCESS, rules: [] });
  });
});

test('the board has all of them', () => {
  const { machine } = bootKeembay();
  for (const defect of XLINK_DEFECTS) expect(machine.system.findings.recreates(defect)).toBe(true);
});
