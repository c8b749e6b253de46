import { DESCRIPTOR_SIZE } from '../../ports/dsa/index.ts';

interface Line {
  readonly bytes: Uint8Array;
  readonly isSet: Uint8Array;
}

/**
 * A processor's buffer in front of a portal: plain stores gather in it, and go on together once all 64 bytes of a line are there, in
 * whatever order they came.
 */
export class WriteCombining {
  readonly #lines = new Map<number, Line>();

  /** @param offset in the page; a store that crosses into the next line fills both @returns the line that has become whole */
  add(offset: number, bytes: Uint8Array): Uint8Array | undefined {
    const first = offset - (offset % DESCRIPTOR_SIZE);
    const inFirst = Math.min(bytes.length, first + DESCRIPTOR_SIZE - offset);
    const whole = this.#fill(first, offset - first, bytes.subarray(0, inFirst));
    if (inFirst === bytes.length) return whole;
    return this.#fill(first + DESCRIPTOR_SIZE, 0, bytes.subarray(inFirst)) ?? whole;
  }

  #fill(line: number, at: number, bytes: Uint8Array): Uint8Array | undefined {
    const { bytes: gathered, isSet } = this.#line(line);
    gathered.set(bytes, at);
    isSet.fill(1, at, at + bytes.length);
    if (!isSet.every((one) => one === 1)) return undefined;
    this.#lines.delete(line);
    return gathered;
  }

  #line(line: number): Line {
    let known = this.#lines.get(line);
    if (known === undefined) {
      known = { bytes: new Uint8Array(DESCRIPTOR_SIZE), isSet: new Uint8Array(DESCRIPTOR_SIZE) };
      this.#lines.set(line, known);
    }
    return known;
  }
}
