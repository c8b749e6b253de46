/** What the boards with a VideoCore have in common: its firmware, its driver, and the heaps beside them. */
import { addCmaHeap, addSystemHeap } from '../dma-buf/index.ts';
import { addVcSmCma, type VcSmCma, type VcSmCmaDescription } from '../drivers/vc-sm-cma/index.ts';
import { VideoCore, type VideoCoreDescription } from '../hardware/videocore/index.ts';
import { IRQ_TYPE_EDGE_RISING, irqs, WiredController } from '../irq/index.ts';
import type { Board, Machine } from '../machine/index.ts';
import { DmaDevice, type DmaRange, NonCoherentCaches } from '../memory/index.ts';

const MIB = 2 ** 20;
/** Of the CMA area, which is the heap's as well. */
const CMA = 'linux,cma';
/** The doorbell among the lines of the interrupt controller. */
const DOORBELL = 34;
const LINES = 160;

export interface VideoCoreOptions
  extends Pick<VideoCoreDescription, 'isTranslated' | 'hasSmem' | 'script'>,
    Pick<VcSmCmaDescription, 'revision' | 'design' | 'cacheRequests' | 'commandsBefore'> {
  /** Whether the VPU sees the CPU's caches, so that nothing needs to be synced; false when left out, as on every Raspberry Pi. */
  readonly coherent?: boolean;
  /** The VPU's own memory, in MiB; 76 when left out. */
  readonly gpuMem_MiB?: number;
  /** Contiguous memory for devices, in MiB; 256 when left out. */
  readonly cma_MiB?: number;
  /** `dma-ranges` of the bus: the board's when left out, the CPU's addresses when empty. */
  readonly dmaRanges?: readonly DmaRange[];
  /** Told of the parties when the machine boots: for scripts. */
  readonly onBoot?: (parties: VideoCoreParties) => void;
}

/** The two sides of a booted board. */
export interface VideoCoreParties {
  readonly videocore: VideoCore;
  /** Undefined when the firmware has no SMEM. */
  readonly driver: VcSmCma | undefined;
  readonly machine: Machine;
}

const makeParties = (): { parties: VideoCoreParties | undefined } => ({ parties: undefined });

/** The VideoCore and the driver of a machine. @throws Error when its board has none */
export function videoCoreOf(machine: Machine): VideoCoreParties {
  const { parties } = machine.system.single(makeParties);
  if (parties === undefined) throw new Error(`the board ${machine.board.name} has no VideoCore`);
  return parties;
}

export interface VideoCoreBoard {
  readonly name: string;
  readonly description: string;
  /** In bytes. */
  readonly ram: number;
  /** What of the RAM the VPU reaches. */
  readonly ranges: readonly DmaRange[];
}

/** A board of that kind. Its first GiB of RAM holds the CMA area, and above that, at the end, the VPU's own memory. */
export function videoCoreBoard(board: VideoCoreBoard, options: VideoCoreOptions): Board {
  const { name, description, ram, ranges } = board;
  const { gpuMem_MiB = 76, cma_MiB = 256, dmaRanges = ranges, coherent = false } = options;
  const low = Math.min(ram, 1024 * MIB);
  const gpu = { name: 'gpu', base: low - gpuMem_MiB * MIB, size: gpuMem_MiB * MIB };
  return {
    name,
    description,
    ram,
    cpus: 4,
    architecture: 'arm64',
    regions: [gpu, { name: CMA, base: gpu.base - cma_MiB * MIB, size: cma_MiB * MIB }],
    ...(coherent ? {} : { caches: ({ system, eviction }) => new NonCoherentCaches(system, { eviction }) }),
    setUp(machine) {
      const { system, ram: memory } = machine;
      addSystemHeap(system, memory);
      addCmaHeap(system, memory.region(CMA));
      const gic = new WiredController(irqs(system), { name: 'GICv2', lines: LINES, waitsForEnd: true, trigger: IRQ_TYPE_EDGE_RISING });
      const device = new DmaDevice(system, {
        name: 'vcsm-cma',
        maskBits: 32,
        maxSegmentSize: 0x3fffffff,
        snoopsCpu: coherent,
        ...(dmaRanges.length === 0 ? {} : { ranges: dmaRanges }),
      });
      const { isTranslated = false, hasSmem = true, script = {}, revision, design, cacheRequests, commandsBefore } = options;
      const doorbell = gic.line(DOORBELL);
      const videocore = new VideoCore(system, { ...gpu, ram: memory, device, doorbell, isTranslated, hasSmem, script });
      const region = memory.region(CMA);
      const driver = addVcSmCma(system, {
        vchiq: videocore,
        device,
        region,
        irq: gic.irq(DOORBELL),
        ...(revision === undefined ? {} : { revision }),
        ...(design === undefined ? {} : { design }),
        ...(cacheRequests === undefined ? {} : { cacheRequests }),
        ...(commandsBefore === undefined ? {} : { commandsBefore }),
      });
      const parties = { videocore, driver, machine };
      system.single(makeParties).parties = parties;
      machine.beforeShutdown(() => settle(parties));
      machine.onShutdown(() => end(parties));
      options.onBoot?.(parties);
    },
  };
}

/** What the two have told each other arrives, and the firmware's components end. */
function settle({ videocore, driver, machine: { system } }: VideoCoreParties): void {
  const isQuiet = () => videocore.isQuiet && (driver?.isQuiet ?? true);
  system.scheduler.settle(isQuiet);
  videocore.stopComponents();
  system.scheduler.settle(isQuiet);
}

/** The programs have ended, too: what is left after that will never end. */
function end(parties: VideoCoreParties): void {
  settle(parties);
  parties.videocore.powerOff();
  parties.driver?.shutdown();
}
