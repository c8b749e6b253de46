import { Errno } from '../../abi/index.ts';
import { freeIrq, IRQ_HANDLED, type Irqs, requestIrq } from '../../irq/index.ts';
import { type Kernel, type System, WaitQueue, wait } from '../../kernel/index.ts';
import {
  BOOT_CHANNEL,
  BOOT_MAGIC,
  type IpcLink,
  KMB_IPC_NODE_LEON_MSS,
  type SecureMonitor,
  TIM_GEN_CONFIG_WDT,
  type WatchdogRegisters,
  WDT_COUNTER,
  WDT_ENABLE,
  WDT_SAFE,
  WDT_UNLOCK,
} from '../../ports/keembay/index.ts';
import { checkFirmware, type ReservedArea } from './firmware-image.ts';
import {
  KEEMBAY_VPU_ERROR,
  KEEMBAY_VPU_NOTIFY_MSS_WDT,
  KEEMBAY_VPU_NOTIFY_NCE_WDT,
  KEEMBAY_VPU_READY,
  type VpuEvent,
  VpuStateMachine,
} from './vpu-state.ts';

/** 0 is the MSS's, 1 the NCE's. */
export type WatchdogId = 0 | 1;

export interface KeembayVpuDescription {
  readonly system: System;
  readonly ipc: IpcLink;
  readonly monitor: SecureMonitor;
  readonly irqs: Irqs;
  /** The MSS's, then the NCE's. */
  readonly watchdogs: readonly { readonly registers: WatchdogRegisters; readonly irq: number }[];
  /** request_firmware. @throws Errno ENOENT */
  readonly requestFirmware: (name: string) => Uint8Array;
  /** Where firmware is loaded. */
  readonly firmwareArea: ReservedArea;
  /** In bytes. */
  readonly x509Size: number;
  /** Where the VPU's packets are. */
  readonly packets: ReservedArea;
}

const READY_TIMEOUT_MS = 2000;
const WATCHDOGS = [
  { name: 'mss_wdt', event: 'mss-wdt-timeout', notice: KEEMBAY_VPU_NOTIFY_MSS_WDT },
  { name: 'nce_wdt', event: 'nce-wdt-timeout', notice: KEEMBAY_VPU_NOTIFY_NCE_WDT },
] as const;

/** keembay-vpu-ipc: starts, stops and watches the VPU. Section 14 of docs/reference/keembay-ipc.md. */
export class KeembayVpu {
  readonly #description: KeembayVpuDescription;
  readonly #machine = new VpuStateMachine();
  readonly #ready = new WaitQueue('the VPU to be ready');
  readonly #counts: [number, number] = [0, 0];
  #firmwareName: string | undefined;

  constructor(description: KeembayVpuDescription) {
    this.#description = description;
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
      this.#description.monitor.stop();
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
    const { system, monitor, ipc, requestFirmware, firmwareArea, x509Size, packets } = this.#description;
    this.#machine.handle('boot');
    try {
      try {
        monitor.stop();
      } catch (error) {
        system.log.print('warn', `keembay-vpu-ipc: the VPU was not stopped: ${error}`);
      }
      const { entryPoint } = checkFirmware(requestFirmware(name), firmwareArea, x509Size);
      ipc.openChannel(KMB_IPC_NODE_LEON_MSS, BOOT_CHANNEL);
      try {
        monitor.boot({ entryPoint, mssIpcHeaderAddress: packets.vpuAddr, mssIpcHeaderAreaSize: packets.size });
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

  *#readyThread(): Kernel<void> {
    const { ipc, system } = this.#description;
    const into: { message?: { readonly vpuAddr: number; readonly size: number } } = {};
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
