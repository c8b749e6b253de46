import { addCmaHeap, addSystemHeap } from '../dma-buf/index.ts';
import {
  addKeembayIpcNode,
  addObservationFile,
  FreeNotice,
  type FreeNotify,
  KEEMBAY_IPC_DEFECTS,
  KeembayIpc,
  type KeembayIpcDescription,
  type PayloadLifetime,
  Payloads,
} from '../drivers/keembay-ipc/index.ts';
import { KeembayVpu } from '../drivers/keembay-vpu/index.ts';
import { addXlnkNode, XLINK_DEFECTS, XlinkCore, XlinkIpc } from '../drivers/xlnk/index.ts';
import {
  echo,
  type FirmwareScript,
  TimIpcFifo,
  TrustedApplication,
  VpuFirmware,
  VpuWatchdog,
  XlinkPeer,
} from '../hardware/keembay/index.ts';
import { type Irqs, irqs, WiredController } from '../irq/index.ts';
import { type Defect, firmwareClass, type Kernel } from '../kernel/index.ts';
import type { Board, Machine } from '../machine/index.ts';
import { CoherentRegion, DmaDevice } from '../memory/index.ts';
import { DEFAULT_FIRMWARE, FIRMWARE_AREA, makeFirmwareFile, X509_AREA } from './keembay-firmware.ts';

/** What can be chosen. What is left out is as the driver that was reviewed in 2020 has it. */
export interface KeembayOptions
  extends Pick<
    KeembayIpcDescription,
    'design' | 'busyPolicy' | 'txWork_ns' | 'tasklet_ns' | 'mailbox_ns' | 'reorder_ns' | 'makePool' | 'poolSlots'
  > {
  /** Defects of the real driver; all of them when left out. */
  readonly defects?: readonly Defect[];
  /** What the firmware does by itself: {@link echo} when left out. */
  readonly firmware?: FirmwareScript;
  readonly freeNotify?: FreeNotify;
  readonly payloadLifetime?: PayloadLifetime;
  readonly closeOnRelease?: boolean;
  /** Of each packet region, in bytes; 64 KiB when left out. */
  readonly regionSize?: number;
  /** Whether the firmware was booted before anybody could ask for it, or waits for that; `started` when left out. */
  readonly vpu?: 'started' | 'off';
  /** What is put into /lib/firmware, by name; when left out, one file that is right: `vpu.bin`. */
  readonly firmwareFiles?: Readonly<Record<string, Uint8Array>>;
  /** What is added to an address of the CPU to get the VPU's; 0 when left out. */
  readonly vpuOffset?: number;
  /** Of each region for payload that /dev/xlnk copies, in bytes; 64 KiB when left out. */
  readonly xlinkRegionSize?: number;
  /** Whether the device tree has the FIFO's registers. */
  readonly hasFifos?: boolean;
}

/** What is on a board that has been booted. */
export interface KeembayParts {
  readonly ipc: KeembayIpc;
  readonly firmware: VpuFirmware;
  readonly cpuFifo: TimIpcFifo;
  readonly vpuFifo: TimIpcFifo;
  readonly freeNotice: FreeNotice;
  readonly payloads: Payloads;
  readonly vpu: KeembayVpu;
  readonly trustedApplication: TrustedApplication;
  readonly xlink: XlinkCore;
  /** The MSS's and the NCE's. */
  readonly watchdogs: { readonly mss: VpuWatchdog; readonly nce: VpuWatchdog };
  /** Takes the driver away, as rmmod. Once. */
  readonly remove: () => Kernel<void>;
}

export interface KeembayBoard extends Board {
  /** Of the machine that was booted last. */
  readonly parts: KeembayParts;
}

/** What the real drivers have. */
const KEEMBAY_DEFECTS: readonly Defect[] = [...KEEMBAY_IPC_DEFECTS, ...XLINK_DEFECTS];

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** 3.3 of docs/reference/keembay-ipc.md. */
const LOCAL = 0x84000000;
const XLINK = 0x85300000;
const PAYLOADS = 0x90000000;
const CPU_FIFO = 0x203300f0;
const VPU_FIFO = 0x208200f0;
/** Inputs of the GIC: SPIs begin at 32. */
const SPI = 32;
const CPU_FIFO_INPUT = SPI + 12;
/** 14.7. */
const MSS_WATCHDOG_INPUT = SPI + 47;
const NCE_WATCHDOG_INPUT = SPI + 63;
/** As boards run it, in hertz. */
const CLOCKS = {
  cpu: 1_500_000_000,
  plls: [
    [700_000_000, 500_000_000, 350_000_000, 250_000_000],
    [600_000_000, 400_000_000, 300_000_000, 200_000_000],
    [533_000_000, 266_500_000, 133_250_000, 66_625_000],
  ],
} as const;
/** Of no real board: firmware that tells of frees would need a line of its own. */
const FREE_INPUT = SPI + 200;

