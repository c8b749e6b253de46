import { Errno } from '../../abi/index.ts';
import { freeIrq, IRQ_HANDLED, type Irqs, requestIrq } from '../../irq/index.ts';
import { type Kernel, requestFirmware, type System, WaitQueue, wait } from '../../kernel/index.ts';
import type { CoherentRegion } from '../../memory/index.ts';
import {
  BOOT_CHANNEL,
  BOOT_MAGIC,
  BOOT_PARAMETERS_MAGIC,
  boot_parameters,
  type IpcLink,
  type IpcMessage,
  KEEMBAY_VPU_ERROR,
  KEEMBAY_VPU_NOTIFY_MSS_WDT,
  KEEMBAY_VPU_NOTIFY_NCE_WDT,
  KEEMBAY_VPU_READY,
  KMB_IPC_NODE_LEON_MSS,
  type SecureMonitor,
  type SharedRegion,
  secure_request,
  TA_BOOT,
  TA_STOP,
  TIM_GEN_CONFIG_WDT,
  type VpuManager,
  type WatchdogRegisters,
  WDT_COUNTER,
  WDT_ENABLE,
  WDT_SAFE,
  WDT_UNLOCK,
} from '../../ports/keembay/index.ts';
import { checkFirmware, copyFirmware, type FirmwareLayout, HEADER_COPY_SIZE } from './firmware-image.ts';
import { type VpuEvent, VpuStateMachine } from './vpu-state.ts';

/** 0 is the MSS's, 1 the NCE's. */
export type WatchdogId = 0 | 1;

/** Rates that the firmware is told, in hertz: of the CPU, and of each of four outputs of three PLLs. */
export interface VpuClocks {
  readonly cpu: number;
  readonly plls: readonly [readonly number[], readonly number[], readonly number[]];
}

export interface KeembayVpuDescription {
  readonly system: System;
  readonly ipc: IpcLink;
  readonly monitor: SecureMonitor;
  readonly irqs: Irqs;
  /** The MSS's, then the NCE's. */
  readonly watchdogs: readonly { readonly registers: WatchdogRegisters; readonly irq: number }[];
  /** `fw-area` and `x509-area`. */
  readonly areas: { readonly firmware: CoherentRegion; readonly x509: CoherentRegion };
  /** Where the VPU's packets are. */
  readonly packets: Pick<SharedRegion, 'vpuAddr' | 'size'>;
  readonly clocks: VpuClocks;
  /** `intel,keembay-vpu-ipc-id`; 0 when left out. */
  readonly vpuId?: number;
  /** Of the device tree: where the firmware sends its watchdogs; 0 when left out. */
  readonly redirects?: { readonly mss: number; readonly nce: number };
  /** The firmware that runs already when the driver comes, and is ready; none when left out. */
  readonly startedWith?: string;
}

const READY_TIMEOUT_MS = 2000;
const WATCHDOGS = [
  { name: 'mss_wdt', event: 'mss-wdt-timeout', notice: KEEMBAY_VPU_NOTIFY_MSS_WDT },
  { name: 'nce_wdt', event: 'nce-wdt-timeout', notice: KEEMBAY_VPU_NOTIFY_NCE_WDT },
] as const;

/** keembay-vpu-ipc: starts, stops and watches the VPU. Section 14 of docs/reference/keembay-ipc.md. */
export class KeembayVpu implements VpuManager {
  readonly #description: KeembayVpuDescription;
  readonly #machine = new VpuStateMachine();
  readonly #ready = new WaitQueue('the VPU to be ready');
  readonly #counts: [number, number] = [0, 0];
  #firmwareName: string | undefined;

  constructor(description: KeembayVpuDescription) {
    this.#description = description;
    if (description.startedWith !== undefined) {
      this.#firmwareName = description.startedWith;
      this.#machine.state = KEEMBAY_VPU_READY;
    }
    for (const [id, { irq }] of description.watchdogs.entries())
      requestIrq(description.irqs, irq, {
        name: (WATCHDOGS[id] as (typeof WATCHDOGS)[number]).name,
        handler: () => this.#barked(id as WatchdogId),
        devId: this,
      });
  }

  /** intel_keembay_vpu_status. */
  get status(): number {
    return this.#machine.state;
  }

  /** intel_keembay_vpu_startup: returns when the VPU boots. @param name undefined as NULL @throws Errno EINVAL, and what booting says */
  *startup(name: string | undefined): Kernel<void> {
    if (name === undefined) throw new Errno('EINVAL', 'there is no name of a firmware');
    this.#firmwareName = name;
    yield* this.#boot(name);
  }

