import type { MemoryObject } from '../../kernel/index.ts';
import { copyLines, eachAgreement, eachDifference, type Lines, lineDiffers, View } from './lines.ts';

/**
 * One memory object behind a CPU cache that devices may fail to look into: what the CPU sees and what is in memory are two things.
 *
 * The CPU's view is `memory.bytes()`, which native programs have mapped, so nobody is told when the CPU writes. A line is dirty when
 * it differs from the shadow, a copy of what the CPU saw when the line was last reconciled; it is stale when memory differs from
 * the shadow, because a device has written there. The cache holds every line, for as long as nobody drops it.
 *
 * Invariants: (1) reconciling leaves view, shadow and memory of a line equal; (2) a clean line never reaches memory, a dirty one is
 * dropped only when it is discarded; (3) a write of what is there already is no write.
 */
export class CachedMemory {
  readonly memory: MemoryObject;
  /** In bytes. */
  readonly lineSize: number;
  readonly #shadow: View;
  /** DRAM. As the CPU's view it begins as zeros: what the CPU has written before a device came is dirty. */
  readonly #dram: View;
  #view: View | undefined;
  /** Told of dirty lines that go to memory where a device has written since, before they do: what the device wrote will be lost. */
  onOverwrite: ((lines: Lines) => void) | undefined;

  /** @param lineSize in bytes: 32, 64, 128 and so on up to 4096 */
  constructor(memory: MemoryObject, lineSize: number) {
    if (lineSize < 32 || lineSize > 4096 || (lineSize & (lineSize - 1)) !== 0)
      throw new RangeError(`no cache has lines of ${lineSize} bytes`);
    this.memory = memory;
    this.lineSize = lineSize;
    this.#shadow = new View(new Uint8Array(memory.size));
    this.#dram = new View(new Uint8Array(memory.size));
  }

  /** The lines that a part touches. */
  linesOf(offset: number, length: number): Lines {
    return { first: Math.floor(offset / this.lineSize), end: Math.ceil((offset + length) / this.lineSize) };
  }

  /** The cache gives dirty lines to memory, and keeps them clean. */
  writeBack(lines: Lines): void {
    const cpu = this.#cpu();
    eachDifference(cpu, this.#shadow, lines, this.lineSize, (dirty) => this.#writeBack(cpu, dirty));
  }

  /** The cache drops clean lines: the CPU sees what is in memory. Dirty ones stay. */
  invalidate(lines: Lines): void {
    const cpu = this.#cpu();
    eachDifference(this.#dram, this.#shadow, lines, this.lineSize, (stale) => {
      eachAgreement(cpu, this.#shadow, stale, this.lineSize, (clean) => this.#drop(cpu, clean));
    });
  }

  /** The cache drops lines, dirty or clean. One that is only partly in the range is written back first, as Arm's does by address. */
  discard(offset: number, length: number): void {
    const { first, end } = this.linesOf(offset, length);
    if (offset % this.lineSize !== 0) this.writeBack({ first, end: first + 1 });
    if ((offset + length) % this.lineSize !== 0) this.writeBack({ first: end - 1, end });
    this.#drop(this.#cpu(), { first, end });
  }

  /** The cache loses lines on its own: dirty ones to memory, stale ones to nowhere. @param loses asked once for each, in order */
  evict(lines: Lines, loses: () => boolean): void {
    const cpu = this.#cpu();
    const chosen = (from: Lines, take: (line: Lines) => void) => {
      for (let first = from.first; first < from.end; first++) if (loses()) take({ first, end: first + 1 });
    };
    // Looked for before dirty lines are written back, or a line could be lost twice.
    const stale: Lines[] = [];
    eachDifference(this.#dram, this.#shadow, lines, this.lineSize, (found) => {
      eachAgreement(cpu, this.#shadow, found, this.lineSize, (clean) => stale.push(clean));
    });
    eachDifference(cpu, this.#shadow, lines, this.lineSize, (dirty) => chosen(dirty, (line) => this.#writeBack(cpu, line)));
    for (const each of stale) chosen(each, (line) => this.#drop(cpu, line));
  }

  /** A device that does not look into the cache reads. */
  readMemory(offset: number, into: Uint8Array): void {
    into.set(this.#dram.bytes.subarray(offset, offset + into.length));
  }

  /** A device that does not look into the cache writes. */
  writeMemory(offset: number, bytes: Uint8Array): void {
    this.#dram.bytes.set(bytes, offset);
  }

  /** A device whose accesses the cache sees writes to memory: the cache gives up what it has of these lines first. */
  writeSnooped(offset: number, bytes: Uint8Array): void {
    const lines = this.linesOf(offset, bytes.length);
    this.writeBack(lines);
    this.invalidate(lines);
    for (const view of [this.#dram, this.#shadow, this.#cpu()]) view.bytes.set(bytes, offset);
  }

  /** Lines with what memory does not have. */
  eachDirty(lines: Lines, found: (lines: Lines) => void): void {
    eachDifference(this.#cpu(), this.#shadow, lines, this.lineSize, found);
  }

  /** Lines of which memory has something newer, dirty ones among them. */
  eachStale(lines: Lines, found: (lines: Lines) => void): void {
    eachDifference(this.#dram, this.#shadow, lines, this.lineSize, found);
  }

  isDirty(line: number): boolean {
    return lineDiffers(this.#cpu(), this.#shadow, line, this.lineSize);
  }

  #cpu(): View {
    const bytes = this.memory.bytes();
    if (this.#view?.shows(bytes) !== true) this.#view = new View(bytes);
    return this.#view as View;
  }

  #writeBack(cpu: View, dirty: Lines): void {
    if (this.onOverwrite !== undefined) eachDifference(this.#dram, this.#shadow, dirty, this.lineSize, this.onOverwrite);
    copyLines(cpu, this.#dram, dirty, this.lineSize);
    copyLines(this.#dram, this.#shadow, dirty, this.lineSize);
  }

  #drop(cpu: View, clean: Lines): void {
    copyLines(this.#dram, this.#shadow, clean, this.lineSize);
    copyLines(this.#dram, cpu, clean, this.lineSize);
  }
}
