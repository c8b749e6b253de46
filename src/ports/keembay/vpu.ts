/** How Linux starts, stops and watches the VPU: section 14 of docs/reference/keembay-ipc.md. */
import { array, bigu64, struct, u8, u32, u64 } from '../../abi/index.ts';
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

/** 14.4: in the first word of the boot parameters. */
export const BOOT_PARAMETERS_MAGIC = 0x00010000;

/** 14.4: what the manager tells the firmware, at the address that the firmware file says. */
export const boot_parameters = struct(
  {
    magic: u32,
    vpu_id: u32,
    reserved0: array(u8, 24),
    cpu_frequency_hz: u32,
    pll0_out: array(u32, 4),
    pll1_out: array(u32, 4),
    pll2_out: array(u32, 4),
    reserved1: array(u8, 172),
    mss_ipc_header_address: u64,
    mss_ipc_header_area_size: u32,
    mmio_address: u64,
    mmio_area_size: u32,
    reserved2: array(u8, 232),
    mss_wdt_to_irq_a53_redir: u32,
    nce_wdt_to_irq_a53_redir: u32,
    vpu_to_host_irq: u32,
    reserved3: array(u8, 244),
    a53ss_version_id: u32,
    si_stepping: u32,
    device_id: bigu64,
    feature_exclusion: bigu64,
    sku: array(u8, 8),
    reserved4: array(u8, 224),
    unused: array(u8, 3072),
  },
  { packed: true },
);

/** 14.5: the header of a firmware file. */
export const firmware_header = struct(
  {
    header_ver: u32,
    image_format: u32,
    image_load_addr: bigu64,
    image_size: u32,
    entry_point: bigu64,
    vpu_ver: array(u8, 32),
    compression_type: u32,
    fw_ver_load_addr: bigu64,
    fw_ver_size: u32,
    config_load_addr: bigu64,
  },
  { packed: true },
);

/** 14.6: what the trusted application is asked for, in memory that it shares; addresses are the VPU's. */
export const secure_request = struct(
  {
    fw_header_addr: u64,
    fw_header_size: u64,
    fw_version_addr: u64,
    fw_version_size: u64,
    fw_load_addr: u64,
    fw_load_size: u64,
    x509_addr: u64,
    x509_size: u64,
    fw_entry_addr: u64,
    vpu_id: u32,
  },
  { packed: true },
);

/** 14.6: what the trusted application does. */
export const TA_BOOT = 0;
export const TA_STOP = 1;

/** The trusted application that alone may start and stop the VPU. */
export interface SecureMonitor {
  /**
   * TEE_IOC_INVOKE.
   *
   * @param request a {@link secure_request}
   * @returns the application's result; 0 is success
   * @throws Errno when it cannot be reached
   */
  invoke(functionId: number, request: Uint8Array): number;
}

/** A message, as callers of the link have it. */
export interface IpcMessage {
  readonly vpuAddr: number;
  /** In bytes. */
  readonly size: number;
}

/** The link's interface in the kernel, for the drivers above: section 10. Errors are those of that section. */
export interface IpcLink {
  openChannel(nodeId: number, chanId: number): unknown;
  closeChannel(nodeId: number, chanId: number): Kernel<void>;
  send(nodeId: number, chanId: number, vpuAddr: number, size: bigint): Kernel<void>;
  recv(nodeId: number, chanId: number, into: { message?: IpcMessage }, timeout_ms: number): Kernel<void>;
  /** Whether a packet in use names an address: what only a simulator can know of a payload, that somebody may still read it. */
  isNamed(vpuAddr: number, length: number): boolean;
}

/** The manager's interface in the kernel: 14.2. */
export interface VpuManager {
  /** 14.1. */
  readonly status: number;
  /** @throws Errno EINVAL, and what booting says */
  startup(name: string | undefined): Kernel<void>;
  /** @throws Errno EINVAL; what the trusted application says */
  stop(): void;
  /** @throws Errno EIO, ETIME, ERESTARTSYS */
  waitForReady(timeout_ms: number): Kernel<void>;
  /** @throws Errno EEXIST */
  registerForEvents(listener: (event: number) => void): void;
  unregisterForEvents(): void;
}

/** States of the VPU: 14.1. */
export const KEEMBAY_VPU_OFF = 0;
export const KEEMBAY_VPU_BUSY = 1;
export const KEEMBAY_VPU_READY = 2;
export const KEEMBAY_VPU_ERROR = 3;
export const KEEMBAY_VPU_STOPPING = 4;

/** What listeners are told. */
export const KEEMBAY_VPU_NOTIFY_DISCONNECT = 0;
export const KEEMBAY_VPU_NOTIFY_CONNECT = 1;
export const KEEMBAY_VPU_NOTIFY_MSS_WDT = 2;
export const KEEMBAY_VPU_NOTIFY_NCE_WDT = 3;
