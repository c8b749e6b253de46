import type { Random } from '../../kernel/index.ts';

/** Scans after which it begins again. */
const PERIOD = 32_768;
const BYTES = 2;

/**
 * What a converter receives: for each channel a sequence of samples that follows from the machine's seed, sign-extended to 16 bits, little endian.
 *
 * The stream of some of its channels is laid out once, for speed, and made again when an offset changes.
 */
export class SamplePattern {
  readonly channels: number;
  readonly #bits: number;
  readonly #random: Random;
  /** Drawn when somebody first looks. */
  #samples: readonly Int16Array[] | undefined;
  readonly #offsets: number[];
  /** By bits of the channels in them. */
  readonly #streams = new Map<number, Uint8Array>();

  /** @param bits of a sample, at most 16 */
  constructor(random: Random, channels: number, bits: number) {
    this.channels = channels;
    this.#bits = bits;
    this.#offsets = Array.from({ length: channels }, () => 0);
    this.#random = random;
  }

  /** The sample of a channel, its offset added. @param scan from 0 on */
  sample(channel: number, scan: number): number {
    const half = 2 ** (this.#bits - 1);
    const plain = (this.#drawn()[channel] as Int16Array)[scan % PERIOD] as number;
    return Math.max(-half, Math.min(half - 1, plain + (this.#offsets[channel] as number)));
  }

  setOffset(channel: number, offset: number): void {
    if (this.#offsets[channel] === offset) return;
    this.#offsets[channel] = offset;
    this.#streams.clear();
  }

  /** Bytes of one scan. @param mask a bit for each channel that is in it */
  scanSize(mask: number): number {
    return this.#enabled(mask).length * BYTES;
  }

  /** Gives the scans from one on, piece by piece. @param count of scans */
  stream(mask: number, first: number, count: number, put: (bytes: Uint8Array) => void): void {
    const bytes = this.#stream(mask);
    const scan = this.scanSize(mask);
    for (let done = 0; done < count; ) {
      const at = (first + done) % PERIOD;
      const part = Math.min(count - done, PERIOD - at);
      put(bytes.subarray(at * scan, (at + part) * scan));
      done += part;
    }
  }

  /** The same in a row. */
  bytes(mask: number, first: number, count: number): Uint8Array {
    const all = new Uint8Array(count * this.scanSize(mask));
    let at = 0;
    this.stream(mask, first, count, (bytes) => {
      all.set(bytes, at);
      at += bytes.length;
    });
    return all;
  }

  #drawn(): readonly Int16Array[] {
    const values = 2 ** this.#bits;
    const draw = () => Int16Array.from({ length: PERIOD }, () => this.#random.below(values) - values / 2);
    this.#samples ??= Array.from({ length: this.channels }, draw);
    return this.#samples;
  }

  #enabled(mask: number): number[] {
    return Array.from({ length: this.channels }, (_, channel) => channel).filter((channel) => (mask & (1 << channel)) !== 0);
  }

  #stream(mask: number): Uint8Array {
    let bytes = this.#streams.get(mask);
    if (bytes === undefined) {
      const enabled = this.#enabled(mask);
      const scans = new Int16Array(PERIOD * enabled.length);
      for (let scan = 0, at = 0; scan < PERIOD; scan++) for (const channel of enabled) scans[at++] = this.sample(channel, scan);
      bytes = new Uint8Array(scans.buffer);
      this.#streams.set(mask, bytes);
    }
    return bytes;
  }
}
