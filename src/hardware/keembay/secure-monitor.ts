import type { ScheduledEvent, System } from '../../kernel/index.ts';
import {
  BOOT_CHANNEL,
  BOOT_MAGIC,
  BOOT_PARAMETERS_MAGIC,
  boot_parameters,
  firmware_header,
  type SecureMonitor,
  secure_request,
  TA_BOOT,
} from '../../ports/keembay/index.ts';
import type { OutgoingMessage, VpuFirmware } from './vpu-firmware.ts';

/** How a boot goes. */
export interface BootScript {
  /** From the request to the first message. */
  readonly delay_ns: number;
  /** The first message; undefined for firmware that never says anything. */
  readonly message: OutgoingMessage | undefined;
  /** Whether the trusted application refuses. */
  readonly isRefused?: boolean;
}

/** Firmware that is up after 10 ms, and says so. */
export const goodBoot: BootScript = { delay_ns: 10e6, message: { channel: BOOT_CHANNEL, dataAddr: BOOT_MAGIC, dataSize: 0 } };

/** TEEC_ERROR_ACCESS_DENIED and TEEC_ERROR_BAD_FORMAT. */
const ACCESS_DENIED = 0xffff0001;
const BAD_FORMAT = 0xffff0005;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The trusted application that starts and stops the firmware: 14.6 of docs/reference/keembay-ipc.md. */
export class TrustedApplication implements SecureMonitor {
  readonly #system: System;
  readonly #firmware: VpuFirmware;
  #starting: ScheduledEvent | undefined;
  script: BootScript = goodBoot;
  /** What the firmware that runs now was told: 14.4. */
  bootParameters: ReturnType<typeof boot_parameters.decode> | undefined;

  constructor(system: System, firmware: VpuFirmware) {
    this.#system = system;
    this.#firmware = firmware;
  }

  invoke(functionId: number, request: Uint8Array): number {
    if (functionId === TA_BOOT) return this.#boot(secure_request.decode(viewOf(request), 0).fw_header_addr);
    this.#starting?.cancel();
    this.#firmware.crash();
    return 0;
  }

  /** @param headerAddress where the VPU sees the copy of the file's header */
  #boot(headerAddress: number): number {
    const { message, delay_ns, isRefused } = this.script;
    if (isRefused === true) return ACCESS_DENIED;
    const { device } = this.#firmware;
    const header = firmware_header.decode(viewOf(device.read(headerAddress, firmware_header.size)), 0);
    if (header.header_ver !== 1) return BAD_FORMAT;
    this.#starting?.cancel();
    this.#firmware.reset();
    const parameters = boot_parameters.decode(viewOf(device.read(Number(header.config_load_addr), boot_parameters.size)), 0);
    this.bootParameters = parameters;
    // Firmware that does not understand where its packets are has nothing to send.
    const isTold = parameters.magic === BOOT_PARAMETERS_MAGIC && parameters.mss_ipc_header_address === this.#firmware.packetsAt;
    if (message === undefined || !isTold) return 0;
    this.#starting = this.#system.clock.schedule(delay_ns, 'the VPU says that it is up', () => {
      if (this.#firmware.isRunning) this.#firmware.trySend(message);
    });
    return 0;
  }
}
