import { Errno } from '../../abi/index.ts';
import type { System } from '../../kernel/index.ts';
import { BOOT_CHANNEL, BOOT_MAGIC, type BootParameters, type SecureMonitor } from '../../ports/keembay/index.ts';
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

/** The trusted application that starts and stops the firmware. */
export class TrustedApplication implements SecureMonitor {
  readonly #system: System;
  readonly #firmware: VpuFirmware;
  script: BootScript = goodBoot;

  constructor(system: System, firmware: VpuFirmware) {
    this.#system = system;
    this.#firmware = firmware;
  }

  boot(_parameters: BootParameters): void {
    const { message, delay_ns, isRefused } = this.script;
    if (isRefused === true) throw new Errno('EINVAL', 'the trusted application refuses to boot the VPU');
    this.#firmware.reset();
    if (message === undefined) return;
    this.#system.clock.schedule(delay_ns, 'the VPU says that it is up', () => {
      if (this.#firmware.isRunning) this.#firmware.trySend(message);
    });
  }

  stop(): void {
    this.#firmware.crash();
  }
}
