import { isErrno } from '../../src/abi/index.ts';
import { ELFCLASS32, ELFCLASS64, O_WRONLY } from '../../src/abi/uapi/index.ts';
import { type RemoteprocBoard, remoteproc } from '../../src/boards/index.ts';
import { buildFirmware, iommuLayout, sramLayout, type TableEntry } from '../../src/hardware/remote-processor/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { randomFrom } from './random.ts';

/** Errors that a bad file may have: sections 3, 5, 6, 7 and 18.4 of docs/reference/remoteproc.md. */
const RIGHT = new Set(['EINVAL', 'ENOMEM', 'EEXIST', 'EOVERFLOW']);
/** What firmware that talks nonsense over its rings brings; that the machine says so is right. */
const NONSENSE = ['rpmsg-rings-differ', 'rpmsg-read-beyond-buffer', 'rpmsg-address-too-large', 'rpmsg-ends-itself'];

/** Values that are at an edge somewhere. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 15, 16, 52, 64, 0x7f, 0x80, 0xff, 0x1000, 0xffff, 0x10000, 0x10000000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
];

const extra: readonly TableEntry[] = [
  { type: 'carveout', name: 'extra', len: 0x3000 },
  { type: 'vdev', id: 7, dfeatures: 1 | (1 << 29), config: new Uint8Array(12), vrings: [{ num: 8, align: 4096 }, { num: 8 }] },
  { type: 'trace', name: 'second', da: sramLayout.text + 0x2800, len: 64 },
  { type: 'devmem', name: 'peripheral', da: 0x40000000, pa: 0x38000000, len: 0x1000, flags: 3 },
  { type: 130, body: new Uint8Array(12) },
];

/** Files that are right, or nearly so, to begin with. */
function originals(): readonly { readonly bytes: Uint8Array; readonly number: number }[] {
  const layouts = [
    { layout: sramLayout, number: 0 },
    { layout: { ...sramLayout, entries: [...sramLayout.entries, ...extra.slice(0, 3)] }, number: 0 },
    { layout: { ...sramLayout, entries: [...extra] }, number: 0 },
    { layout: iommuLayout, number: 1 },
    { layout: { ...iommuLayout, entries: [...iommuLayout.entries, ...extra.filter(({ type }) => type === 'devmem')] }, number: 1 },
  ];
  return layouts.flatMap(({ layout, number }) =>
    [ELFCLASS32, ELFCLASS64].map((elfClass) => ({ bytes: buildFirmware({ program: 'rpmsg-echo', layout, elfClass }), number })),
  );
}

/** Where headers and tables are, and so mutations hurt: the first bytes, the table's, and the last. */
function placeIn(length: number, below: (limit: number) => number): number {
  const [from, to] = [
    [0, 200],
    [0x1000, 0x1000 + 400],
    [length - 200, length],
  ][below(3)] as [number, number];
  return Math.min(length - 1, Math.max(0, from + below(to - from)));
}

function mutate(original: Uint8Array, below: (limit: number) => number): Uint8Array {
  const bytes = original.slice();
  const view = new DataView(bytes.buffer);
  for (let i = 0; i <= below(4); i++) {
    const at = placeIn(bytes.length, below);
    const word = at & ~3;
    if (below(3) === 0) bytes[at] = below(256);
    else if (word + 4 <= bytes.length) view.setUint32(word, EDGES[below(EDGES.length)] as number, true);
  }
  return below(8) === 0 ? bytes.slice(0, below(bytes.length)) : bytes;
}

/** What came of mutants. */
export interface MutantCounts {
  refused: number;
  booted: number;
  crashed: number;
}

class Trial {
  readonly #machine: BootedMachine;
  readonly #board: RemoteprocBoard;
  readonly #things: number;
  readonly #bytes: number;

  constructor(seed: number) {
    this.#board = remoteproc();
    this.#machine = boot(this.#board, { seed });
    for (const rule of NONSENSE) this.#machine.system.findings.expect(rule);
    // Lists of the file tree and the like are there from the first time on.
    this.run(originals()[0]?.bytes as Uint8Array, 0);
    this.#things = this.#machine.system.ledger.count();
    this.#bytes = this.#machine.ram.usedBytes;
  }

  /** Starts, lets it run, and stops it, whatever became of it. */
  run(bytes: Uint8Array, number: number): keyof MutantCounts {
    const { system, sys } = this.#machine;
    const { rproc } = number === 0 ? this.#board.parts.m4 : this.#board.parts.dsp;
    const write = (attribute: string, text: string) => {
      const fd = sys.open(`/sys/class/remoteproc/remoteproc${number}/${attribute}`, O_WRONLY);
      try {
        return sys.write(fd, text);
      } finally {
        sys.close(fd);
      }
    };
    this.#board.parts.install('mutant.elf', bytes);
    write('recovery', 'disabled');
    write('firmware', 'mutant.elf');
    let taken: number;
    try {
      taken = write('state', 'start');
    } catch (error) {
      if (!isErrno(error) || !RIGHT.has(error.code)) throw error;
      return 'refused';
    }
    // One byte: the table ends with what nobody knows.
    if (taken === 1) return 'refused';
    system.scheduler.runFor(50_000);
    const hasCrashed = rproc.state === 'crashed';
    if (hasCrashed) write('recovery', 'recover');
    write('state', 'stop');
    return hasCrashed ? 'crashed' : 'booted';
  }

  /** @throws Error when something of a mutant is left */
  assertClean(): void {
    const { system, ram } = this.#machine;
    system.scheduler.runFor(1e6);
    const { m4, dsp } = this.#board.parts;
    for (const { rproc } of [m4, dsp])
      if (rproc.state !== 'offline' || rproc.power !== 0 || rproc.carveouts.length > 0 || rproc.rvdevs.length > 0)
        throw new Error(`${rproc.name} is ${rproc.state} with ${rproc.power} users and ${rproc.carveouts.length} regions`);
    if (system.ledger.count() !== this.#things || ram.usedBytes !== this.#bytes)
      throw new Error(`left: ${system.ledger.list().join('\n')}, ${ram.usedBytes - this.#bytes} bytes`);
  }

  end(): void {
    this.#machine.shutdown();
  }
}

const PER_MACHINE = 250;

/**
 * Starts processors with mutants of firmware: each is refused with a right errno, or boots and can be stopped, and leaves nothing.
 *
 * @throws Error naming the seed of a mutant for which that does not hold
 */
export function runMutants(seed: number, count: number): MutantCounts {
  const counts = { refused: 0, booted: 0, crashed: 0 };
  const files = originals();
  for (let first = 0; first < count; first += PER_MACHINE) {
    const trial = new Trial(seed + first);
    for (let i = first; i < Math.min(count, first + PER_MACHINE); i++) {
      const below = randomFrom(seed + i);
      const { bytes, number } = files[below(files.length)] as (typeof files)[number];
      try {
        counts[trial.run(mutate(bytes, below), number)]++;
        trial.assertClean();
      } catch (error) {
        throw new Error(`mutant ${seed + i}: ${error}`, { cause: error });
      }
    }
    trial.end();
  }
  return counts;
}
