import { isErrno } from '../abi/index.ts';
import { type RemoteprocMemory, type RemoteprocOptions, remoteproc } from '../boards/index.ts';
import { boot, type MemEntry, POLICIES, type PolicyName, type RegionProfile } from '../drivers/remoteproc/index.ts';
import { buildFirmware, type TableEntry } from '../hardware/remote-processor/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { Machine } from '../machine/index.ts';
import type { Experiment } from './experiment.ts';

const KIB = 1024;
const PAGE = 4096;
const SRAM = 0x10000000;
const rpmsg = (vring: { readonly da?: number } = {}): TableEntry => ({ type: 'vdev', id: 7, dfeatures: 1, vrings: [vring, vring] });
const carveout = (name: string, len: number, da?: number): TableEntry => ({
  type: 'carveout',
  name,
  len,
  ...(da === undefined ? {} : { da }),
});
const fixed = (name: string, physical: number, len: number): RegionProfile => ({
  name,
  da: physical,
  len,
  provider: { kind: 'ioremap', physical },
});
/** Every firmware's own, for what is loaded. */
const text = fixed('mcuram2', SRAM, 64 * KIB);
/** Where rpmsg's buffers come from, so that they matter to no question. */
const buffers: RegionProfile = { name: 'vdev0buffer', da: 0x10042000, len: 16 * KIB, provider: { kind: 'resmem', index: 0 } };

/** Where a platform can have the same three regions from. */
const ALLOCATORS: Readonly<Record<string, (memory: RemoteprocMemory) => readonly RegionProfile[]>> = {
  'fixed (ioremap)': () => [
    fixed('shared', 0x10010000, 8 * KIB),
    fixed('vdev0vring0', 0x10040000, PAGE),
    fixed('vdev0vring1', 0x10041000, PAGE),
  ],
  'SRAM (gen_pool)': ({ sram, toDevice }) => {
    const provider = { kind: 'genpool', pool: sram, toDevice } as const;
    return [
      { name: 'shared', len: 8 * KIB, provider },
      { name: 'vdev0vring0', len: PAGE, provider },
      { name: 'vdev0vring1', len: PAGE, provider },
    ];
  },
  'DMA API (coherent)': () =>
    ['shared', 'vdev0vring0', 'vdev0vring1'].map((name) => ({
      name,
      len: name === 'shared' ? 8 * KIB : PAGE,
      provider: { kind: 'coherent' },
    })),
  'device pool (coherent-pool)': ({ pool }) => {
    const provider = { kind: 'coherent-pool', pool: pool(0x10000, 32 * KIB) } as const;
    return [
      { name: 'shared', len: 8 * KIB, provider },
      { name: 'vdev0vring0', len: PAGE, provider },
      { name: 'vdev0vring1', len: PAGE, provider },
    ];
  },
};

/** One boot of the first processor. */
class Trial {
  readonly #machine: Machine;
  readonly #board;
  /** `running`, or the errno. */
  readonly outcome: string;

  constructor(options: RemoteprocOptions, entries: readonly TableEntry[], seed: number) {
    const layout = { text: SRAM, entries };
    const file = buildFirmware({ program: 'rpmsg-echo', layout });
    this.#board = remoteproc({ ...options, firmware: 'trial.elf', files: { 'trial.elf': file } });
    this.#machine = new Machine(this.#board, { seed });
    const { system } = this.#machine;
    const { rproc } = this;
    let outcome = '';
    system.scheduler.start('the trial', undefined, booting());
    system.scheduler.runFor(1e6);
    this.outcome = outcome;

    function* booting(): Kernel<void> {
      try {
        yield* boot(rproc);
        outcome = 'running';
      } catch (error) {
        if (!isErrno(error)) throw error;
        outcome = error.code;
      }
    }
  }

  get rproc() {
    return this.#board.parts.m4.rproc;
  }

  /** Which memory a region got. */
  where(entry: MemEntry | undefined): string {
    if (entry?.va === undefined) return 'none';
    return `${entry.provider} 0x${entry.va.physical.toString(16)}`;
  }

  get carveout(): string {
    if (this.outcome !== 'running') return this.outcome;
    return this.where(this.rproc.carveouts.find(({ rscOffset }) => rscOffset !== 0xffffffff));
  }

  get vrings(): string {
    if (this.outcome !== 'running') return this.outcome;
    const [vdev] = this.rproc.rvdevs;
    return vdev === undefined ? 'no device' : vdev.vrings.map(({ entry }) => this.where(entry)).join(', ');
  }

  /** What the firmware says to have found. */
  get firmware(): string {
    if (this.outcome !== 'running') return this.outcome;
    return this.#machine.system.log.lines.some(({ text: line }) => line.includes('creating channel')) ? 'serves' : 'silent';
  }

