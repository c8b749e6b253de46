/** How Linux starts, stops and watches the VPU: section 14 of docs/reference/keembay-ipc.md. */
import type { Kernel } from '../../kernel/index.ts';

/** Where the firmware says that it is up. */
export const BOOT_CHANNEL = 10;
/** What it says: "BOOT", and a size of 0. */
export const BOOT_MAGIC = 0x424f4f54;

/** Offsets of a watchdog's registers. */
export const WDT_COUNTER = 0x0;
export const WDT_ENABLE = 0x8;
export const WDT_SAFE = 0xc;
/** Written to WDT_SAFE, it lets the next write through. */
export const WDT_UNLOCK = 0xf1d0dead;
/** TIM_GEN_CONFIG: the watchdog asks for its interrupt; clearing it is the end of that. */
export const TIM_GEN_CONFIG_WDT = 1 << 9;

export interface WatchdogRegisters {
  write(offset: number, value: number): void;
  readConfig(): number;
  writeConfig(value: number): void;
}

/** Of the boot parameters, what the firmware here looks at. */
export interface BootParameters {
  /** Where the firmware's packets are. */
  readonly mssIpcHeaderAddress: number;
  /** In bytes. */
  readonly mssIpcHeaderAreaSize: number;
  readonly entryPoint: number;
}

/** The trusted application that alone may start and stop the VPU. */
export interface SecureMonitor {
  /** @throws Errno when it refuses */
  boot(parameters: BootParameters): void;
  /** @throws Errno when it refuses */
  stop(): void;
}

/** What the manager of the VPU needs of the link to it. */
export interface IpcLink {
  openChannel(nodeId: number, chanId: number): unknown;
  closeChannel(nodeId: number, chanId: number): Kernel<void>;
  recv(
    nodeId: number,
    chanId: number,
    into: { message?: { readonly vpuAddr: number; readonly size: number } },
    timeout_ms: number,
  ): Kernel<void>;
}
