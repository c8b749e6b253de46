import type { MemoryRange } from '../kernel/index.ts';

/** Numbers in memory that two parties share: a view of it, made anew only when the memory has moved. */
export class SharedView {
  readonly range: MemoryRange;
  #bytes: Uint8Array | undefined;
  #view: DataView | undefined;

  constructor(range: MemoryRange) {
    this.range = range;
  }

  /** Not to be kept: see `MemoryObject.bytes`. */
  get view(): DataView {
    const { memory, offset, length } = this.range;
    const bytes = memory.bytes();
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
    }
    return this.#view as DataView;
  }

  /** The same memory as bytes; not to be kept. */
  bytes(): Uint8Array {
    const { memory, offset, length } = this.range;
    return memory.bytes().subarray(offset, offset + length);
  }
}