  get overlaps(): string {
    const pairs = this.rproc.observer.overlaps.map(({ one, other }) => `${one}/${other}`);
    return pairs.length === 0 ? 'none' : pairs.join(', ');
  }

  get fallbacks(): number {
    return this.rproc.observer.fallbacks;
  }

  end(): void {
    this.#machine.shutdown();
  }
}

type Answer = (policy: PolicyName, seed: number) => string;

const asked =
  (regions: RemoteprocOptions['regions'], entries: readonly TableEntry[], tell: (trial: Trial) => string): Answer =>
  (policy, seed) => {
    const trial = new Trial({ policy, ...(regions === undefined ? {} : { regions }) }, entries, seed);
    const answer = tell(trial);
    trial.end();
    return answer;
  };

function allocatorRows(): Record<string, Answer> {
  const rows: Record<string, Answer> = {};
  const entries = [carveout('shared', 8 * KIB), rpmsg()];
  for (const [name, regionsOf] of Object.entries(ALLOCATORS)) {
    const regions = (memory: RemoteprocMemory) => [text, ...regionsOf(memory), buffers];
    rows[`${name}: carveout`] = asked(regions, entries, (trial) => trial.carveout);
    rows[`${name}: vrings`] = asked(regions, entries, (trial) => trial.vrings);
    rows[`${name}: past the offer; overlaps; firmware`] = asked(
      regions,
      entries,
      (trial) => `${trial.fallbacks}; ${trial.overlaps}; ${trial.firmware}`,
    );
  }
  return rows;
}

const sharing = [text, fixed('one', 0x10020000, 16 * KIB), fixed('other', 0x10022000, 16 * KIB), buffers];

/** 26.5 of docs/reference/remoteproc.md. */
const QUESTIONS: Readonly<Record<string, Answer>> = {
  ...allocatorRows(),
  'vrings at fixed addresses of fixed regions': asked(
    () => [text, fixed('vdev0vring0', 0x10040000, PAGE), fixed('vdev0vring1', 0x10041000, PAGE), buffers],
    [{ type: 'vdev', id: 7, dfeatures: 1, vrings: [{ da: 0x10040000 }, { da: 0x10041000 }] }],
    (trial) => trial.vrings,
  ),
  'a ring of 438 bytes, region of 1 KiB': asked(
    () => [text, fixed('vdev0vring0', 0x10040000, KIB), fixed('vdev0vring1', 0x10041000, PAGE), buffers],
    [rpmsg()],
    (trial) => trial.vrings,
  ),
  'two entries of one name': asked(
    () => [text, fixed('one', 0x10020000, 16 * KIB), buffers],
    [carveout('one', PAGE, 0x10020000), carveout('one', PAGE, 0x10021000)],
    (trial) => trial.outcome,
  ),
  'two names in one bank': asked(
    () => sharing,
    [carveout('one', PAGE), carveout('other', PAGE)],
    (trial) => `${trial.outcome}; ${trial.overlaps}`,
  ),
  'a fixed address, the platform offers any': asked(
    ({ sram, toDevice }) => [text, { name: 'one', len: PAGE, provider: { kind: 'genpool', pool: sram, toDevice } }, buffers],
    [carveout('one', PAGE, 0x10050000)],
    (trial) => trial.carveout,
  ),
  'no region matches': asked(
    () => [text, buffers],
    [carveout('one', PAGE, 0x30000000)],
    (trial) => trial.carveout,
  ),
  '40 pages of a pool of 40, rounded up': asked(
    ({ pool }) => [text, { name: 'one', len: 40 * PAGE, provider: { kind: 'coherent-pool', pool: pool(0x10000, 40 * PAGE) } }, buffers],
    [carveout('one', 40 * PAGE)],
    (trial) => trial.carveout,
  ),
  'the same, not rounded up': (policy, seed) => {
    const regions = ({ pool }: RemoteprocMemory): RegionProfile[] => [
      text,
      { name: 'one', len: 40 * PAGE, provider: { kind: 'coherent-pool', pool: pool(0x10000, 40 * PAGE) } },
    ];
    const trial = new Trial({ policy, regions, roundsUp: false }, [carveout('one', 40 * PAGE)], seed);
    const answer = trial.carveout;
    trial.end();
    return answer;
  },
};

export const remoteprocRegions: Experiment = {
  name: 'remoteproc-regions',
  description: 'how a resource table should find its memory, and which allocator may stand behind it',
  run(seed) {
    return {
      variants: POLICIES,
      rows: Object.entries(QUESTIONS).map(([question, ask]) => ({ question, answers: POLICIES.map((policy) => ask(policy, seed)) })),
    };
  },
};
