import type { Volume } from 'memfs';
import { irqs } from '../irq/index.ts';
import { type Defect, type Fault, type Faults, Leak, type Ledger, type MemoryProvider, System, type TraceLine } from '../kernel/index.ts';
import { ArrayMemoryProvider, type CacheModel, cachesOf, type Eviction, PhysicalMemory, setCaches } from '../memory/index.ts';
import { FileTree } from '../vfs/index.ts';
import type { Board } from './board.ts';

export interface MachineOptions {
  /** Of every choice the machine makes: which task goes first, what hardware draws. 1 when left out. */
  readonly seed?: number;
  /** Called with each system call, decoded. */
  readonly trace?: (line: TraceLine) => void;
  /** Whether CPU caches lose lines on their own, on boards where devices do not see them; `off` when left out. */
  readonly eviction?: Eviction;
  /** Keeps the stack of whatever makes each kernel object, for leak reports. Slow. */
  readonly stacks?: boolean;
  /** Whether findings tell what happened before to the fences, buffers and locks that they are about. Costs time. */
  readonly history?: boolean;
  /** What fails, from boot on: faults, or their text as `alloc:nth=3:ENOMEM`. */
  readonly faults?: readonly (Fault | string)[];
  /** Whether each DMA_BUF_SYNC_START must have its END before the buffer goes, which Linux 6.12 leaves to the program. */
  readonly checksCpuAccess?: boolean;
  /** Defects of real drivers to re-create; the findings that each brings are expected. */
  readonly defects?: readonly Defect[];
  /** Virtual time at which the machine comes up, in nanoseconds: by default one second, as if it had just booted. */
  readonly start_ns?: number;
  /** Wall clock at virtual time 0, in seconds since 1970: 2024-01-01 when left out. */
  readonly bootTime_s?: number;
  /** What memory objects are made of; by default ArrayBuffers. */
  readonly memory?: (ledger: () => Ledger) => MemoryProvider;
}

const DEFAULT_RAM = 2 ** 31;
/** 2024-01-01 00:00 UTC. */
const DEFAULT_BOOT_TIME_S = 1_704_067_200;

/** A machine: a kernel, its file tree and RAM, and the devices of a board. */
export class Machine {
  readonly board: Board;
  readonly system: System;
  readonly tree: FileTree;
  readonly ram: PhysicalMemory;
  readonly eviction: Eviction;
  readonly #atShutdown: (() => void)[] = [];
  readonly #beforeShutdown: (() => void)[] = [];
  #isDown = false;

  constructor(board: Board, options: MachineOptions = {}) {
    this.board = board;
    this.ram = new PhysicalMemory(board.ram ?? DEFAULT_RAM, 0, () => this.system.faults.fails('page', '') !== undefined);
    for (const region of board.regions ?? []) this.ram.addRegion(region);
    this.eviction = options.eviction ?? 'off';
    const ledger = () => this.system.ledger;
    let tree: FileTree | undefined;
    this.system = new System({
      seed: options.seed ?? 1,
      bootTime_s: options.bootTime_s ?? DEFAULT_BOOT_TIME_S,
      start_ns: options.start_ns ?? 1e9,
      cpus: board.cpus ?? 1,
      architecture: board.architecture ?? 'x86-64',
      memory: options.memory?.(ledger) ?? new ArrayMemoryProvider(ledger),
      makeVfs: (system) => {
        tree = new FileTree(system, this.ram);
        return tree;
      },
      history: options.history ?? false,
      defects: options.defects ?? [],
      checksCpuAccess: options.checksCpuAccess ?? false,
      ...(options.trace === undefined ? {} : { trace: options.trace }),
    });
    this.tree = tree as unknown as FileTree;
    this.system.ledger.stacks = options.stacks ?? false;
    this.tree.mountPseudo(this.system);
    irqs(this.system);
    if (board.caches !== undefined) setCaches(this.system, board.caches(this));
    board.setUp(this);
    for (const fault of options.faults ?? []) this.faults.add(fault);
  }

  /** What fails: `machine.faults.add('alloc:nth=3')`. */
  get faults(): Faults {
    return this.system.faults;
  }

  /** What lies between memory, CPU caches and devices: the board's choice. */
  get caches(): CacheModel {
    return cachesOf(this.system);
  }

  /** Where the bytes of regular files are: the memfs volume. */
  get volume(): Volume {
    return this.tree.volume;
  }

  /** Calls a function at shutdown, those added last first. */
  onShutdown(run: () => void): void {
    this.#atShutdown.push(run);
  }

  /** Calls a function before shutdown counts what is held: what hardware has under way ends, and with it what drivers hold for it. */
  beforeShutdown(run: () => void): void {
    this.#beforeShutdown.push(run);
  }

  /**
   * Switches the machine off and checks that nothing is left.
   *
   * @throws Leak when programs left files open, memory mapped or tasks running, or the kernel kept anything after all of those
   *   were closed; BrokenRules when a rule of the real kernel was broken and nobody expected it
   */
  shutdown(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    const { ledger, tasks, scheduler } = this.system;
    for (const run of this.#beforeShutdown) run();
    this.system.sockets.inFlight.collect();
    const heldByPrograms = ledger.live(['file', 'mapping', 'task']);
    const lines = ledger.list(heldByPrograms);
    for (const task of tasks.all()) tasks.end(task, { code: 0 });
    scheduler.runReady();
    for (const run of this.#atShutdown.reverse()) run();
    // What they set going ends.
    scheduler.runReady();
    const used = this.ram.usedBytes;
    const heldByKernel = ledger.live().filter((thing) => !heldByPrograms.includes(thing));
    for (const thing of heldByKernel) thing.left?.();
    const left = [...lines, ...ledger.list(heldByKernel), ...(used === 0 ? [] : [`${used} bytes of RAM`])];
    if (left.length > 0) throw new Leak(left, this.system.findings.unexpected);
    this.system.assertClean();
  }
}
