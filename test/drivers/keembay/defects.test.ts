import { describe, expect, test } from 'vitest';
import { KEEMBAY_IPC_DEFECTS } from '../../../src/drivers/keembay-ipc/index.ts';
import { sleep } from '../../../src/kernel/index.ts';
import { PACKET_ALLOCATED, PACKET_FREE, PACKET_SIZE, statusOf } from '../../../src/ports/keembay/index.ts';
import { bootKeembay, errnoOf, rulesOf, VPU } from './fixture.ts';

/** Each defect of section 13 of docs/reference/keembay-ipc.md that the driver re-creates: with it, and without. */
describe('a signal while the transmit thread has the message', () => {
  function interrupt(defects?: []) {
    const setup = bootKeembay({ txWork_ns: 1000, ...(defects === undefined ? {} : { defects }) });
    const { ipc, machine, send, run } = setup;
    ipc.openChannel(VPU, 5);
    const sender = machine.spawn(() => send(5, 1));
    machine.system.scheduler.runReady();
    machine.sys.kill(sender.pid, 15);
    run(sleep(10_000));
    return { ...setup, sender };
  }

  test('frees what the thread still writes to, and the message goes out all the same', () => {
    const { machine, sender, vpuFifo } = interrupt();
    expect(errnoOf(() => sender.result())).toBe('ERESTARTSYS');
    expect(vpuFifo.fill).toBe(1);
    expect(rulesOf(machine)).toEqual(['keembay-ipc-use-after-free', 'keembay-ipc-sent-though-interrupted']);
  });

  test('waits for its end in a driver without the defect', () => {
    const { machine, sender, vpuFifo } = interrupt([]);
    sender.result();
    expect(vpuFifo.fill).toBe(1);
    expect(rulesOf(machine)).toEqual([]);
  });
});

describe('design B and a full FIFO', () => {
  function overflow(options: Parameters<typeof bootKeembay>[0]) {
    const setup = bootKeembay({ design: 'B', ...options });
    setup.ipc.openChannel(VPU, 5);
    for (let i = 0; i < 128; i++) setup.run(setup.send(5));
    return setup;
  }
  const status129 = ({ ipc }: ReturnType<typeof overflow>) => statusOf(ipc.local.memory.bytes(), 128 * PACKET_SIZE);

  test('loses the packet', () => {
    const setup = overflow({});
    expect(errnoOf(() => setup.run(setup.send(5)))).toBe('EBUSY');
    expect(status129(setup)).toBe(PACKET_ALLOCATED);
    expect(rulesOf(setup.machine)).toEqual(['keembay-ipc-slot-leaked']);
  });

  test('keeps it without the defect', () => {
    const setup = overflow({ defects: [] });
    expect(errnoOf(() => setup.run(setup.send(5)))).toBe('EBUSY');
    expect(status129(setup)).toBe(PACKET_FREE);
  });

  test('waits for room, if its mailbox would try again', () => {
    const setup = overflow({ busyPolicy: 'retry-until-accepted' });
    const sending = setup.start(setup.send(5));
    setup.pass(1e6);
    expect(sending.outcome).toBeUndefined();
    setup.firmware.pop();
    setup.pass(1e6);
    expect(sending.outcome).toEqual({ ok: true, value: undefined });
  });
});

describe('a reset of the VPU', () => {
  function reset(defects?: []) {
    const setup = bootKeembay(defects === undefined ? {} : { defects });
    const { ipc, firmware, run, send } = setup;
    ipc.openChannel(VPU, 5);
    for (let i = 0; i < 5; i++) run(send(5));
    for (let i = 0; i < 3; i++) firmware.pop();
    firmware.crash();
    firmware.reset();
    const bytes = ipc.local.memory.bytes();
    return { ...setup, statuses: [0, 1, 2, 3, 4, 5].map((slot) => statusOf(bytes, slot * PACKET_SIZE)) };
  }

  test('loses the packets that it held for good', () => {
    const { statuses, machine } = reset();
    expect(statuses).toEqual([1, 1, 1, 1, 1, 0]);
    expect(rulesOf(machine)).toEqual(['keembay-ipc-slots-lost']);
  });

  test('gives them back without the defect', () => {
    const { statuses, machine } = reset([]);
    expect(statuses).toEqual([0, 0, 0, 0, 0, 0]);
    expect(rulesOf(machine)).toEqual([]);
  });
});

test('a size of more than 32 bits is EINVAL without the defect', () => {
  const { ipc, run, send } = bootKeembay({ defects: [] });
  ipc.openChannel(VPU, 5);
  expect(errnoOf(() => run(send(5, 0, 0x1_0000_0010n)))).toBe('EINVAL');
});

describe('a device tree without FIFO registers', () => {
  test('is found out by the first send', () => {
    const { ipc, run, send, machine } = bootKeembay({ hasFifos: false });
    ipc.openChannel(VPU, 5);
    expect(errnoOf(() => run(send(5)))).toBe('EBUSY');
    expect(rulesOf(machine)).toEqual(['keembay-ipc-unmapped-registers']);
  });

  test('fails probe without the defect', () => {
    expect(errnoOf(() => bootKeembay({ hasFifos: false, defects: [] }))).toBe('ENOENT');
  });
});

describe('an interrupt during remove', () => {
  function removeUnderFire(defects?: []) {
    const setup = bootKeembay({ txWork_ns: 100_000, ...(defects === undefined ? {} : { defects }) });
    const { ipc, firmware, start, send, remove, pass } = setup;
    ipc.openChannel(VPU, 5);
    // A send that is under way keeps remove waiting.
    start(send(5));
    start(remove());
    firmware.trySend({ channel: 5, dataAddr: 1, dataSize: 1 });
    pass(1e6);
    return setup;
  }

  test('schedules the tasklet that was killed', () => {
    expect(rulesOf(removeUnderFire().machine)).toEqual(['keembay-ipc-tasklet-after-kill']);
  });

  test('does not come without the defect', () => {
    expect(rulesOf(removeUnderFire([]).machine)).toEqual([]);
  });
});

test('the board has all of them', () => {
  const { machine } = bootKeembay();
  for (const defect of KEEMBAY_IPC_DEFECTS) expect(machine.system.findings.recreates(defect)).toBe(true);
});
