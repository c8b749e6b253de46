/**
 * Samples from a converter to a USB host, as in the mail thread behind section 9 of docs/reference/dma-buf.md: by copies or by dma-bufs, on a board
 * whose devices see each other's writes and on one where they do not, in the designs that were discussed.
 */
import { isErrno } from '../../abi/index.ts';
import { noncoherentZcu102, type Zcu102Board, zcu102 } from '../../boards/index.ts';
import { setCoherency } from '../../dma-buf/index.ts';
import { setDmabufVariant } from '../../drivers/functionfs/index.ts';
import { type Kernel, sleep } from '../../kernel/index.ts';
import type { Experiment } from '../experiment.ts';
import type { BootProgramMachine, ProgramCalls, ProgramMachine } from '../program-calls.ts';
import { makeGadget, store } from './gadget.ts';
import { addSampleHost } from './host.ts';
import { copyToUsb, SCAN, type Stream, type StreamOptions, shareWithUsb } from './stream.ts';

export { type Gadget, makeGadget } from './gadget.ts';
export { addSampleHost, type SampleHost } from './host.ts';
export { copyToUsb, type Stream, type StreamOptions, shareWithUsb } from './stream.ts';

const MIB = 2 ** 20;
const SIZE = MIB / 4;
const COUNT = 16;
const LINE = 64;
/** What a CPU copies in a nanosecond: 1 GiB in a second. */
const COPY_BYTES_PER_ns = 2 ** 30 / 1e9;
const ALL_CHANNELS = 0b1111;

interface Design {
  readonly name: string;
  readonly setUp: (machine: ProgramMachine) => void;
  readonly stream?: Pick<StreamOptions, 'attachesEachTime'>;
}

const DESIGNS: readonly Design[] = [
  { name: 'merged', setUp: ({ system }) => setCoherency(system, { attach: 'ignore' }) },
  {
    name: 'posted begin/end_access',
    setUp({ system }) {
      setCoherency(system, { attach: 'ignore', deviceAccess: true });
      setDmabufVariant(system, 'posted');
    },
  },
  {
    name: 'mapped per transfer',
    setUp: ({ system }) => setCoherency(system, { attach: 'ignore' }),
    stream: { attachesEachTime: true },
  },
  { name: 'enforced at attach', setUp: ({ system }) => setCoherency(system, { attach: 'enforce', enforceDefault: true }) },
];

const PATHS: Readonly<Record<string, Stream>> = { copy: copyToUsb, 'dma-buf': shareWithUsb };

const BOARDS: Readonly<Record<string, () => Zcu102Board>> = {
  coherent: () => zcu102({ isUnlimited: true }),
  'non-coherent': () => noncoherentZcu102({ isUnlimited: true }),
};

interface Result {
  /** Bytes. */
  readonly copied: number;
  /** MiB in a second of virtual time; undefined when nothing came. */
  readonly rate: number | undefined;
  /** That the host received. */
  readonly blocks: number;
  readonly staleLines: number;
  readonly findings: readonly string[];
  readonly error: string | undefined;
}

/** Lines of the host's bytes that are not the converter's, which come one after the other from the first on. */
function countStale({ parts }: Zcu102Board, blocks: readonly Uint8Array[]): number {
  let stale = 0;
  for (const [index, bytes] of blocks.entries()) {
    const wanted = parts.adc.pattern.bytes(ALL_CHANNELS, (index * SIZE) / SCAN, SIZE / SCAN);
    for (let at = 0; at < bytes.length; at += LINE)
      if (Buffer.compare(bytes.subarray(at, at + LINE), wanted.subarray(at, at + LINE)) !== 0) stale++;
  }
  return stale;
}

/** One stream on one machine, from its boot to its end. */
class Trial {
  readonly blocks: Uint8Array[] = [];
  error: string | undefined;
  readonly #machine: ProgramMachine;
  readonly #stream: Stream;
  readonly #options: Design['stream'];
  #start_ns = 0;
  #end_ns = 0;
  #copiedBefore = 0;
  #copiedAfter = 0;
  #paid = 0;

  constructor(machine: ProgramMachine, stream: Stream, options: Design['stream']) {
    this.#machine = machine;
    this.#stream = stream;
    this.#options = options;
    const { system } = machine;
    addSampleHost(system, {
      size: SIZE,
      began: () => {
        this.#start_ns = system.now();
      },
      received: (bytes) => {
        this.blocks.push(bytes.slice());
        this.#end_ns = system.now();
      },
    });
  }

