/** Programs and firmware of a Keem Bay that talk on several channels at once, while everything takes its time, stalls, and may crash. */
import { isErrno } from '../../src/abi/index.ts';
import * as uapi from '../../src/abi/uapi/index.ts';
import { type KeembayOptions, keembay } from '../../src/boards/index.ts';
import type { FirmwareScript } from '../../src/hardware/keembay/index.ts';
import { type BootedMachine, boot, type Sys } from '../../src/index.ts';
import { type Kernel, Random, sleep } from '../../src/kernel/index.ts';
import { KMB_IPC_NODE_LEON_MSS, PACKET_FREE, PACKET_SIZE, statusOf } from '../../src/ports/keembay/index.ts';

/** Two HS channels, and two that share a queue. */
export const CHANNELS = [0, 7, 11, 900];
/** On each channel, in each direction. */
export const MESSAGES = 20;

const VPU = KMB_IPC_NODE_LEON_MSS;
const inOrder = Array.from({ length: MESSAGES }, (_, i) => i);

/** What came of a schedule, by channel. */
export interface Outcome {
  readonly machine: BootedMachine;
  /** What senders were told that it went, what the firmware heard, what receivers got. */
  readonly sent: ReadonlyMap<number, readonly number[]>;
  readonly heard: ReadonlyMap<number, readonly number[]>;
  readonly received: ReadonlyMap<number, readonly number[]>;
  /** Why messages were refused. */
  readonly refused: ReadonlySet<string>;
  readonly crashed: boolean;
  /** For messages. */
  readonly context: string;
  /** Packets that stay in use. */
  readonly stuck: number;
  readonly txOk: number;
}

/** A program that sends until it is taken, or gives up; a signal that comes meanwhile starts the call again. */
function* sender(sys: Sys<'task'>, channel: number, random: Random, sent: number[], refused: Set<string>): Kernel<void> {
  yield* sys.sigaction(uapi.SIGUSR1, { handler: () => {}, flags: uapi.SA_RESTART });
  const fd = yield* sys.open('/dev/keembay-ipc', uapi.O_RDWR);
  for (let value = 0; value < MESSAGES; value++) {
    for (let tries = 0; sent.length === value && tries < 200; tries++) {
      try {
        yield* sys.ioctl(fd, uapi.KEEMBAY_IPC_SEND, { chan_id: channel, node_id: VPU, vpu_addr: value, size: 1 });
        sent.push(value);
      } catch (error) {
        if (!isErrno(error)) throw error;
        refused.add(error.code);
        yield* sleep(20_000 * Math.min(tries + 1, 10));
      }
    }
    if (sent.length === value) break;
    if (random.below(3) === 0) yield* sleep(random.below(30_000));
  }
  yield* sys.close(fd);
}

/** @param defects of the drivers; those of the board when left out */
export function runKeembaySchedule(seed: number, defects?: []): Outcome {
  const random = Random.stream(seed, 'schedule');
  const design = random.below(4) === 0 ? 'B' : 'A';
  const crashed = random.below(3) === 0;
  const hasSignals = random.below(3) === 0;
  const held = random.below(4);
  const heard = new Map<number, number[]>(CHANNELS.map((channel) => [channel, []]));
  const script: FirmwareScript = {
    pop_ns: 1 + random.below(20_000),
    free_ns: () => random.below(held === 0 ? 10 : 300_000),
    received: ({ slot, channel, dataAddr }) => {
      if (slot !== undefined) heard.get(channel)?.push(dataAddr);
    },
  };
  const options: KeembayOptions = {
    firmware: script,
    design,
    // Fewer packets than the FIFO has room for, or more.
    poolSlots: [8, 64, 256][random.below(3)] as number,
    regionSize: 16384,
    txWork_ns: random.below(2) * 500,
    tasklet_ns: random.below(2) * 50_000,
    mailbox_ns: random.below(2) * 2000,
    ...(defects === undefined ? {} : { defects }),
  };
  const board = keembay(options);
  const machine = boot(board, { seed });
  const { ipc, firmware, vpuFifo } = board.parts;
  const pass = (duration_ns: number) => machine.system.scheduler.runFor(duration_ns);
  const sent = new Map<number, number[]>();
  const received = new Map<number, number[]>();
  const refused = new Set<string>();
  for (const channel of CHANNELS) {
    ipc.openChannel(VPU, channel);
    const mine: number[] = [];
    const got: number[] = [];
    sent.set(channel, mine);
    received.set(channel, got);
    const { pid } = machine.spawn((sys) => sender(sys, channel, random, mine, refused));
    if (hasSignals)
      machine.spawn(function* (sys) {
        for (let i = 0; i < 30 && mine.length < MESSAGES; i++) {
          yield* sleep(1 + random.below(40_000));
          if (mine.length < MESSAGES) yield* sys.kill(pid, uapi.SIGUSR1);
        }
      });
    machine.spawn(function* () {
      for (let i = 0; i < MESSAGES; i++) {
        const into: { message?: { vpuAddr: number } } = {};
        yield* ipc.recv(VPU, channel, into as never, uapi.KEEMBAY_IPC_FOREVER);
        got.push(into.message?.vpuAddr ?? -1);
      }
    });
  }
  for (const dataAddr of inOrder) for (const channel of CHANNELS) firmware.post({ channel, dataAddr, dataSize: 1 });
  // Others write to the VPU, too, and may fill its FIFO.
  const foreign = random.below(4) === 0 ? 128 : random.below(100);
  for (let i = 0; i < foreign; i++) vpuFifo.write(0, 0x1000 + 1 + (i % 62));
  if (crashed) {
    pass(random.below(400_000));
    const from = MESSAGES * CHANNELS.length - firmware.waitingToSend;
    firmware.reset();
    for (let i = from; i < MESSAGES * CHANNELS.length; i++)
      firmware.post({ channel: CHANNELS[i % CHANNELS.length] as number, dataAddr: Math.floor(i / CHANNELS.length), dataSize: 1 });
  }
  pass(400e6);
  const bytes = ipc.local.memory.bytes();
  const stuck = ipc.local.record.slots.filter((_, slot) => statusOf(bytes, slot * PACKET_SIZE) !== PACKET_FREE).length;
  const context = `seed ${seed}, design ${design}, ${crashed ? 'with' : 'without'} a crash, ${hasSignals ? 'with' : 'without'} signals`;
  return { machine, sent, heard, received, refused, crashed, context, stuck, txOk: ipc.statistics.txOk };
}

