import { describe, expect, test } from 'vitest';
import { sleep } from '../../../src/kernel/index.ts';
import {
  KMB_IPC_MAX_CHANNELS,
  PACKET_ALLOCATED,
  PACKET_FREE,
  PACKET_SIZE,
  setStatus,
  statusOf,
  TIM_IPC_FIFO_ATM,
} from '../../../src/ports/keembay/index.ts';
import { bootKeembay, errnoOf, LOCAL, REMOTE, resultOf, rulesOf, VPU } from './fixture.ts';

/** Section 21 of docs/reference/keembay-ipc.md, item by item; 18 to 21 are about the VPU manager. */
describe('the conformance checklist', () => {
  test('1: a channel is opened once', () => {
    const { ipc } = bootKeembay();
    ipc.openChannel(VPU, 5);
    expect(errnoOf(() => ipc.openChannel(VPU, 5))).toBe('EEXIST');
  });

  test.each([
    { node: VPU, chan: 1024 },
    { node: 0, chan: 5 },
    { node: 2, chan: 5 },
  ])('2: there is no channel $chan of node $node', ({ node, chan }) => {
    const { ipc, run } = bootKeembay();
    expect(errnoOf(() => ipc.openChannel(node, chan))).toBe('EINVAL');
    expect(errnoOf(() => run(ipc.closeChannel(node, chan)))).toBe('EINVAL');
    expect(errnoOf(() => run(ipc.send(node, chan, 0, 0n)))).toBe('EINVAL');
    expect(errnoOf(() => run(ipc.recv(node, chan, {}, 0)))).toBe('EINVAL');
  });

  test('3: a closed channel sends nothing', () => {
    const { run, send } = bootKeembay();
    expect(errnoOf(() => run(send(5)))).toBe('ENOENT');
  });

  test('4: a receive that may not wait says so at once', () => {
    const { ipc, run, recv, machine } = bootKeembay();
    ipc.openChannel(VPU, 5);
    const before = machine.system.now();
    expect(errnoOf(() => run(recv(5, 0)))).toBe('ETIME');
    expect(machine.system.now()).toBe(before);
    expect(errnoOf(() => run(recv(5, 5)))).toBe('ETIME');
    // Up to whole ticks of 4 ms.
    expect(machine.system.now()).toBe(before + 8e6);
  });

  test('5: closing sends a receiver away', () => {
    const { ipc, run, start, recv } = bootKeembay();
    ipc.openChannel(VPU, 5);
    const waiting = start(recv(5));
    run(ipc.closeChannel(VPU, 5));
    expect(errnoOf(() => resultOf(waiting))).toBe('EPIPE');
  });

  test('6: what was received is lost to who is late', () => {
    const { ipc, run, start, recv, firmware, machine } = bootKeembay();
    ipc.openChannel(VPU, 5);
    const waiting = start(recv(5));
    firmware.trySend({ channel: 5, dataAddr: 1, dataSize: 1 });
    firmware.trySend({ channel: 5, dataAddr: 2, dataSize: 1 });
    // The interrupt and its tasklet bring both; before the receiver runs, the channel closes.
    while (!(ipc.channels.at(5)?.hasMessage ?? false)) machine.system.clock.runNext();
    run(ipc.closeChannel(VPU, 5));
    expect(errnoOf(() => resultOf(waiting))).toBe('EPIPE');
  });

  test('7: a channel that was never opened is closed already', () => {
    const { ipc, run } = bootKeembay();
    run(ipc.closeChannel(VPU, 9));
  });

  test('8: no place for the message matters before the channel does', () => {
    const { ipc, run } = bootKeembay();
    expect(errnoOf(() => run(ipc.recv(VPU, 5, undefined, 0)))).toBe('EINVAL');
    expect(errnoOf(() => run(ipc.recv(VPU, 5, {}, 0)))).toBe('ENOENT');
  });

  test('9: the word on the wire is where the VPU sees the packet', () => {
    const { ipc, run, send, vpuFifo } = bootKeembay();
    ipc.openChannel(VPU, 5);
    for (let slot = 0; slot < 4; slot++) run(send(5, 0x90000040, 256n));
    for (let slot = 0; slot < 4; slot++) expect(vpuFifo.read(TIM_IPC_FIFO_ATM)).toBe(LOCAL + 64 * slot);
    const expected = new Uint8Array(64);
    expected.set([0x40, 0, 0, 0x90, 0, 1, 0, 0, 5, 0, 0, 1, 1]);
    expect(ipc.local.memory.bytes().subarray(192, 256)).toEqual(expected);
  });

  test('10: a word outside the region is dropped', () => {
    const { ipc, pass, firmware } = bootKeembay();
    for (const word of [REMOTE - 64, REMOTE + 0x10000, 0, 0xffffffc0]) firmware.pushWord(word);
    pass(1e6);
    expect(ipc.statistics.rxOutOfRange).toBe(4);
  });

  test.each([
    { why: 'from the wrong node', message: { srcNode: 0 }, counter: 'rxBadHeader' },
    { why: 'to the wrong node', message: { dstNode: 1 }, counter: 'rxBadHeader' },
    { why: 'on a channel that cannot be', message: { channel: KMB_IPC_MAX_CHANNELS }, counter: 'rxBadHeader' },
    { why: 'on a closed channel', message: { channel: 6 }, counter: 'rxClosed' },
  ] as const)('11: a message $why is dropped, and its packet freed', ({ message, counter }) => {
    const { ipc, pass, firmware } = bootKeembay();
    ipc.openChannel(VPU, 5);
    firmware.trySend({ channel: 5, dataAddr: 0, dataSize: 0, ...message });
    expect(statusOf(ipc.remote.memory.bytes(), 0)).toBe(PACKET_ALLOCATED);
    pass(1e6);
    expect(statusOf(ipc.remote.memory.bytes(), 0)).toBe(PACKET_FREE);
    expect(ipc.statistics[counter]).toBe(1);
    expect(ipc.channels.at(5)?.hasMessage).toBe(false);
  });

  test('12: what the ring cannot take waits in the FIFO', () => {
    const { ipc, pass, firmware, cpuFifo, run, recv } = bootKeembay({ tasklet_ns: 1e6 });
    ipc.openChannel(VPU, 5);
    let sent = 0;
    for (const burst of [128, 128, 44]) {
      for (let i = 0; i < burst; i++) expect(firmware.trySend({ channel: 5, dataAddr: sent++, dataSize: 0 })).toBe(true);
      pass(10_000);
    }
    expect(ipc.rxQueued).toBe(255);
    expect(cpuFifo.fill).toBe(45);
    expect(ipc.statistics.irqMasked).toBe(1);
    pass(3e6);
    expect(cpuFifo.fill).toBe(0);
    for (let i = 0; i < 300; i++) expect(run(recv(5, 0))?.vpuAddr).toBe(i);
  });

  test('13: the 129th push to a VPU that has stalled', () => {
    const { ipc, run, send, vpuFifo } = bootKeembay();
    ipc.openChannel(VPU, 5);
    for (let i = 0; i < 128; i++) run(send(5));
    expect(errnoOf(() => run(send(5)))).toBe('EBUSY');
    expect(vpuFifo.overflows).toEqual(new Map([[0, 1]]));
    expect(vpuFifo.read(0x10)).toBe(0);
    expect(statusOf(ipc.local.memory.bytes(), 128 * PACKET_SIZE)).toBe(PACKET_FREE);
  });

  test('14: an empty FIFO gives all ones', () => {
    expect(bootKeembay().cpuFifo.read(TIM_IPC_FIFO_ATM)).toBe(0xffffffff);
  });

  test('15: the search goes on after the last packet that was given', () => {
    const { ipc, run, send, firmware } = bootKeembay();
    ipc.openChannel(VPU, 5);
    const bytes = ipc.local.memory.bytes();
    for (const slot of [0, 1]) {
      ipc.local.record.taken(slot);
      setStatus(bytes, slot * PACKET_SIZE, PACKET_ALLOCATED);
    }
    run(send(5));
    expect(firmware.pop()?.slot).toBe(2);
    for (const slot of [0, 1]) setStatus(bytes, slot * PACKET_SIZE, PACKET_FREE);
    run(send(5));
    expect(firmware.pop()?.slot).toBe(3);
    expect(ipc.statistics.scan).toEqual({ steps: 4, stepsMax: 3 });
  });

  test('16: of the size, 32 bits go out', () => {
    const { ipc, run, send, firmware, machine } = bootKeembay();
    ipc.openChannel(VPU, 5);
    run(send(5, 0, 0x1_0000_0010n));
    expect(firmware.pop()?.dataSize).toBe(0x10);
    expect(rulesOf(machine)).toEqual(['keembay-ipc-size-truncated']);
  });

  test('17: a signal takes a message that is queued back', () => {
    const { ipc, machine, vpuFifo, run, send } = bootKeembay({ txWork_ns: 1000 });
    ipc.openChannel(VPU, 5);
    const { sys } = machine;
    const first = machine.spawn(() => send(5, 1));
    const second = machine.spawn(function* () {
      yield* sleep(100);
      yield* send(5, 2);
    });
    machine.system.scheduler.runReady();
    machine.system.clock.runNext();
    machine.system.scheduler.runReady();
    sys.kill(second.pid, 15);
    machine.system.scheduler.runReady();
    expect(errnoOf(() => second.result())).toBe('ERESTARTSYS');
    run(sleep(10_000));
    first.result();
    expect(vpuFifo.fill).toBe(1);
    expect(ipc.statistics).toMatchObject({ txOk: 1, txInterrupted: 1 });
  });

  test('22: a region of 40 pages', () => {
    expect(errnoOf(() => bootKeembay({ regionSize: 40 * 4096 }))).toBe('ENOMEM');
  });
});