/** The manager of the VPU, with what it needs. */
function addVpu(
  { system, ram, volume }: Machine,
  { vpu, firmwareFiles, vpuOffset = 0 }: KeembayOptions,
  { ipc, firmware, gic, irqs: all }: { ipc: KeembayIpc; firmware: VpuFirmware; gic: WiredController; irqs: Irqs },
) {
  const trustedApplication = new TrustedApplication(system, firmware);
  firmwareClass(system);
  for (const [name, file] of Object.entries(firmwareFiles ?? { [DEFAULT_FIRMWARE]: makeFirmwareFile({ vpuOffset }) }))
    volume.writeFileSync(`/lib/firmware/${name}`, file);
  const watchdogs = { mss: new VpuWatchdog(gic.line(MSS_WATCHDOG_INPUT)), nce: new VpuWatchdog(gic.line(NCE_WATCHDOG_INPUT)) };
  const areas = {
    firmware: new CoherentRegion(firmware.device, ram.region('vpu-firmware')),
    x509: new CoherentRegion(firmware.device, ram.region('vpu-x509')),
  };
  const manager = new KeembayVpu({
    system,
    ipc,
    monitor: trustedApplication,
    irqs: all,
    watchdogs: [
      { registers: watchdogs.mss, irq: gic.irq(MSS_WATCHDOG_INPUT) },
      { registers: watchdogs.nce, irq: gic.irq(NCE_WATCHDOG_INPUT) },
    ],
    areas,
    packets: ipc.remote,
    clocks: CLOCKS,
    ...(vpu === 'off' ? {} : { startedWith: DEFAULT_FIRMWARE }),
  });
  if (vpu === 'off') firmware.crash();
  function* remove(): Kernel<void> {
    yield* manager.remove();
    areas.firmware.release();
    areas.x509.release();
  }
  return { vpu: manager, trustedApplication, watchdogs, removeVpu: remove };
}

/** /dev/xlnk, above the link and its manager. */
function addXlink({ system, ram }: Machine, { ipc, vpu, firmware }: { ipc: KeembayIpc; vpu: KeembayVpu; firmware: VpuFirmware }) {
  const { device } = firmware;
  const regions = {
    local: new CoherentRegion(device, ram.region('xlink-local')),
    remote: new CoherentRegion(device, ram.region('xlink-remote')),
  };
  const areaOf = ({ busAddress, size }: CoherentRegion) => ({ vpuAddr: busAddress, size });
  firmware.xlink = new XlinkPeer(device, areaOf(regions.local), areaOf(regions.remote));
  const core = new XlinkCore(system, new XlinkIpc({ system, ipc, vpu, regions }), device);
  const removeNode = addXlnkNode(core);
  const free = () => {
    regions.local.release();
    regions.remote.release();
  };
  return { xlink: core, removeNode, free };
}

