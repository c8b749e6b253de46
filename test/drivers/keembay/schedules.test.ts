import { describe, expect, test } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import type { FirmwareScript } from '../../../src/hardware/keembay/index.ts';
import { type Kernel, Random, sleep } from '../../../src/kernel/index.ts';
import { PACKET_FREE, PACKET_SIZE, statusOf } from '../../../src/ports/keembay/index.ts';
import { bootKeembay, rulesOf, shutDown, VPU } from './fixture.ts';

/** Two HS channels, and two that share a queue. */
const CHANNELS = [0, 7, 11, 900];
const MESSAGES = 20;

/** One run: tasks send and receive on all channels at once, while the firmware takes its time, stalls, and may crash. */
function runSchedule(seed: number, defects?: []) {
  const random = Random.stream(seed, 'schedule');
  const design = random.below(4) === 0 ? 'B' : 'A';
  const crashes = random.below(3) === 0;
  const heard = new Map<number, number[]>(CHANNELS.map((channel) => [channel, []]));
  const held = random.below(4);
  const script: FirmwareScript = {
    pop_ns: 1 + random.below(20_000),
    free_ns: () => random.below(held === 0 ? 10 : 300_000),
    received: ({ slot, channel, dataAddr }) => {
      if (slot !== undefined) heard.get(channel)?.push(dataAddr);
    },
  };
  const setup = bootKeembay(
    {
      firmware: script,
      design,
      // 64 packets: fewer than the FIFO has room for, or more.
      regionSize: random.below(2) === 0 ? 4096 : 16384,
      txWork_ns: random.below(2) * 500,
      tasklet_ns: random.below(2) * 50_000,
      ...(defects === undefined ? {} : { defects }),
    },
    { seed },
  );
  const { ipc, firmware, machine, send, recv, pass } = setup;
  const sent = new Map<number, number[]>();
  const received = new Map<number, number[]>();
  const refused = new Set<string>();
  for (const channel of CHANNELS) {
    ipc.openChannel(VPU, channel);
    const mine: number[] = [];
    const got: number[] = [];
    sent.set(channel, mine);
    received.set(channel, got);
    function* sendUntilTaken(value: number): Kernel<boolean> {
      for (let tries = 0; tries < 200; tries++) {
        try {
          yield* send(channel, value);
          return true;
        } catch (error) {
          if (!isErrno(error)) throw error;
          refused.add(error.code);
          yield* sleep(20_000);
        }
      }
      return false;
    }
    machine.spawn(function* () {
      for (let i = 0; i < MESSAGES; i++) {
        if (yield* sendUntilTaken(i)) mine.push(i);
        if (random.below(3) === 0) yield* sleep(random.below(30_000));
      }
    });
    machine.spawn(function* () {
      for (let i = 0; i < MESSAGES; i++) got.push((yield* recv(channel))?.vpuAddr ?? -1);
    });
  }
  for (let i = 0; i < MESSAGES; i++) for (const channel of CHANNELS) firmware.post({ channel, dataAddr: i, dataSize: 1 });
  // Others write to the VPU, too, and may fill its FIFO.
  const foreign = random.below(4) === 0 ? 128 : random.below(100);
  for (let i = 0; i < foreign; i++) setup.vpuFifo.write(0, 0x1000 + 1 + (i % 62));
  if (crashes) {
    pass(random.below(400_000));
    const posted = firmware.waitingToSend;
    firmware.reset();
    for (let i = MESSAGES * CHANNELS.length - posted; i < MESSAGES * CHANNELS.length; i++)
      firmware.post({ channel: CHANNELS[i % CHANNELS.length] as number, dataAddr: Math.floor(i / CHANNELS.length), dataSize: 1 });
  }
  pass(400e6);
  return { ...setup, sent, heard, received, refused, crashed: crashes, design };
}

const isSubsequence = (part: readonly number[], whole: readonly number[]) => {
  let at = 0;
  for (const value of whole) if (part[at] === value) at++;
  return at === part.length;
};

const inOrder = Array.from({ length: MESSAGES }, (_, i) => i);
const SEEDS = 1000;

describe('random schedules', () => {
  test(`nothing is lost, repeated or out of order on a channel, of ${SEEDS} seeds`, () => {
    const refused = new Set<string>();
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const run = runSchedule(seed, []);
      const context = `seed ${seed}, design ${run.design}, ${run.crashed ? 'with' : 'without'} a crash`;
      for (const code of run.refused) refused.add(code);
      if (run.crashed) crashes++;
      for (const channel of CHANNELS) {
        expect(run.received.get(channel), context).toEqual(inOrder);
        expect(run.sent.get(channel), context).toEqual(inOrder);
        // What was in the FIFO of a VPU that was reset is gone, but nothing is heard twice or late.
        if (run.crashed) expect(isSubsequence(run.heard.get(channel) ?? [], inOrder), context).toBe(true);
        else expect(run.heard.get(channel), context).toEqual(inOrder);
      }
      expect(rulesOf(run.machine), context).toEqual([]);
      expect(run.ipc.statistics.txOk, context).toBe(MESSAGES * CHANNELS.length);
      shutDown(run.machine);
    }
    expect(crashes).toBeGreaterThan(SEEDS / 5);
    expect(refused).toEqual(new Set(['EBUSY', 'ENOMEM']));
  }, 300_000);

  test('with the defects, each packet that is lost is a finding', () => {
    let losses = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const { ipc, machine } = runSchedule(seed);
      const lost = machine.system.findings.all.reduce((sum, { rule, text }) => {
        if (rule === 'keembay-ipc-slot-leaked') return sum + 1;
        return rule === 'keembay-ipc-slots-lost' ? sum + Number(/with (\d+) packets/.exec(text)?.[1]) : sum;
      }, 0);
      const bytes = ipc.local.memory.bytes();
      const stuck = ipc.local.record.slots.filter((_, slot) => statusOf(bytes, slot * PACKET_SIZE) !== PACKET_FREE).length;
      // A packet may leak first, and be among those that the reset finds.
      expect(stuck, `seed ${seed}`).toBeLessThanOrEqual(lost);
      if (stuck === 0) expect(lost, `seed ${seed}`).toBe(0);
      losses += stuck;
      shutDown(machine);
    }
    expect(losses).toBeGreaterThan(0);
  }, 120_000);
});
