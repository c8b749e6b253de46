import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boot } from '../../../src/index.ts';
import type { MemoryObject } from '../../../src/kernel/index.ts';
import { DmaDevice as Device, type DmaDevice, type DmaDirection, NonCoherentCaches } from '../../../src/memory/index.ts';

const LINE = 64;
const WORDS = LINE / 4;
const LINES = 6;
const SIZE = 4096;

const KINDS = ['direct', 'snooping', 'allocating', 'private'] as const;
type Kind = (typeof KINDS)[number];

interface Line {
  dram: number[];
  cached: number[];
  isDirty: boolean;
  /** What the private device has. */
  own: { words: number[]; isDirty: boolean } | undefined;
}

/** What section 9.7 of docs/reference/dma-buf.md says happens, one line at a time. */
class Reference {
  readonly lines: Line[] = Array.from({ length: LINES }, () => ({
    dram: Array<number>(WORDS).fill(0),
    cached: Array<number>(WORDS).fill(0),
    isDirty: false,
    own: undefined,
  }));

  cpuWrite(word: number, value: number): void {
    const line = this.#at(word);
    line.cached[word % WORDS] = value;
    line.isDirty = true;
  }

  read(kind: Kind, word: number): number {
    const line = this.#at(word);
    if (kind === 'private') {
      line.own ??= { words: [...line.dram], isDirty: false };
      return line.own.words[word % WORDS] as number;
    }
    return (kind === 'direct' ? line.dram : line.cached)[word % WORDS] as number;
  }

  write(kind: Kind, word: number, value: number): void {
    const line = this.#at(word);
    if (kind === 'private') {
      line.own ??= { words: [...line.dram], isDirty: false };
      line.own.words[word % WORDS] = value;
      line.own.isDirty = true;
    } else if (kind === 'direct') line.dram[word % WORDS] = value;
    else if (kind === 'allocating') this.cpuWrite(word, value);
    else {
      this.writeBack(line);
      this.drop(line);
      line.dram[word % WORDS] = value;
      line.cached[word % WORDS] = value;
    }
  }

  writeBack(line: Line): void {
    if (line.isDirty) line.dram = [...line.cached];
    line.isDirty = false;
  }

  drop(line: Line): void {
    if (!line.isDirty) line.cached = [...line.dram];
  }

  flush(line: Line): void {
    if (line.own?.isDirty === true) line.dram = line.own.words;
    line.own = undefined;
  }

  invalidate(line: Line): void {
    if (line.own?.isDirty === false) line.own = undefined;
  }

  #at(word: number): Line {
    return this.lines[Math.floor(word / WORDS)] as Line;
  }
}

type Step =
  | { readonly who: 'cpu'; readonly word: number }
  | { readonly who: 'device'; readonly writes: boolean; readonly kind: Kind; readonly word: number }
  | { readonly who: 'sync'; readonly forDevice: boolean; readonly kind: Kind; readonly direction: DmaDirection; readonly line: number }
  | { readonly who: 'private'; readonly flushes: boolean };

const word = fc.nat(LINES * WORDS - 1);
const kind = fc.constantFrom(...KINDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ who: fc.constant('cpu' as const), word }),
  fc.record({ who: fc.constant('device' as const), writes: fc.boolean(), kind, word }),
  fc.record({
    who: fc.constant('sync' as const),
    forDevice: fc.boolean(),
    kind,
    direction: fc.constantFrom<DmaDirection>('to-device', 'from-device', 'bidirectional'),
    line: fc.nat(LINES - 1),
  }),
  fc.record({ who: fc.constant('private' as const), flushes: fc.boolean() }),
);

function set(caches: NonCoherentCaches) {
  const { system } = boot();
  const make = (name: Kind, traits: object) => new Device(system, { name, ...traits }, caches);
  return {
    direct: make('direct', { snoopsCpu: false }),
    snooping: make('snooping', {}),
    allocating: make('allocating', { allocatesInCpu: true }),
    private: make('private', { snoopsCpu: false, privateCache: true }),
  } satisfies Record<Kind, DmaDevice>;
}

function plainMemory(): MemoryObject {
  const bytes = new Uint8Array(SIZE);
  const memory: MemoryObject = { size: SIZE, bytes: () => bytes, get: () => memory, put() {} };
  return memory;
}

const wordsOf = (bytes: Uint8Array) => [...new Int32Array(bytes.slice(0, LINES * LINE).buffer)];

describe('caches that devices do not all see', () => {
  test('do what the table of section 9.7 says, whatever the schedule', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (schedule) => {
        const { system } = boot();
        const caches = new NonCoherentCaches(system, { reports: 'off' });
        const devices = set(caches);
        const memory = plainMemory();
        const reference = new Reference();
        caches.mapped(devices.direct, { memory, offset: 0, length: SIZE });
        const range = (at: number) => ({ memory, offset: at * 4, length: 4 });
        for (const [index, each] of schedule.entries()) {
          const value = index + 1;
          if (each.who === 'cpu') {
            new Int32Array(memory.bytes().buffer)[each.word] = value;
            reference.cpuWrite(each.word, value);
          } else if (each.who === 'device' && each.writes) {
            caches.deviceWrite(devices[each.kind], range(each.word), new Uint8Array(Int32Array.of(value).buffer));
            reference.write(each.kind, each.word, value);
          } else if (each.who === 'device') {
            const into = new Uint8Array(4);
            caches.deviceRead(devices[each.kind], range(each.word), into);
            expect(new Int32Array(into.buffer)[0]).toBe(reference.read(each.kind, each.word));
          } else if (each.who === 'private') {
            if (each.flushes) devices.private.flushCache();
            else devices.private.invalidateCache();
            for (const line of reference.lines) reference[each.flushes ? 'flush' : 'invalidate'](line);
          } else {
            const line = reference.lines[each.line] as Line;
            const lineRange = { memory, offset: each.line * LINE, length: LINE };
            const isSeen = each.kind === 'direct' || each.kind === 'private';
            if (each.forDevice) {
              caches.syncForDevice(devices[each.kind], lineRange, each.direction);
              if (isSeen) reference.writeBack(line);
            } else {
              caches.syncForCpu(devices[each.kind], lineRange, each.direction);
              if (isSeen && each.direction !== 'to-device') reference.drop(line);
            }
          }
        }
        expect(wordsOf(memory.bytes())).toEqual(reference.lines.flatMap(({ cached }) => cached));
        expect(wordsOf(caches.dram(memory, 0, SIZE))).toEqual(reference.lines.flatMap(({ dram }) => dram));
      }),
      { numRuns: 200 },
    );
  });

  test('leave one memory where no device comes that does not see them', () => {
    const { system } = boot();
    const caches = new NonCoherentCaches(system);
    const memory = plainMemory();
    const { snooping } = set(caches);
    memory.bytes().fill(7);
    const into = new Uint8Array(4);
    caches.deviceRead(snooping, { memory, offset: 0, length: 4 }, into);
    expect(into).toEqual(Uint8Array.of(7, 7, 7, 7));
    memory.bytes().fill(8);
    expect(caches.dram(memory, 0, 1)).toEqual(Uint8Array.of(8));
  });
});
