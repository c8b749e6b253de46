import type { System } from '../../kernel/index.ts';
import {
  ADI_DCFILT_OFFSET_SHIFT,
  ADI_ENABLE,
  ADI_REG_CHAN_CNTRL,
  ADI_REG_CHAN_CNTRL_1,
  ADI_REG_DMA_STATUS,
  type ConverterRegisters,
} from '../../ports/iio-converter/index.ts';
import { SampleTime } from './sample-time.ts';

export interface CoreDescription {
  readonly system: System;
  readonly channels: number;
  /** In Hz. */
  readonly rate: number;
  /** Whether samples come and go as fast as somebody moves them, instead of at that rate. */
  readonly isUnlimited?: boolean;
}

/** What the cores of both directions have in common: registers, and where the stream is. */
export class ConverterCore implements ConverterRegisters {
  readonly time: SampleTime;
  protected readonly channels: number;
  readonly #registers = new Map<number, number>();
  /** The next scan that is moved; undefined when nobody has moved one. */
  #next: number | undefined;
  #isMoving = false;
  /** Scans that were missed because nobody was there to move them. */
  missed = 0;
  readonly #missedFlag: number;

  /** @param missedFlag in the status register, when scans are missed */
  constructor({ system, channels, rate, isUnlimited = false }: CoreDescription, missedFlag: number) {
    this.time = new SampleTime(system, rate, isUnlimited);
    this.channels = channels;
    this.#missedFlag = missedFlag;
  }

  read(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  write(offset: number, value: number): void {
    if (offset === ADI_REG_DMA_STATUS) this.#registers.set(offset, this.read(offset) & ~value);
    else this.#registers.set(offset, value >>> 0);
  }

  /** A bit for each channel in the stream. */
  get mask(): number {
    let mask = 0;
    for (let channel = 0; channel < this.channels; channel++)
      if ((this.read(ADI_REG_CHAN_CNTRL(channel)) & ADI_ENABLE) !== 0) mask |= 1 << channel;
    return mask;
  }

  offset(channel: number): number {
    return this.read(ADI_REG_CHAN_CNTRL_1(channel)) >> ADI_DCFILT_OFFSET_SHIFT;
  }

  /** A number of scans is moved from now on, or from the end of those before. @returns as {@link SampleSource.begin} */
  protected begun(scans: number, continues: boolean): number {
    if (this.time.isUnlimited) return 0;
    const now = this.time.scan;
    if (!continues || this.#next === undefined) {
      if (this.#isMoving && this.#next !== undefined && now > this.#next) this.#miss(now - this.#next);
      this.#next = now;
    }
    this.#isMoving = true;
    return this.time.until_ns(this.#next + scans);
  }

  /** They have been. @returns the first of them */
  protected moved(scans: number): number {
    const first = this.#next ?? 0;
    this.#next = first + scans;
    return first;
  }

  end(): void {
    this.#isMoving = false;
  }

  #miss(scans: number): void {
    this.missed += scans;
    this.#registers.set(ADI_REG_DMA_STATUS, this.read(ADI_REG_DMA_STATUS) | this.#missedFlag);
  }
}
