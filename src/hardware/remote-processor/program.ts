import { type Decoded, Errno } from '../../abi/index.ts';
import { type Kernel, type System, WaitQueue, wait } from '../../kernel/index.ts';
import type { entry_block } from '../../ports/remoteproc/index.ts';
import type { RemoteBus } from './bus.ts';
import { FirmwareTable } from './firmware-table.ts';
import { TraceBuffer } from './trace-buffer.ts';

/** Reset: the program is no more. Not for programs to catch. */
export class Halted extends Error {
  override readonly name = 'Halted';
}

/** What firmware does, in place of its instructions. It waits by the processor's calls only. */
export type FirmwareProgram = (cpu: FirmwareCpu) => Kernel<void>;

/** The processor as the program that runs on it has it, from one reset to the next. */
export class FirmwareCpu {
  readonly bus: RemoteBus;
  readonly system: System;
  readonly entry: Decoded<typeof entry_block>;
  readonly trace: TraceBuffer;
  /** Its resource table; undefined without one. */
  readonly table: FirmwareTable | undefined;
  readonly #ring: (bits: number) => void;
  readonly #pet: () => void;
  readonly #attention = new WaitQueue('the remote processor to be rung for');
  #isHalted = false;
  #rung = 0;

  constructor(parts: {
    readonly bus: RemoteBus;
    readonly system: System;
    readonly entry: Decoded<typeof entry_block>;
    readonly ring: (bits: number) => void;
    readonly pet: () => void;
  }) {
    const { bus, entry } = parts;
    this.bus = bus;
    this.system = parts.system;
    this.entry = entry;
    this.#ring = parts.ring;
    this.#pet = parts.pet;
    this.trace = new TraceBuffer(bus, entry.trace_da, entry.trace_len);
    this.table = entry.table_da === 0 ? undefined : new FirmwareTable(bus, entry.table_da, entry.table_len);
  }

  /** An option of its entry block: `key=value,…`. */
  option(key: string): string | undefined {
    for (const part of this.entry.options.split(',')) if (part.startsWith(`${key}=`)) return part.slice(key.length + 1);
    return undefined;
  }

  /** The same as a number. @throws Errno EINVAL for what is none */
  number(key: string, byDefault: number): number {
    const text = this.option(key);
    const value = text === undefined ? byDefault : Number(text);
    if (!Number.isFinite(value) || value < 0) throw new Errno('EINVAL', `${key} is a number, not ${text}`);
    return value;
  }

  /** Waits so long in virtual nanoseconds. */
  *sleep(duration_ns: number): Kernel<void> {
    yield* wait(this.#attention, () => this.#isHalted, { mode: 'uninterruptible', timeout_ns: duration_ns });
    this.#assertRunning();
  }

  /** Waits until the host rings. @returns the lines that rang since the last time */
  *doorbell(): Kernel<number> {
    yield* wait(this.#attention, () => this.#isHalted || this.#rung !== 0, { mode: 'uninterruptible' });
    this.#assertRunning();
    const bits = this.#rung;
    this.#rung = 0;
    return bits;
  }

  /** Does nothing any more: only reset ends it, or the watchdog. */
  *hang(): Kernel<void> {
    yield* wait(this.#attention, () => this.#isHalted, { mode: 'uninterruptible' });
    this.#assertRunning();
  }

  /** Rings at the host. */
  ring(bits: number): void {
    if (!this.#isHalted) this.#ring(bits);
  }

  /** Tells the watchdog that all is well. */
  pet(): void {
    this.#pet();
  }

  /** For the processor: the host has rung. */
  rang(bits: number): void {
    this.#rung = (this.#rung | bits) >>> 0;
    this.#attention.wake();
  }

  /** For the processor: reset. */
  halt(): void {
    this.#isHalted = true;
    this.#attention.wake();
  }

  get isHalted(): boolean {
    return this.#isHalted;
  }

  #assertRunning(): void {
    if (this.#isHalted) throw new Halted('reset');
  }
}
