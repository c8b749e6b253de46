/** The engine of the DMA test device. */
import type { System } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import type { DmaTestCommand, DmaTestEngine, DmaTestResult } from '../../ports/dma-test/index.ts';

const START_ns = 1000;
const BYTES_PER_ns = 4;
const DATA_MAX = 64;

/** Moves 4 bytes in a nanosecond, all of them when a command is done. */
export class DmaTestHardware implements DmaTestEngine {
  readonly #system: System;
  readonly #device: DmaDevice;

  /** @param device as which it accesses memory */
  constructor(system: System, device: DmaDevice) {
    this.#system = system;
    this.#device = device;
  }

  start(command: DmaTestCommand, done: (result: DmaTestResult) => void): void {
    const length = command.segments.reduce((sum, segment) => sum + segment.length, 0);
    const delay_ns = START_ns + Math.ceil(length / BYTES_PER_ns);
    this.#system.clock.schedule(delay_ns, `${command.what} of ${this.#device.name}`, () => {
      done(command.what === 'write' ? this.#write(command) : this.#read(command));
    });
  }

  #write({ segments, byte }: DmaTestCommand): DmaTestResult {
    for (const { busAddress, length } of segments) this.#device.write(busAddress, new Uint8Array(length).fill(byte));
    return { sum: 0, data: new Uint8Array(0) };
  }

  #read({ segments }: DmaTestCommand): DmaTestResult {
    let sum = 0;
    const data: number[] = [];
    for (const { busAddress, length } of segments) {
      const bytes = this.#device.read(busAddress, length);
      for (const byte of bytes) sum = (sum + byte) >>> 0;
      data.push(...bytes.subarray(0, DATA_MAX - data.length));
    }
    return { sum, data: Uint8Array.from(data) };
  }
}