  run(): void {
    let hasEnded = false;
    const running = this.#machine.spawn((sys) => this.#program(sys, () => (hasEnded = true)));
    this.#machine.system.scheduler.runUntil(() => hasEnded, 'the program');
    running.result();
    // The host takes the gadget down.
    this.#machine.system.scheduler.runFor(1e9);
  }

  /** Bytes that the CPU copied while samples went. */
  get copied(): number {
    return this.#copiedAfter - this.#copiedBefore;
  }

  /** MiB in a second of virtual time; undefined when nothing came. */
  get rate(): number | undefined {
    const seconds = (this.#end_ns - this.#start_ns) / 1e9;
    return this.blocks.length === 0 ? undefined : (this.blocks.length * SIZE) / MIB / seconds;
  }

  *#program(sys: ProgramCalls, ended: () => void): Kernel<void> {
    const { system } = this.#machine;
    const { copies } = system;
    try {
      yield* store(sys, '/sys/module/sg_udc/parameters/unlimited', '1');
      const gadget = yield* makeGadget(sys);
      try {
        yield* this.#stream(sys, {
          size: SIZE,
          count: COUNT,
          endpoint: gadget.endpoint,
          began: () => {
            this.#copiedBefore = copies.bytes;
            this.#paid = copies.bytes;
          },
          pay: () => this.#pay(),
          sent: () => {
            this.#copiedAfter = copies.bytes;
          },
          ...this.#options,
        });
      } catch (error) {
        if (!isErrno(error)) throw error;
        this.error = error.code;
      }
      // The host may still be at the last one.
      while (this.error === undefined && this.blocks.length < COUNT) yield* sleep(1000);
      yield* gadget.remove();
    } finally {
      ended();
    }
  }

  /** Lets the time pass that copying took. */
  *#pay(): Kernel<void> {
    const { copies } = this.#machine.system;
    const owed = copies.bytes - this.#paid;
    this.#paid = copies.bytes;
    if (owed > 0) yield* sleep(Math.ceil(owed / COPY_BYTES_PER_ns));
  }
}

function runTrial(boot: BootProgramMachine, seed: number, board: Zcu102Board, path: string, design: Design): Result {
  const machine = boot(board, { seed });
  design.setUp(machine);
  const trial = new Trial(machine, PATHS[path] as Stream, design.stream);
  trial.run();
  const { findings } = machine.system;
  const rules = [...new Set(findings.all.map(({ rule }) => rule))];
  for (const rule of rules) findings.expect(rule);
  const { blocks, copied, rate, error } = trial;
  const staleLines = countStale(board, blocks);
  machine.shutdown();
  return { copied, rate, blocks: blocks.length, staleLines, findings: rules, error };
}

const orNone = (text: string) => (text === '' ? 'none' : text);

export const iioToUsb: Experiment = {
  name: 'iio-to-usb',
  description: "samples of a converter to a USB host, by copies or by dma-bufs, where devices see each other's writes and where not",
  run(seed, boot) {
    const rows = Object.entries(BOARDS).flatMap(([boardName, makeBoard]) =>
      DESIGNS.flatMap((design) => {
        let copyRate: number | undefined;
        return Object.keys(PATHS).map((path) => {
          const { copied, rate, blocks, staleLines, findings, error } = runTrial(boot, seed, makeBoard(), path, design);
          if (path === 'copy') copyRate = rate;
          const answers = [
            copied % MIB === 0 ? `${copied / MIB} MiB` : `${copied} bytes`,
            rate === undefined ? 'none' : `${Math.round(rate)}`,
            rate === undefined || copyRate === undefined ? 'none' : (rate / copyRate).toFixed(2),
            blocks === 0 ? 'nothing came' : `${staleLines} of ${(blocks * SIZE) / LINE}`,
            orNone(findings.join(', ')),
            error ?? 'none',
          ];
          return { question: `${boardName} board, ${design.name}, ${path}`, answers };
        });
      }),
    );
    return { variants: ['copied by the CPU', 'MiB/s', 'ratio to copies', 'stale lines', 'findings', 'errno'], rows };
  },
};
