import type { System } from '../../kernel/index.ts';
import type { SampleClock } from '../../ports/iio-converter/index.ts';

/** When scans happen: from a moment on, at the rate of a clock. */
export class SampleTime implements SampleClock {
  readonly #system: System;
  /** Whether scans come as fast as somebody takes them. */
  readonly isUnlimited: boolean;
  #rate: number;
  /** From where on the rate is what it is. */
  #since_ns: number;
  #sinceScan = 0;

  /** @param rate in Hz */
  constructor(system: System, rate: number, isUnlimited: boolean) {
    this.#system = system;
    this.#rate = rate;
    this.isUnlimited = isUnlimited;
    this.#since_ns = system.now();
  }

  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#sinceScan = this.scan;
    this.#since_ns = this.#system.now();
    this.#rate = rate;
  }

  /** Scans that have happened. */
  get scan(): number {
    return this.#sinceScan + Math.floor(((this.#system.now() - this.#since_ns) / 1e9) * this.#rate);
  }

  /** In how many nanoseconds a number of scans will have happened. */
  until_ns(scan: number): number {
    const at_ns = this.#since_ns + Math.ceil(((scan - this.#sinceScan) / this.#rate) * 1e9);
    return Math.max(0, at_ns - this.#system.now());
  }
}
