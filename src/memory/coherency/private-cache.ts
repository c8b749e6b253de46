import type { MemoryObject } from '../../kernel/index.ts';

/** How a device without the cache would reach memory. */
export interface Path {
  read(memory: MemoryObject, offset: number, into: Uint8Array): void;
  write(memory: MemoryObject, offset: number, bytes: Uint8Array): void;
}

interface Line {
  readonly bytes: Uint8Array;
  isDirty: boolean;
}

/** The cache of one device, which nobody else looks into: lines stay until the device flushes or invalidates them. */
export class PrivateCache {
  readonly #path: Path;
  readonly #lineSize: number;
  readonly #memories = new Map<MemoryObject, Map<number, Line>>();

  constructor(path: Path, lineSize: number) {
    this.#path = path;
    this.#lineSize = lineSize;
  }

  read(memory: MemoryObject, offset: number, into: Uint8Array): void {
    this.#eachPart(offset, into.length, (index, within, from, length) => {
      into.set(this.#line(memory, index).bytes.subarray(within, within + length), from);
    });
  }

  write(memory: MemoryObject, offset: number, bytes: Uint8Array): void {
    this.#eachPart(offset, bytes.length, (index, within, from, length) => {
      const line = this.#line(memory, index);
      line.bytes.set(bytes.subarray(from, from + length), within);
      line.isDirty = true;
    });
  }

  /** Dirty lines go to memory, whole; the cache is empty then. */
  flush(): void {
    for (const [memory, lines] of this.#memories) {
      for (const [index, { bytes, isDirty }] of lines) if (isDirty) this.#path.write(memory, index * this.#lineSize, bytes);
    }
    this.#memories.clear();
  }

  /** Drops clean lines, so that the next read sees memory. Dirty ones stay. */
  invalidate(): void {
    for (const [memory, lines] of this.#memories) {
      for (const [index, { isDirty }] of lines) if (!isDirty) lines.delete(index);
      if (lines.size === 0) this.#memories.delete(memory);
    }
  }

  /** Lines that nobody else sees yet. */
  get dirtyLines(): number {
    let count = 0;
    for (const lines of this.#memories.values()) for (const { isDirty } of lines.values()) if (isDirty) count++;
    return count;
  }

  /** Forgets memory that the device can no longer reach. @returns dirty lines that were lost with it */
  forget(memory: MemoryObject): number {
    let lost = 0;
    for (const { isDirty } of this.#memories.get(memory)?.values() ?? []) if (isDirty) lost++;
    this.#memories.delete(memory);
    return lost;
  }

  #line(memory: MemoryObject, index: number): Line {
    let lines = this.#memories.get(memory);
    if (lines === undefined) {
      lines = new Map();
      this.#memories.set(memory, lines);
    }
    let line = lines.get(index);
    if (line === undefined) {
      line = { bytes: new Uint8Array(this.#lineSize), isDirty: false };
      this.#path.read(memory, index * this.#lineSize, line.bytes);
      lines.set(index, line);
    }
    return line;
  }

  /** Calls back for each line that a part touches: which, where in it, where in the part, how long. */
  #eachPart(offset: number, length: number, take: (line: number, within: number, from: number, length: number) => void): void {
    for (let done = 0; done < length; ) {
      const within = (offset + done) % this.#lineSize;
      const part = Math.min(this.#lineSize - within, length - done);
      take(Math.floor((offset + done) / this.#lineSize), within, done, part);
      done += part;
    }
  }
}
