import { ADI_DMA_OVF, type SampleSource } from '../../ports/iio-converter/index.ts';
import { ConverterCore, type CoreDescription } from './core.ts';
import { SamplePattern } from './pattern.ts';

export interface AdcDescription extends CoreDescription {
  /** Of a sample; 12 when left out. */
  readonly bits?: number;
}

/**
 * The receiving side: what its channels see is {@link pattern}. At a limited rate, time goes on in it: who does not take scans misses them, and
 * the overflow flag tells. Without limit each taken scan is followed by the next.
 */
export class AdcCore extends ConverterCore implements SampleSource {
  readonly pattern: SamplePattern;
  /** Of the transfer under way: channels that are switched on meanwhile come with the next. */
  #mask = 0;

  constructor(description: AdcDescription) {
    super(description, ADI_DMA_OVF);
    this.pattern = new SamplePattern(description.system.random('iio converter'), description.channels, description.bits ?? 12);
  }

  override write(offset: number, value: number): void {
    super.write(offset, value);
    for (let channel = 0; channel < this.channels; channel++) this.pattern.setOffset(channel, this.offset(channel));
  }

  begin(length: number, continues: boolean): number {
    this.#mask = this.mask;
    const scan = this.pattern.scanSize(this.#mask);
    return scan === 0 ? Number.POSITIVE_INFINITY : this.begun(Math.ceil(length / scan), continues);
  }

  take(length: number, put: (bytes: Uint8Array) => void): void {
    const mask = this.#mask;
    const scan = this.pattern.scanSize(mask);
    const scans = Math.ceil(length / scan);
    let rest = length;
    this.pattern.stream(mask, this.moved(scans), scans, (bytes) => {
      put(bytes.length > rest ? bytes.subarray(0, rest) : bytes);
      rest -= bytes.length;
    });
  }
}
