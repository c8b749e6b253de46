import { TIM_GEN_CONFIG_WDT, type WatchdogRegisters, WDT_ENABLE, WDT_SAFE, WDT_UNLOCK } from '../../ports/keembay/index.ts';
import type { LevelOutput } from './tim-fifo.ts';

/** A watchdog of the VPU: 14.7 of docs/reference/keembay-ipc.md. Its output is high from when it barks until its bit is cleared. */
export class VpuWatchdog implements WatchdogRegisters {
  readonly #output: LevelOutput;
  #isUnlocked = false;
  #config = 0;
  isEnabled = true;

  constructor(output: LevelOutput) {
    this.#output = output;
  }

  /** The firmware has not been heard of in time. */
  bark(): void {
    this.#config |= TIM_GEN_CONFIG_WDT;
    this.#output.raise();
  }

  write(offset: number, value: number): void {
    if (offset === WDT_SAFE) {
      this.#isUnlocked = value >>> 0 === WDT_UNLOCK;
      return;
    }
    if (offset === WDT_ENABLE && this.#isUnlocked) this.isEnabled = value !== 0;
    this.#isUnlocked = false;
  }

  readConfig(): number {
    return this.#config;
  }

  writeConfig(value: number): void {
    this.#config = value;
    if ((value & TIM_GEN_CONFIG_WDT) === 0) this.#output.lower();
  }
}