function setUp(machine: Machine, options: KeembayOptions): KeembayParts {
  const { system, ram } = machine;
  for (const defect of options.defects ?? KEEMBAY_DEFECTS) system.findings.recreate(defect);
  addSystemHeap(system, ram);
  addCmaHeap(system, ram.region('payload'));
  const all = irqs(system);
  const gic = new WiredController(all, { name: 'GICv3', lines: 256, waitsForEnd: true });
  const offset = options.vpuOffset ?? 0;
  const ranges = offset === 0 ? {} : { ranges: [{ bus: offset, cpu: 0, size: 2 ** 40 }] };
  const device = new DmaDevice(system, { name: 'vpu', maskBits: 32, ...ranges });
  const cpuFifo = new TimIpcFifo(gic.line(CPU_FIFO_INPUT));
  const changed = () => firmware.fifoChanged();
  const vpuFifo = new TimIpcFifo({ raise: changed, lower: changed });
  const firmware: VpuFirmware = new VpuFirmware({ system, device, vpuFifo, cpuFifo });
  const ipc = new KeembayIpc({
    ...options,
    system,
    device,
    regions: { local: ram.region('ipc-local'), remote: ram.region('ipc-remote') },
    fifos: options.hasFifos === false ? undefined : { cpu: cpuFifo, vpu: vpuFifo },
    irqs: all,
    irq: gic.irq(CPU_FIFO_INPUT),
  });
  firmware.learnRegions(ipc.local, ipc.remote);
  firmware.script = options.firmware ?? echo;
  firmware.onReset = () => ipc.vpuWasReset();
  const { removeVpu, ...vpuParts } = addVpu(machine, options, { ipc, firmware, gic, irqs: all });
  const xlink = addXlink(machine, { ipc, vpu: vpuParts.vpu, firmware });
  const freeNotify = options.freeNotify ?? { by: 'none' };
  if (freeNotify.by === 'irq') firmware.onFree = () => gic.line(FREE_INPUT).pulse();
  const freeNotice = new FreeNotice(system, all, gic.irq(FREE_INPUT), freeNotify);
  const payloads = new Payloads(device, ipc, options.payloadLifetime ?? 'eager');
  ipc.searched = () => payloads.sweep();
  const removeNode = addKeembayIpcNode({
    ipc,
    payloads,
    freeNotice,
    fifoAddresses: { cpu: CPU_FIFO, vpu: VPU_FIFO },
    highWater: () => ({ cpu: cpuFifo.highWater, vpu: vpuFifo.highWater }),
    clearHardware: () => {
      cpuFifo.forgetHistory();
      vpuFifo.forgetHistory();
    },
    vpuState: () => vpuParts.vpu.status,
    ...(options.closeOnRelease === undefined ? {} : { closeOnRelease: options.closeOnRelease }),
  });
  const removeObservations = addObservationFile({ ipc, overflows: vpuFifo.overflows });
  let isRemoved = false;
  function* remove(): Kernel<void> {
    if (isRemoved) return;
    isRemoved = true;
    removeNode();
    removeObservations();
    xlink.removeNode();
    yield* ipc.remove();
    firmware.crash();
    xlink.free();
    yield* removeVpu();
    yield* freeNotice.release();
    yield* payloads.endAll();
    if (ipc.pool.end !== undefined) yield* ipc.pool.end();
  }
  return { ipc, firmware, cpuFifo, vpuFifo, freeNotice, payloads, ...vpuParts, xlink: xlink.xlink, remove };
}

/** A board with Intel's Keem Bay: Linux on Arm cores, and a VPU to which it talks by /dev/keembay-ipc. */
export function keembay(options: KeembayOptions = {}): KeembayBoard {
  const size = options.regionSize ?? 64 * KIB;
  const xlinkSize = options.xlinkRegionSize ?? 64 * KIB;
  let parts: KeembayParts | undefined;
  return {
    name: 'keembay',
    description: 'an Intel Keem Bay: /dev/keembay-ipc and /dev/xlnk to the firmware of its VPU, which sends back what it gets',
    architecture: 'arm64',
    cpus: 4,
    regions: [
      { name: 'ipc-local', base: LOCAL, size },
      { name: 'ipc-remote', base: LOCAL + Math.max(size, 64 * KIB), size },
      { name: 'vpu-firmware', ...FIRMWARE_AREA },
      { name: 'vpu-x509', ...X509_AREA },
      { name: 'xlink-local', base: XLINK, size: xlinkSize },
      { name: 'xlink-remote', base: XLINK + Math.max(xlinkSize, 64 * KIB), size: xlinkSize },
      { name: 'payload', base: PAYLOADS, size: 16 * MIB },
    ],
    get parts() {
      if (parts === undefined) throw new Error('no machine with this board was booted');
      return parts;
    },
    setUp(machine) {
      const made = setUp(machine, options);
      parts = made;
      const { ipc, payloads } = made;
      // What is exported or imported holds files, which nobody may at the end: schemes that export packets, and released payload that
      // waits for a search, of which there will be none.
      const exportsPackets = ipc.pool.remove !== undefined || ipc.pool.end !== undefined;
      machine.beforeShutdown(() => {
        const { scheduler } = machine.system;
        scheduler.spawn('the last look at packets of keembay-ipc', undefined, payloads.sweep());
        if (exportsPackets) scheduler.spawn('rmmod keembay-ipc', undefined, made.remove());
        scheduler.runReady();
      });
      machine.onShutdown(() => machine.system.scheduler.spawn('rmmod keembay-ipc', undefined, made.remove()));
    },
  };
}