const isSubsequence = (part: readonly number[], whole: readonly number[]) => {
  let at = 0;
  for (const value of whole) if (part[at] === value) at++;
  return at === part.length;
};

/** Each once, in order. */
const isWhole = (values: readonly number[]) => values.length === MESSAGES && isSubsequence(values, inOrder);

function* broken({ sent, heard, received, crashed }: Outcome, mayRepeat: boolean): Generator<string> {
  for (const channel of CHANNELS) {
    const [mine = [], theirs = [], got = []] = [sent.get(channel), heard.get(channel), received.get(channel)];
    if (!isWhole(got)) yield `channel ${channel}: received ${got}`;
    const once = mayRepeat ? theirs.filter((value, i) => value !== theirs[i - 1]) : theirs;
    // What was in the FIFO of a VPU that was reset is gone, but nothing is heard late.
    if (crashed ? !isSubsequence(once, inOrder) : !isWhole(once)) yield `channel ${channel}: the VPU heard ${theirs}`;
    if (!mayRepeat && !isWhole(mine)) yield `channel ${channel}: sent ${mine}`;
  }
}

/** What a driver without defects must not do, in words; nothing when it has not. */
export function wrongWithout(outcome: Outcome): string[] {
  const { machine, txOk } = outcome;
  const wrong = [...broken(outcome, false)];
  if (machine.system.findings.all.length > 0) wrong.push(...machine.system.findings.all.map(({ rule }) => rule));
  if (txOk !== MESSAGES * CHANNELS.length) wrong.push(`${txOk} went out`);
  return wrong;
}

/** What a driver with its defects does and does not say: each packet that is lost, and each message that goes twice, is a finding. */
export function unsaidWith(outcome: Outcome): string[] {
  const { machine, heard, stuck } = outcome;
  const findings = machine.system.findings.all;
  const wrong: string[] = [];
  const lost = findings.reduce((sum, { rule, text }) => {
    if (rule === 'keembay-ipc-slot-leaked') return sum + 1;
    return rule === 'keembay-ipc-slots-lost' ? sum + Number(/with (\d+) packets/.exec(text)?.[1]) : sum;
  }, 0);
  // A packet may leak first, and be among those that the reset finds.
  if (stuck > lost || (stuck === 0 && lost > 0)) wrong.push(`${stuck} packets stay in use, and ${lost} were told of`);
  const twice = findings.filter(({ rule }) => rule === 'keembay-ipc-sent-though-interrupted').length;
  const repeated = [...heard.values()].reduce((sum, values) => sum + values.length - new Set(values).size, 0);
  if (repeated > twice) wrong.push(`${repeated} messages were heard twice, and ${twice} were told of`);
  for (const [channel, values] of heard)
    if (
      !isSubsequence(
        values.filter((value, i) => value !== values[i - 1]),
        inOrder,
      )
    )
      wrong.push(`channel ${channel}: the VPU heard ${values}`);
  return wrong;
}
