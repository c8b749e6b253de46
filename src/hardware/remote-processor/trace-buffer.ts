import type { RemoteBus } from './bus.ts';

/** A log in memory that the host shows. What does not fit is lost; the last byte stays 0. */
export class TraceBuffer {
  readonly #bus: RemoteBus;
  readonly #address: number;
  readonly #length: number;
  #at = 0;

  /** @param length in bytes; 0 for none */
  constructor(bus: RemoteBus, address: number, length: number) {
    this.#bus = bus;
    this.#address = address;
    this.#length = length;
  }

  print(line: string): void {
    const bytes = Buffer.from(`${line}\n`, 'latin1').subarray(0, Math.max(0, this.#length - 1 - this.#at));
    if (bytes.length === 0) return;
    this.#bus.write(this.#address + this.#at, bytes);
    this.#at += bytes.length;
  }
}
