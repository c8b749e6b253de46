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

describe('a signal while the mailbox has a pointer into the message', () => {
  function interrupt(defects?: []) {
    const setup = bootKeembay({ design: 'B', mailbox_ns: 1000, ...(defects === undefined ? {} : { defects }) });
    const { ipc, machine, send, run } = setup;
    ipc.openChannel(VPU, 5);
    const senders = [1, 2].map((value) => machine.spawn(() => send(5, value)));
    machine.system.scheduler.runReady();
    for (const { pid } of senders) machine.sys.kill(pid, 15);
    run(sleep(10_000));
    return { ...setup, senders };
  }

  test('frees what the mailbox reads when its turn comes, and writes to when it is done', () => {
    const { machine, senders, vpuFifo } = interrupt();
    for (const sender of senders) expect(errnoOf(() => sender.result())).toBe('ERESTARTSYS');
    expect(vpuFifo.fill).toBe(2);
    const [freed, sent] = ['keembay-ipc-mailbox-use-after-free', 'keembay-ipc-sent-though-interrupted'];
    // The first was pushed before the signal came, the second is read after it.
    expect(rulesOf(machine)).toEqual([freed, freed, sent, freed, sent]);
  });

  test('waits for its end in a driver without the defect', () => {
    const { machine, senders, vpuFifo } = interrupt([]);
    for (const sender of senders) sender.result();
    expect(vpuFifo.fill).toBe(2);
    expect(rulesOf(machine)).toEqual([]);
  });
});

describe('a signal for the transmit thread while the mailbox has 20 messages', () => {
  function signal(defects?: []) {
    const setup = bootKeembay({ design: 'B', mailbox_ns: 1000, ...(defects === undefined ? {} : { defects }) });
    const { ipc, machine, send, pass } = setup;
    ipc.openChannel(VPU, 5);
    const senders = Array.from({ length: 21 }, (_, value) => machine.spawn(() => send(5, value)));
    machine.system.scheduler.runReady();
    ipc.signalTransmitThread();
    pass(100_000);
    const outcomes = senders.map((sender) => {
      try {
        return sender.result() ?? 'sent';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    return { ...setup, failures: outcomes.filter((outcome) => outcome !== 'sent') };
  }

  test('ends the send that waits for a credit', () => {
    const { machine, failures, ipc, vpuFifo } = signal();
    expect(failures).toEqual(['ERESTARTSYS']);
    expect(rulesOf(machine)).toEqual(['keembay-ipc-foreign-signal']);
    expect(vpuFifo.fill).toBe(20);
    // Its packet went back.
    expect(statusOf(ipc.local.memory.bytes(), 20 * PACKET_SIZE)).toBe(PACKET_FREE);
  });

  test('does nothing without the defect', () => {
    const { machine, failures, vpuFifo } = signal([]);
    expect(failures).toEqual([]);
    expect(vpuFifo.fill).toBe(21);
    expect(rulesOf(machine)).toEqual([]);
  });
});

describe('a packet that goes back before it is read', () => {
  /** 64 packets, all of which the VPU uses; it uses the first again while the CPU has not read it. */
  function receive(defects?: []) {
    const setup = bootKeembay({ regionSize: 4096, reorder_ns: 100_000, ...(defects === undefined ? {} : { defects }) });
    const { ipc, firmware, pass, run, recv } = setup;
    ipc.openChannel(VPU, 5);
    for (let i = 0; i < 64; i++) firmware.trySend({ channel: 5, dataAddr: i, dataSize: 0 });
    pass(10_000);
    firmware.trySend({ channel: 5, dataAddr: 64, dataSize: 0 });
    pass(1e6);
    const received = Array.from({ length: 65 }, () => run(recv(5, 0))?.vpuAddr);
    return { ...setup, received };
  }

  test('says what another message says, where accesses change places', () => {
    const { machine, received } = receive();
    expect([received[0], received[1], received[64]]).toEqual([64, 1, 64]);
    expect(rulesOf(machine)).toEqual(['keembay-ipc-torn-packet']);
  });

  test('is read first without the defect', () => {
    const { machine, received } = receive([]);
    expect(received).toEqual(Array.from({ length: 65 }, (_, i) => i));
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
