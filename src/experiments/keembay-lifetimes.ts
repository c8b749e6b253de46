import { isErrno } from '../abi/index.ts';
import { type KeembayOptions, keembay } from '../boards/index.ts';
import { ReplyBoundPool, SweptPool } from '../drivers/keembay-ipc/index.ts';
import { echo, type FirmwareScript, idle } from '../hardware/keembay/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { Machine } from '../machine/index.ts';
import { KMB_IPC_NODE_LEON_MSS, PACKET_SIZE } from '../ports/keembay/index.ts';
import type { Experiment } from './experiment.ts';

/** Who owns the life of a packet: 20.2 of docs/reference/keembay-ipc.md, as far as it can be chosen. */
const SCHEMES: Readonly<Record<string, KeembayOptions>> = {
  'scan (A)': {},
  'scan (B)': { design: 'B' },
  'scan, tries again': { design: 'B', busyPolicy: 'retry-until-accepted' },
  'gen_pool, sweep': { makePool: (region) => new SweptPool(region) },
  'gen_pool, reply': { makePool: (region, system) => new ReplyBoundPool(system, region, 20e6) },
};

const CHANNEL = 20;
/** One page. */
const POOL = 64;

/** A machine with one scheme, for one question. */
class Trial {
  readonly machine: Machine;
  readonly #board: ReturnType<typeof keembay>;
  readonly #outcomes: string[] = [];
  #wanted = 0;

  constructor(scheme: KeembayOptions, seed: number, firmware: FirmwareScript, regionSize = POOL * PACKET_SIZE) {
    this.#board = keembay({ ...scheme, firmware, regionSize });
    this.machine = new Machine(this.#board, { seed });
    this.ipc.openChannel(KMB_IPC_NODE_LEON_MSS, CHANNEL);
  }

  get ipc() {
    return this.#board.parts.ipc;
  }

  get firmware() {
    return this.#board.parts.firmware;
  }

  /** Sends one message after the other, and notes what became of each. */
  send(count: number): void {
    const { ipc } = this;
    const outcomes = this.#outcomes;
    this.#wanted += count;
    function* all(): Kernel<void> {
      for (let i = 0; i < count; i++) {
        try {
          yield* ipc.send(KMB_IPC_NODE_LEON_MSS, CHANNEL, i, 0n);
          outcomes.push('sent');
        } catch (error) {
          if (!isErrno(error)) throw error;
          outcomes.push(error.code);
        }
      }
    }
    this.machine.system.scheduler.spawn('a sender', undefined, all());
    this.pass(0);
  }

  pass(duration_ns: number): void {
    this.machine.system.scheduler.runFor(duration_ns);
  }

  /** `64 sent, 36 ENOMEM`. */
  get summary(): string {
    const counts = new Map<string, number>();
    for (const outcome of this.#outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const waiting = this.#wanted - this.#outcomes.length;
    if (waiting > 0) counts.set('waiting', waiting);
    return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  }

  /** How many messages can be sent now without an answer. */
  get room(): number {
    this.firmware.script = idle;
    const before = this.#outcomes.length;
    this.send(POOL);
    return this.#outcomes.slice(before).filter((outcome) => outcome === 'sent').length;
  }

  end(): void {
    this.firmware.crash();
    this.machine.shutdown();
  }
}

const slow: FirmwareScript = { pop_ns: 1000, free_ns: () => 50e6 };

type Question = (scheme: KeembayOptions, seed: number) => string;

const QUESTIONS: Readonly<Record<string, Question>> = {
  '1: 100 sends, 64 packets, freed after 50 ms'(scheme, seed) {
    const trial = new Trial(scheme, seed, slow);
    trial.send(100);
    trial.pass(1e6);
    const { summary } = trial;
    trial.end();
    return summary;
  },
  '3: packets left after a reset, of 64 with 5 held'(scheme, seed) {
    const trial = new Trial(scheme, seed, { pop_ns: 1000, free_ns: () => 'never' });
    trial.send(5);
    trial.pass(1e6);
    trial.firmware.reset();
    trial.pass(100e6);
    const { room } = trial;
    trial.end();
    return `${room}`;
  },
  '4: packets reused early, one-way messages, slow firmware'(scheme, seed) {
    const trial = new Trial(scheme, seed, slow);
    for (let i = 0; i < 10; i++) {
      trial.send(20);
      trial.pass(10e6);
    }
    const { earlyReuses } = trial.ipc.local.record;
    trial.end();
    return `${earlyReuses}`;
  },
  '6: 130 sends, firmware stalled, 256 packets'(scheme, seed) {
    const trial = new Trial(scheme, seed, idle, 4 * POOL * PACKET_SIZE);
    trial.send(130);
    trial.pass(1e6);
    const { summary } = trial;
    const { allocated } = trial.ipc.local.record;
    // Room for the one that waits.
    trial.firmware.script = echo;
    trial.pass(10e6);
    trial.end();
    return `${summary}; ${allocated} in use`;
  },
};

export const keembayLifetimes: Experiment = {
  name: 'keembay-lifetimes',
  description: 'who should own the life of a packet header that the VPU frees without a word',
  run(seed) {
    return {
      variants: Object.keys(SCHEMES),
      rows: Object.entries(QUESTIONS).map(([question, ask]) => ({
        question,
        answers: Object.values(SCHEMES).map((scheme) => ask(scheme, seed)),
      })),
    };
  },
};
