import { ADI_VDMA_UNF, type SampleSink } from '../../ports/iio-converter/index.ts';
import { ConverterCore, type CoreDescription } from './core.ts';

export interface DacDescription extends CoreDescription {
  /** Told of samples as they are sent. The bytes are the converter's own. */
  readonly onSent?: (bytes: Uint8Array) => void;
}

/** Bytes of a sample. */
const SAMPLE = 2;

/** The sending side. */
export class DacCore extends ConverterCore implements SampleSink {
  readonly #onSent: DacDescription['onSent'];
  #fetch: (() => Uint8Array) | undefined;
  #mask = 0;

  constructor(description: DacDescription) {
    super(description, ADI_VDMA_UNF);
    this.#onSent = description.onSent;
  }

  /** What it sends again and again, as it is now; undefined when it does not. */
  get repeated(): Uint8Array | undefined {
    return this.#fetch?.();
  }

  begin(length: number, continues: boolean): number {
    this.#mask = this.mask;
    const scan = this.#scanSize;
    return scan === 0 ? Number.POSITIVE_INFINITY : this.begun(Math.ceil(length / scan), continues);
  }

  put(bytes: Uint8Array): void {
    this.moved(Math.ceil(bytes.length / this.#scanSize));
    this.#onSent?.(bytes);
  }

  repeat(fetch: () => Uint8Array): void {
    this.#fetch = fetch;
    this.#onSent?.(fetch());
  }

  override end(): void {
    super.end();
    this.#fetch = undefined;
  }

  get #scanSize(): number {
    let channels = 0;
    for (let mask = this.#mask; mask !== 0; mask &= mask - 1) channels++;
    return channels * SAMPLE;
  }
}
