/**
 * Bytes, apart from any file that shows them: an ArrayBuffer, or memory that a native program shares. Files, buffers and devices
 * refer to it; it ends when the last of them lets go. Implemented by `src/memory` and, for shared memory, by the native door.
 */
export interface MemoryObject {
  /** In bytes, a multiple of the page size. */
  readonly size: number;
  /**
   * The bytes, which everyone who asks shares. Not to be kept: an object that is mapped from elsewhere may be unmapped between
   * two calls of the machine.
   */
  bytes(): Uint8Array;
  get(): this;
  /** Gives one reference back. */
  put(): void;
}

/** A part of a memory object: a buffer is a list of these. */
export interface MemoryRange {
  readonly memory: MemoryObject;
  readonly offset: number;
  readonly length: number;
}

/** Physically contiguous memory and the bytes behind it: an entry of the page side of `struct sg_table`. */
export interface PageRange extends MemoryRange {
  /** Physical address of the first byte. */
  readonly address: number;
}

/** Makes memory objects: the machine's door decides of what. */
export interface MemoryProvider {
  /**
   * @param size in bytes, a multiple of the page size; the bytes are zero
   * @param name for people
   */
  allocate(size: number, name: string): MemoryObject;
}
