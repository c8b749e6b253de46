import { addCmaHeap, addSystemHeap } from '../dma-buf/index.ts';
import { addPlatformRproc, type PlatformRprocDescription, type RegionProfile, type Rproc } from '../drivers/remoteproc/index.ts';
import { addRpmsg } from '../drivers/rpmsg/index.ts';
import {
  crashFirmware,
  echoFirmware,
  type FirmwareProgram,
  firmwarePrograms,
  iommuLayout,
  MemoryBank,
  RemoteBus,
  RemoteProcessor,
} from '../hardware/remote-processor/index.ts';
import { irqs, WiredController } from '../irq/index.ts';
import { addPlatformDevice, devcoredumps, type Kernel } from '../kernel/index.ts';
import type { Board, Machine } from '../machine/index.ts';
import { CoherentPool, type ContiguousRegion, DmaDevice, GenPool, type GenPoolAlgorithm } from '../memory/index.ts';

/** What can be chosen. */
export interface RemoteprocOptions
  extends Pick<
    PlatformRprocDescription,
    | 'policy'
    | 'autoBoot'
    | 'firmware'
    | 'isDetached'
    | 'attachOnRecovery'
    | 'sysfsReadOnly'
    | 'toleratesNoTable'
    | 'sizeBits'
    | 'onStep'
    | 'ops'
  > {
  /** Of the first processor, instead of those of an STM32MP1's device tree. */
  readonly regions?: (memory: RemoteprocMemory) => readonly RegionProfile[];
  /** Programs that loaded bytes may stand for, beside those that ship. */
  readonly programs?: Readonly<Record<string, FirmwareProgram>>;
  /** Whether pools round requests up to powers of two of pages, as Linux's do; true when left out. */
  readonly roundsUp?: boolean;
  /** How the SRAM's allocator looks for gaps. */
  readonly sramAlgorithm?: GenPoolAlgorithm;
  /** A share of the CMA area that somebody else holds, in pieces that the seed chooses; 0 when left out. */
  readonly fragmentation?: number;
  /** Files of /lib/firmware beside those that ship. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** What regions can be made of. */
export interface RemoteprocMemory {
  /** SRAM4, which has an allocator. */
  readonly sram: GenPool;
  /** Where the first processor has what the CPU has in SRAM. */
  readonly toDevice: (physical: number) => number;
  /** A part of the first processor's SRAM, declared for its device alone: from its beginning, in bytes. */
  readonly pool: (offset: number, size: number) => CoherentPool;
}

/** A processor, from both sides. */
export interface RemoteprocPart {
  readonly rproc: Rproc;
  readonly processor: RemoteProcessor;
}

/** What is on a board that has been booted. */
export interface RemoteprocParts {
  /** With SRAM at fixed places. */
  readonly m4: RemoteprocPart;
  /** Behind an IOMMU. */
  readonly dsp: RemoteprocPart;
  readonly sram: GenPool;
  /** Puts a file into /lib/firmware. */
  readonly install: (name: string, bytes: Uint8Array) => void;
  /** Takes both drivers away, as rmmod. Once. */
  readonly remove: () => Kernel<void>;
}

export interface RemoteprocBoard extends Board {
  /** Of the machine that was booted last. */
  readonly parts: RemoteprocParts;
}

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** As the device tree of an STM32MP157 has them: the CPU's address, the M4's, size. */
const RETRAM = { name: 'retram', base: 0x38000000, da: 0, size: 64 * KIB };
const MCUSRAM = { name: 'mcusram', base: 0x10000000, da: 0x10000000, size: 384 * KIB };
const VRING0 = 0x10040000;
const VRING1 = 0x10041000;
const BUFFER = 0x10042000;
/** What of the SRAM no region of the device tree has. */
const SRAM4 = { base: 0x10050000, size: 64 * KIB };
const CMA = { name: 'linux,cma', base: 0x4000000, size: 16 * MIB };
/** Inputs of the GIC: SPIs begin at 32. */
const SPI = 32;

/** The regions of the device tree, by name. The buffer's is not mapped: the virtio device gets it. */
export const stm32Regions = (): readonly RegionProfile[] => [
  { name: 'retram', da: RETRAM.da, len: RETRAM.size, provider: { kind: 'ioremap', physical: RETRAM.base } },
  { name: 'mcuram2', da: MCUSRAM.da, len: 256 * KIB, provider: { kind: 'ioremap', physical: MCUSRAM.base } },
  { name: 'vdev0vring0', da: VRING0, len: 4 * KIB, provider: { kind: 'ioremap', physical: VRING0 } },
  { name: 'vdev0vring1', da: VRING1, len: 4 * KIB, provider: { kind: 'ioremap', physical: VRING1 } },
  { name: 'vdev0buffer', da: BUFFER, len: 16 * KIB, provider: { kind: 'resmem', index: 0 } },
];

/** Somebody else's allocations, so that large ones find no gap. @returns what gives them back */
function fragment({ system }: Machine, region: ContiguousRegion, share: number): () => void {
  const random = system.random('fragments of the CMA area');
  const pages = region.size / 4096;
  const held = Array.from({ length: pages }, () => region.allocate(4096)).filter((address) => {
    if (random.uint32() < share * 2 ** 32) return true;
    region.free(address);
    return false;
  });
  return () => {
    for (const address of held) region.free(address);
  };
}

function setUp(machine: Machine, options: RemoteprocOptions): RemoteprocParts {
  const { system, ram, volume } = machine;
  const cma = ram.region(CMA.name);
  addSystemHeap(system, ram);
  addCmaHeap(system, cma);
  addRpmsg(system);
  const banks = [RETRAM, MCUSRAM].map(({ name }) => new MemoryBank(system, ram.region(name)));
  const release = options.fragmentation === undefined ? () => {} : fragment(machine, cma, options.fragmentation);
  const all = irqs(system);
  const gic = new WiredController(all, { name: 'GICv2', lines: 256, waitsForEnd: true });
  const resolve = (physical: number) => ram.resolve(physical);
  const sram = new GenPool(32, options.sramAlgorithm);
  sram.add(SRAM4.base, SRAM4.size);
  const toDevice = (physical: number) => physical - MCUSRAM.base + MCUSRAM.da;
  const roundsUp = options.roundsUp ?? true;
  const pool = (offset: number, size: number) =>
    new CoherentPool({ physical: MCUSRAM.base + offset, deviceBase: MCUSRAM.da + offset, size, resolve, roundsUp });
  const programs = { ...firmwarePrograms, ...options.programs };
  const line = (spi: number) => ({ output: gic.line(SPI + spi), irq: gic.irq(SPI + spi) });

  const windows = [
    { name: RETRAM.name, da: RETRAM.da, pa: RETRAM.base, size: RETRAM.size },
    { name: MCUSRAM.name, da: MCUSRAM.da, pa: MCUSRAM.base, size: MCUSRAM.size },
    // Main memory, where the CPU has it.
    { name: 'ddr', da: CMA.base, pa: CMA.base, size: CMA.size },
  ];
  const mailbox = line(100);
  const watchdog = line(101);
  const m4 = new RemoteProcessor({
    system,
    name: 'm4',
    bus: new RemoteBus({ ram, windows }),
    programs,
    mailbox: mailbox.output,
    fault: watchdog.output,
  });
  const m4Device = addPlatformDevice(system, { name: '10000000.m4' });
  const added = addPlatformRproc({
    ...options,
    autoBoot: options.autoBoot ?? false,
    system,
    name: 'm4',
    parent: {
      device: m4Device,
      label: 'stm32-rproc 10000000.m4',
      dma: new DmaDevice(system, { name: '10000000.m4', maskBits: 32 }),
      cma,
      resolve,
      reservedPool: (index) => (index === 0 ? pool(BUFFER - MCUSRAM.base, 16 * KIB) : undefined),
      roundsUp,
    },
    registers: m4,
    irqs: all,
    mailboxIrq: mailbox.irq,
    faultIrq: watchdog.irq,
    regions: () => (options.regions ?? stm32Regions)({ sram, toDevice, pool }),
    loadedTable: { physical: MCUSRAM.base + 0x1000, len: 0x1000 },
  });

  const iommu = { domain: undefined };
  const dspMailbox = line(102);
  const dspWatchdog = line(103);
  const dsp = new RemoteProcessor({
    system,
    name: 'dsp',
    bus: new RemoteBus({ ram, windows: [], iommu }),
    programs,
    mailbox: dspMailbox.output,
    fault: dspWatchdog.output,
  });
  const dspAdded = addPlatformRproc({
    system,
    name: 'dsp',
    autoBoot: false,
    hasIommu: true,
    ...(options.policy === undefined ? {} : { policy: options.policy }),
    parent: {
      device: addPlatformDevice(system, { name: '40800000.dsp' }),
      label: 'omap-rproc 40800000.dsp',
      dma: new DmaDevice(system, { name: '40800000.dsp', maskBits: 32 }),
      cma,
      resolve,
      roundsUp,
      iommu,
    },
    registers: dsp,
    irqs: all,
    mailboxIrq: dspMailbox.irq,
    faultIrq: dspWatchdog.irq,
    regions: () => [],
  });

  const install = (name: string, bytes: Uint8Array) => volume.writeFileSync(`/lib/firmware/${name}`, bytes);
  install('echo.elf', echoFirmware());
  install('crash.elf', crashFirmware());
  install('echo-iommu.elf', echoFirmware(iommuLayout));
  install('crash-iommu.elf', crashFirmware(iommuLayout, 'how=bus'));
  for (const [name, bytes] of Object.entries(options.files ?? {})) install(name, bytes);

  let isRemoved = false;
  return {
    m4: { rproc: added.rproc, processor: m4 },
    dsp: { rproc: dspAdded.rproc, processor: dsp },
    sram,
    install,
    *remove() {
      if (isRemoved) return;
      isRemoved = true;
      devcoredumps(system).removeAll();
      yield* added.remove();
      yield* dspAdded.remove();
      for (const bank of banks) bank.remove();
      release();
    },
  };
}

/** A board after the STM32MP157: Linux, a microcontroller with SRAM of its own, and a signal processor behind an IOMMU. */
export function remoteproc(options: RemoteprocOptions = {}): RemoteprocBoard {
  let parts: RemoteprocParts | undefined;
  return {
    name: 'remoteproc',
    description: 'two remote processors, one with SRAM and one behind an IOMMU: /sys/class/remoteproc, and rpmsg to their firmware',
    architecture: 'arm64',
    cpus: 2,
    ram: 128 * MIB,
    regions: [
      { name: RETRAM.name, base: RETRAM.base, size: RETRAM.size },
      { name: MCUSRAM.name, base: MCUSRAM.base, size: MCUSRAM.size },
      CMA,
    ],
    get parts() {
      if (parts === undefined) throw new Error('no machine with this board was booted');
      return parts;
    },
    setUp(machine) {
      const made = setUp(machine, options);
      parts = made;
      machine.onShutdown(() => machine.system.scheduler.spawn('rmmod stm32_rproc', undefined, made.remove()));
    },
  };
}
