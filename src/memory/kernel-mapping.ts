import type { MemoryRange } from '../kernel/index.ts';

/** Memory as kernel code sees it in a row, whatever pages it has: what vmap gives, as `struct iosys_map`. */
export class KernelMapping {
  readonly ranges: readonly MemoryRange[];
  /** In bytes. */
  readonly size: number;

  constructor(ranges: readonly MemoryRange[]) {
    this.ranges = ranges;
    this.size = ranges.reduce((sum, { length }) => sum + length, 0);
  }

  /** @throws RangeError when it is not all within the mapping */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#each(offset, length, (part, done) => bytes.set(part, done));
    return bytes;
  }

  /** @throws RangeError when it is not all within the mapping */
  write(offset: number, bytes: Uint8Array): void {
    this.#each(offset, bytes.length, (part, done) => part.set(bytes.subarray(done, done + part.length)));
  }

  #each(offset: number, length: number, visit: (part: Uint8Array, done: number) => void): void {
    if (offset < 0 || offset + length > this.size)
      throw new RangeError(`${length} bytes at ${offset} are not within a mapping of ${this.size} bytes`);
    let first = 0;
    for (const range of this.ranges) {
      const from = Math.max(offset, first);
      const to = Math.min(offset + length, first + range.length);
      if (from < to) {
        const at = range.offset + from - first;
        visit(range.memory.bytes().subarray(at, at + to - from), from - offset);
      }
      first += range.length;
    }
  }
}
