import { BufferOfAll, BufferPerPacket, type PayloadLifetime, ReplyBoundPool, SweptPool } from '../drivers/keembay-ipc/index.ts';
import { echo, type FirmwareScript, idle } from '../hardware/keembay/index.ts';
import type { Experiment } from './experiment.ts';
import { GP, HS, type Scheme, Trial } from './keembay-trial.ts';

/** When a message without a reply is given up, in ns. */
const REPLY_TIMEOUT = 20e6;

const SCHEMES: Readonly<Record<string, Scheme>> = {
  'scan (A)': {},
  'scan (B)': { design: 'B' },
  'scan, tries again': { design: 'B', busyPolicy: 'retry-until-accepted' },
  'scan, doorbell on free': { freeNotify: { by: 'irq' } },
  'gen_pool, sweep': { makePool: (region, _device, statistics) => new SweptPool(region, statistics) },
  'gen_pool, reply': {
    makePool: (region, { system }, statistics) => new ReplyBoundPool(system, region, statistics, REPLY_TIMEOUT),
  },
  'a dma-buf each': { isPaged: true, makePool: (region, device, statistics) => new BufferPerPacket(device, region, statistics) },
  'a dma-buf of all': { makePool: (region, device, statistics) => new BufferOfAll(device, region, statistics) },
};

/** Takes a message each 100 µs, and frees their packets 50 ms later. */
const slow: FirmwareScript = { pop_ns: 100e3, free_ns: () => 50e6 };
const hoarding: FirmwareScript = { pop_ns: 1000, free_ns: () => 'never' };

const LIFETIMES: readonly PayloadLifetime[] = ['eager', 'deferred', 'refuse'];

const ms = (ns: number) => `${Math.round(ns / 1e6)} ms`;

type Question = (start: (firmware: FirmwareScript, packets: number, more?: Scheme) => Trial) => string;

/** Scripts of 20.4 of docs/reference/keembay-ipc.md by their numbers, and the counters of 20.3. */
const QUESTIONS: Readonly<Record<string, Question>> = {
  '1: 20 sends, 8 packets, freed after 50 ms'(start) {
    const trial = start(slow, 8);
    trial.send(20);
    trial.pass(1e6);
    return trial.summary;
  },
  '1: who polls for room wakes after'(start) {
    const trial = start(slow, 8);
    trial.send(20);
    trial.pass(1e6);
    const sent = trial.sendWhenTold(1);
    trial.pass(1e9);
    return sent[0] === undefined ? 'never' : ms(sent[0]);
  },
  '2: 20 sends that poll for room, told of frees'(start) {
    const trial = start(slow, 8, { freeNotify: { by: 'irq' } });
    const sent = trial.sendWhenTold(20);
    trial.pass(1e9);
    return `${sent.length} in ${ms(sent.at(-1) ?? 0)}, ${trial.parts.freeNotice.interrupts} irqs`;
  },
  '3: packets left after a reset, of 8 with 5 held'(start) {
    const trial = start(hoarding, 8);
    trial.send(5);
    trial.pass(1e6);
    trial.parts.firmware.reset();
    trial.pass(100e6);
    return `${trial.room}`;
  },
  '4: packets reused early, one-way messages'(start) {
    const trial = start(slow, 8);
    for (let i = 0; i < 10; i++) {
      trial.send(8);
      trial.pass(10e6);
    }
    return `${trial.parts.ipc.local.record.earlyReuses}`;
  },
  '5: payload released after SEND: eager, deferred, refuse'(start) {
    const answers = LIFETIMES.map((payloadLifetime) => {
      const trial = start(hoarding, 8, { payloadLifetime });
      const { vpuAddr, released } = trial.sendPayload();
      trial.pass(1e6);
      if (released !== 'released') return released;
      return trial.canRead(vpuAddr) ? 'read' : 'fault';
    });
    return answers.join(', ');
  },
  '6: 130 sends, firmware stalled, 256 packets'(start) {
    const trial = start(idle, 256);
    trial.send(130);
    trial.pass(1e6);
    const { summary } = trial;
    const { allocated } = trial.parts.ipc.local.record;
    // Room for the one that waits.
    trial.parts.firmware.script = echo;
    trial.pass(10e6);
    return `${summary}; ${allocated} in use`;
  },
  '7: one on HS against ten on GP'(start) {
    const trial = start({ pop_ns: 1000, free_ns: () => 0 }, 64, { txWork_ns: 10_000 });
    for (let i = 0; i < 10; i++) trial.flood(GP);
    trial.flood(HS);
    trial.pass(10e6);
    const { queues } = trial.parts.ipc.statistics;
    const [hs, gp] = [queues[HS], queues.at(-1)].map((queue) => queue ?? { sent: 0, waited_ns: 0 });
    if (hs === undefined || gp === undefined) return '';
    const wait = (queue: typeof hs) => `${Math.round(queue.waited_ns / Math.max(1, queue.sent) / 1000)} us`;
    return `${Math.round((100 * hs.sent) / (hs.sent + gp.sent))} % HS; waits ${wait(hs)}, ${wait(gp)}`;
  },
  'the driver goes with 5 packets held: the VPU has a'(start) {
    const trial = start(hoarding, 8);
    trial.send(5);
    trial.pass(1e6);
    const { vpuAddr } = trial.parts.ipc.local;
    trial.removeDriver();
    return trial.canRead(vpuAddr) ? 'read' : 'fault';
  },
  'in 1: steps for a packet; exhausted'(start) {
    const trial = start(slow, 8);
    trial.send(20);
    trial.pass(100e6);
    trial.send(1);
    const { scan, exhaustion } = trial.parts.ipc.statistics;
    const refused = [...exhaustion.refused.values()].reduce((sum, count) => sum + count, 0);
    return `${(scan.steps / 21).toFixed(1)}; ${exhaustion.count} for ${ms(exhaustion.total_ns)}, ${refused} refused`;
  },
  'in 1: buffers, attachments, wasted bytes'(start) {
    const trial = start(slow, 8);
    trial.send(20);
    const { buffers, attachments, wastedBytesMax } = trial.parts.ipc.pool.costs;
    return `${buffers}, ${attachments}, ${wastedBytesMax}`;
  },
  'in 2: frees seen within 1 ms, 10 ms, 100 ms'(start) {
    const trial = start(slow, 8, { freeNotify: { by: 'irq' } });
    trial.sendWhenTold(20);
    trial.pass(1e9);
    const { discoveryLatency } = trial.parts.ipc.local.record;
    const within = (from: number, to: number) => discoveryLatency.slice(from, to).reduce((sum, count) => sum + count, 0);
    return `${within(0, 4)}, ${within(4, 5)}, ${within(5, 6)}`;
  },
};

export const keembayLifetimes: Experiment = {
  name: 'keembay-lifetimes',
  description: 'who should own the life of a packet header that the VPU frees without a word',
  run(seed) {
    const answer = (scheme: Scheme, ask: Question) => {
      const trials: Trial[] = [];
      const text = ask((firmware, packets, more = {}) => {
        const trial = new Trial({ ...scheme, ...more }, seed, firmware, packets);
        trials.push(trial);
        return trial;
      });
      for (const trial of trials) trial.end();
      return text;
    };
    return {
      variants: Object.keys(SCHEMES),
      rows: Object.entries(QUESTIONS).map(([question, ask]) => ({
        question,
        answers: Object.values(SCHEMES).map((scheme) => answer(scheme, ask)),
      })),
    };
  },
};
