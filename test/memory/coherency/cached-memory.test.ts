import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MemoryObject } from '../../../src/kernel/index.ts';
import { CachedMemory } from '../../../src/memory/coherency/index.ts';

const PAGES = 5;
const SIZE = PAGES * 4096;

/** A memory object of ordinary bytes, which can be mapped again elsewhere. */
function plainMemory(size = SIZE) {
  let bytes = new Uint8Array(size);
  const memory: MemoryObject = { size, bytes: () => bytes, get: () => memory, put() {} };
  return {
    memory,
    mapAgain() {
      bytes = bytes.slice();
    },
  };
}

/** The same as a state machine of each line, in the obvious way. */
class ReferenceLine {
  readonly dram: number[];
  cached: number[];
  isDirty = false;

  constructor(words: number) {
    this.dram = Array<number>(words).fill(0);
    this.cached = [...this.dram];
  }

  writeBack(): void {
    if (this.isDirty) this.dram.splice(0, this.dram.length, ...this.cached);
    this.isDirty = false;
  }

  invalidate(): void {
    if (!this.isDirty) this.cached = [...this.dram];
  }
}

type Step = {
  readonly what: 'cpu write' | 'write back' | 'invalidate' | 'evict' | 'write memory' | 'write snooped' | 'map again';
  readonly word: number;
  readonly words: number;
};

const steps = fc.array(
  fc.record<Step>({
    what: fc.constantFrom('cpu write', 'write back', 'invalidate', 'evict', 'write memory', 'write snooped', 'map again'),
    // Few places, so that steps meet; the last is near the end, and lines cross the borders of what is compared at once.
    word: fc.oneof(
      fc.nat(80),
      fc.nat(40).map((n) => 4096 - 20 + n),
      fc.nat(19).map((n) => SIZE / 4 - 20 + n),
    ),
    words: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(SIZE / 4)),
  }),
  { maxLength: 40 },
);

const bytesOf = (words: readonly number[]) => new Uint8Array(Int32Array.from(words).buffer);

describe('a cached memory is a state machine of each line', () => {
  test.each([32, 64, 128, 4096])('of %i bytes', (lineSize) => {
    const perLine = lineSize / 4;
    fc.assert(
      fc.property(steps, (schedule) => {
        const { memory, mapAgain } = plainMemory();
        const cached = new CachedMemory(memory, lineSize);
        const reference = Array.from({ length: SIZE / lineSize }, () => new ReferenceLine(perLine));
        let last = 0;
        for (const { what, word, words: wanted } of schedule) {
          const words = Math.min(wanted, SIZE / 4 - word);
          const lines = cached.linesOf(word * 4, words * 4);
          const touched = reference.slice(lines.first, lines.end);
          const values = Array.from({ length: words }, () => ++last);
          const put = (to: 'dram' | 'cached') =>
            values.forEach((value, at) => {
              (reference[Math.floor((word + at) / perLine)] as ReferenceLine)[to][(word + at) % perLine] = value;
            });
          if (what === 'cpu write') {
            memory.bytes().set(bytesOf(values), word * 4);
            put('cached');
            for (const line of touched) line.isDirty = true;
          } else if (what === 'write back') {
            cached.writeBack(lines);
            for (const line of touched) line.writeBack();
          } else if (what === 'invalidate') {
            cached.invalidate(lines);
            for (const line of touched) line.invalidate();
          } else if (what === 'evict') {
            cached.evict(lines, () => true);
            for (const line of touched) {
              line.writeBack();
              line.invalidate();
            }
          } else if (what === 'write memory') {
            cached.writeMemory(word * 4, bytesOf(values));
            put('dram');
          } else if (what === 'write snooped') {
            cached.writeSnooped(word * 4, bytesOf(values));
            for (const line of touched) {
              line.writeBack();
              line.invalidate();
            }
            put('dram');
            put('cached');
          } else mapAgain();
        }
        const dram = new Uint8Array(SIZE);
        cached.readMemory(0, dram);
        expect(Buffer.from(memory.bytes()).equals(bytesOf(reference.flatMap((line) => line.cached)))).toBe(true);
        expect(Buffer.from(dram).equals(bytesOf(reference.flatMap((line) => line.dram)))).toBe(true);
        expect(reference.map((_, line) => cached.isDirty(line))).toEqual(reference.map((line) => line.isDirty));
      }),
      { numRuns: 150 },
    );
  });
});

describe('a line', () => {
  const byte = (cached: CachedMemory, at: number) => {
    const into = new Uint8Array(1);
    cached.readMemory(at, into);
    return into[0];
  };

  test('is dirty from the CPU write until it is written back, and nothing else is written', () => {
    const { memory } = plainMemory();
    const cached = new CachedMemory(memory, 64);
    memory.bytes()[64] = 7;
    cached.writeMemory(130, Uint8Array.of(9));
    expect([byte(cached, 64), cached.isDirty(1)]).toEqual([0, true]);
    cached.writeBack(cached.linesOf(0, SIZE));
    expect([byte(cached, 64), byte(cached, 130), cached.isDirty(1)]).toEqual([7, 9, false]);
  });

  test('that is dirty takes what a device wrote beside it along, and says so', () => {
    const { memory } = plainMemory();
    const cached = new CachedMemory(memory, 64);
    const overwritten: unknown[] = [];
    cached.onOverwrite = (lines) => overwritten.push(lines);
    memory.bytes()[64] = 7;
    cached.writeMemory(65, Uint8Array.of(9));
    cached.writeBack(cached.linesOf(0, SIZE));
    expect([byte(cached, 64), byte(cached, 65)]).toEqual([7, 0]);
    expect(overwritten).toEqual([{ first: 1, end: 2 }]);
  });

  test('that is lost leaves its neighbours alone', () => {
    const { memory } = plainMemory();
    const cached = new CachedMemory(memory, 64);
    cached.writeMemory(0, new Uint8Array(192).fill(5));
    let asked = 0;
    cached.evict(cached.linesOf(0, SIZE), () => asked++ === 1);
    expect([asked, memory.bytes()[0], memory.bytes()[64], memory.bytes()[128]]).toEqual([3, 0, 5, 0]);
  });

  test.each([0, 16, 48, 8192])('has no size of %i bytes', (size) => {
    expect(() => new CachedMemory(plainMemory().memory, size)).toThrow(RangeError);
  });
});
