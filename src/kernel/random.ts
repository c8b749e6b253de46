/**
 * The machine's only source of chance: sfc32, seeded. The same seed and the same order of calls give the same numbers on every
 * host.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any whole number; its low 53 bits count */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 4294967296) | 0;
    this.#c = stream | 0;
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to `end - 1`. */
  below(end: number): number {
    return Math.floor((this.uint32() / 4294967296) * end);
  }

  /** Another stream of the same seed, independent of how far this one has been used: for one device among several. */
  static stream(seed: number, name: string): Random {
    let hash = 0x811c9dc5;
    for (const c of name) hash = Math.imul(hash ^ (c.codePointAt(0) as number), 0x01000193);
    return new Random(seed, hash);
  }
}