  /** intel_keembay_vpu_reset: boots what was started last. @throws Errno EINVAL, and what booting says */
  *reset(): Kernel<void> {
    if (this.#firmwareName === undefined) throw new Errno('EINVAL', 'no firmware was started');
    yield* this.#boot(this.#firmwareName);
  }

  /** intel_keembay_vpu_stop. @throws Errno EINVAL when it cannot stop in this state; what the trusted application says */
  stop(): void {
    this.#machine.handle('stop');
    try {
      this.#ask(TA_STOP);
    } finally {
      this.#firmwareName = undefined;
      this.#machine.handle('stop-complete');
    }
  }

  /** intel_keembay_vpu_get_wdt_count, since probe. @throws Errno EINVAL */
  watchdogCount(id: number): number {
    const count = this.#counts[id];
    if (count === undefined) throw new Errno('EINVAL', `there is no watchdog ${id}`);
    return count;
  }

  /** intel_keembay_vpu_wait_for_ready. A boot that fails meanwhile wakes nobody. @throws Errno EIO, ETIME, ERESTARTSYS */
  *waitForReady(timeout_ms: number): Kernel<void> {
    if (this.status === KEEMBAY_VPU_ERROR) throw new Errno('EIO', 'the VPU has failed');
    if (!(yield* wait(this.#ready, () => this.status === KEEMBAY_VPU_READY, { timeout_ns: timeout_ms * 1e6 })))
      throw new Errno('ETIME', `the VPU was not ready in ${timeout_ms} ms`);
  }

  /** intel_keembay_vpu_register_for_events. @throws Errno EEXIST: there is one already */
  registerForEvents(listener: (event: number) => void): void {
    if (this.#machine.listener !== undefined) throw new Errno('EEXIST', 'somebody is registered');
    this.#machine.listener = listener;
  }

  unregisterForEvents(): void {
    this.#machine.listener = undefined;
  }

  *remove(): Kernel<void> {
    const { irqs, watchdogs } = this.#description;
    for (const { irq } of watchdogs) yield* freeIrq(irqs, irq, this);
  }

  /** 14.3. */
  *#boot(name: string): Kernel<void> {
    const { system, ipc, areas } = this.#description;
    this.#machine.handle('boot');
    try {
      try {
        this.#ask(TA_STOP);
      } catch (error) {
        system.log.print('warn', `keembay-vpu-ipc: the VPU was not stopped: ${error}`);
      }
      const file = yield* requestFirmware(system, name, 'keembay-vpu-ipc');
      const layout = checkFirmware(file, areas.firmware, areas.x509.size);
      copyFirmware(file, layout, areas.firmware, areas.x509);
      this.#writeBootParameters(layout.configAddress);
      ipc.openChannel(KMB_IPC_NODE_LEON_MSS, BOOT_CHANNEL);
      try {
        this.#ask(TA_BOOT, layout);
      } catch (error) {
        yield* ipc.closeChannel(KMB_IPC_NODE_LEON_MSS, BOOT_CHANNEL);
        throw error;
      }
    } catch (error) {
      this.#machine.handle('boot-failed');
      throw error;
    }
    system.scheduler.spawn('keembay-vpu-ipc-ready', undefined, this.#readyThread());
  }

  /** 14.4. @param address where the VPU looks for them */
  #writeBootParameters(address: number): void {
    const { areas, clocks, packets, vpuId = 0, redirects } = this.#description;
    const { memory, busAddress } = areas.firmware;
    const bytes = memory.bytes();
    boot_parameters.encode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), address - busAddress, {
      magic: BOOT_PARAMETERS_MAGIC,
      vpu_id: vpuId,
      cpu_frequency_hz: clocks.cpu,
      pll0_out: clocks.plls[0],
      pll1_out: clocks.plls[1],
      pll2_out: clocks.plls[2],
      mss_ipc_header_address: packets.vpuAddr,
      mss_ipc_header_area_size: packets.size,
      mss_wdt_to_irq_a53_redir: redirects?.mss ?? 0,
      nce_wdt_to_irq_a53_redir: redirects?.nce ?? 0,
    });
  }

  /** 14.6: asks the trusted application. @throws Errno EINVAL when it refuses */
  #ask(functionId: number, layout?: FirmwareLayout): void {
    const { monitor, areas, vpuId = 0 } = this.#description;
    const request = new Uint8Array(secure_request.size);
    const x509 = areas.x509.busAddress;
    const files =
      layout === undefined
        ? {}
        : {
            fw_header_addr: x509 + layout.certificateSize,
            fw_header_size: HEADER_COPY_SIZE,
            fw_version_addr: layout.versionAddress,
            fw_version_size: layout.fw_ver_size,
            fw_load_addr: layout.imageAddress,
            fw_load_size: layout.image_size,
            x509_addr: x509,
            x509_size: layout.certificateSize,
            fw_entry_addr: layout.entryPoint,
          };
    secure_request.encode(new DataView(request.buffer), 0, { ...files, vpu_id: vpuId });
    const result = monitor.invoke(functionId, request);
    if (result !== 0) throw new Errno('EINVAL', `the trusted application says 0x${result.toString(16)}`);
  }

  *#readyThread(): Kernel<void> {
    const { ipc, system } = this.#description;
    const into: { message?: IpcMessage } = {};
    try {
      yield* ipc.recv(KMB_IPC_NODE_LEON_MSS, BOOT_CHANNEL, into, READY_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      system.log.print('err', `keembay-vpu-ipc: no message from the VPU: ${error.message}`);
    }
    yield* ipc.closeChannel(KMB_IPC_NODE_LEON_MSS, BOOT_CHANNEL);
    const isUp = into.message?.vpuAddr === BOOT_MAGIC && into.message.size === 0;
    this.#note(isUp ? 'mss-ready-ok' : 'mss-ready-fail');
    if (isUp) this.#ready.wake();
  }

  /** An event that may come in any state: one that cannot be is only logged. */
  #note(event: VpuEvent): void {
    try {
      this.#machine.handle(event);
    } catch (error) {
      this.#description.system.log.print('warn', `keembay-vpu-ipc: ${error}`);
    }
  }

  /** 14.7: counted even when the state does not allow for it. */
  #barked(id: WatchdogId): number {
    const { registers } = this.#description.watchdogs[id] as { registers: WatchdogRegisters };
    const { event, notice } = WATCHDOGS[id];
    this.#machine.listener?.(notice);
    registers.write(WDT_SAFE, WDT_UNLOCK);
    registers.write(WDT_COUNTER, 0xffffffff);
    registers.write(WDT_SAFE, WDT_UNLOCK);
    registers.write(WDT_ENABLE, 0);
    registers.writeConfig(registers.readConfig() & ~TIM_GEN_CONFIG_WDT);
    this.#note(event);
    this.#counts[id]++;
    return IRQ_HANDLED;
  }
}
