import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MEM_COMPACT_AGGRESSIVE,
  MEM_COMPACT_ALL,
  MEM_COMPACT_NONE,
  MEM_COMPACT_NORMAL,
  MEM_COMPACT_SHUFFLE,
  MEM_FLAG_DISCARDABLE,
  MEM_FLAG_RESIZEABLE,
  MEM_FLAG_ZERO,
  RelocatableHeap,
} from '../../../src/hardware/videocore/index.ts';

const BASE = 0x3c000000;
const heap = (size = 4096) => new RelocatableHeap(BASE, size);

/** What a block contains. */
function contents(of: RelocatableHeap, handle: number, length: number): number[] {
  const address = of.lock(handle);
  const bytes = of.read(address, length);
  of.unlock(handle);
  return [...bytes];
}

function fill(of: RelocatableHeap, handle: number, bytes: number[]): void {
  of.write(of.lock(handle), Uint8Array.from(bytes));
  of.unlock(handle);
}

function addressOf(of: RelocatableHeap, handle: number): number {
  const address = of.lock(handle);
  of.unlock(handle);
  return address;
}

describe('the relocatable heap', () => {
  test('gives the lowest free handle, with the contents that the flags say', () => {
    const of = heap();
    const [first, second] = [of.allocate(64), of.allocate(64, { flags: MEM_FLAG_ZERO })];
    expect([first, second]).toEqual([0xc0000020, 0xc0000021]);
    expect(contents(of, first, 4)).toEqual([0xff, 0xff, 0xff, 0xff]);
    expect(contents(of, second, 4)).toEqual([0, 0, 0, 0]);
    of.release(first);
    expect(of.find(first)).toBeUndefined();
    expect(of.allocate(32)).toBe(first);
  });

  test('takes the rounded size, the alignment and a header', () => {
    const of = heap();
    of.allocate(33);
    expect(of.usedBytes).toBe(64 + 32 + 32);
    expect(addressOf(of, of.allocate(8, { align: 256 })) % 256).toBe(0);
  });

  test('moves unlocked blocks to make room, with their contents', () => {
    const of = heap(1024);
    const [a, b, c] = [of.allocate(192), of.allocate(192), of.allocate(192)] as [number, number, number];
    fill(of, b, [1, 2, 3]);
    const before = addressOf(of, b);
    of.release(a);
    of.release(c);
    expect(of.allocate(600, { mode: MEM_COMPACT_NONE })).toBe(0);
    expect(of.allocate(600)).not.toBe(0);
    expect(addressOf(of, b)).toBeLessThan(before);
    expect(contents(of, b, 3)).toEqual([1, 2, 3]);
  });

  test('does not move a locked block, until its locker lets go', () => {
    const of = heap(1024);
    const [a, b] = [of.allocate(192), of.allocate(192)] as [number, number];
    let address = of.lock(b);
    of.release(a);
    expect(of.allocate(640, { mode: MEM_COMPACT_NORMAL })).toBe(0);
    of.setLocker(b, (what) => {
      if (what === 'unlock') of.unlock(b);
      else address = of.lock(b);
    });
    const before = address;
    expect(of.allocate(640, { mode: MEM_COMPACT_AGGRESSIVE })).not.toBe(0);
    expect(address).toBeLessThan(before);
  });

  test('discards what may be discarded, and tells by retain', () => {
    const of = heap(1024);
    const [kept, lost] = [of.allocate(192, { flags: MEM_FLAG_DISCARDABLE }), of.allocate(192, { flags: MEM_FLAG_DISCARDABLE })];
    expect(of.retain(kept)).toBe(true);
    of.compact(MEM_COMPACT_ALL);
    expect([of.retain(kept), of.retain(lost)]).toEqual([true, false]);
  });

  test('shuffles the lowest block upward', () => {
    const of = heap();
    const [a, b] = [of.allocate(64), of.allocate(64)] as [number, number];
    fill(of, a, [7]);
    of.compact(MEM_COMPACT_SHUFFLE);
    expect(addressOf(of, a)).toBeGreaterThan(addressOf(of, b));
    expect(contents(of, a, 1)).toEqual([7]);
  });

  test('resizes unlocked blocks; one that cannot grow is as it was', () => {
    const of = heap(1024);
    const handle = of.allocate(64, { flags: MEM_FLAG_RESIZEABLE });
    fill(of, handle, [9, 8]);
    expect(of.resize(handle, 5000)).toBe(false);
    expect(of.resize(handle, 256)).toBe(true);
    expect(contents(of, handle, 2)).toEqual([9, 8]);
    expect(contents(of, handle, 256)[255]).toBe(0xff);
    of.lock(handle);
    expect(of.resize(handle, 32)).toBe(false);
  });

  test('wrapped memory takes nothing of the pool, stays where it is, and its end is told once', () => {
    const of = heap(256);
    const ended: number[][] = [];
    const handle = of.wrap(0xd0000000, 2 ** 20, 'frame', (...told) => ended.push(told));
    of.acquire(handle);
    of.compact(MEM_COMPACT_ALL);
    expect([of.usedBytes, of.lock(handle)]).toEqual([0, 0xd0000000]);
    of.unlock(handle);
    of.release(handle);
    expect(ended).toEqual([]);
    expect(of.tryRelease(handle)).toBe(false);
    of.release(handle);
    expect(ended).toEqual([[0xd0000000, 2 ** 20]]);
    expect(() => of.release(handle)).toThrow('no handle');
  });

  test('tells of each block as vcdbg does', () => {
    const of = heap();
    of.allocate(100, { description: 'camera' });
    expect(of.dump()).toContain(
      "[   0] 0xc0000020: used 192 (refcount 1 lock count 0, size      100, align   32, data 0x3c000020, d0rual) 'camera'",
    );
  });

  test('keeps every block apart from the others and its contents, whatever is done', () => {
    const step = fc.record({ what: fc.constantFrom('allocate', 'release', 'lock', 'compact', 'resize'), n: fc.nat(500) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const of = heap(2048);
        const live: { handle: number; mark: number; isLocked: boolean; address: number }[] = [];
        for (const [index, { what, n }] of steps.entries()) {
          const one = live[n % Math.max(1, live.length)];
          if (what === 'allocate') {
            const handle = of.allocate(1 + n, { flags: MEM_FLAG_RESIZEABLE });
            if (handle === 0) continue;
            fill(of, handle, [index]);
            live.push({ handle, mark: index, isLocked: false, address: 0 });
          } else if (what === 'compact') of.compact(n % 2 === 0 ? MEM_COMPACT_NORMAL : MEM_COMPACT_SHUFFLE);
          else if (one === undefined) continue;
          else if (what === 'lock') {
            if (one.isLocked) of.unlock(one.handle);
            else one.address = of.lock(one.handle);
            one.isLocked = !one.isLocked;
          } else if (what === 'resize') of.resize(one.handle, 1 + n);
          else if (!one.isLocked) {
            of.release(one.handle);
            live.splice(live.indexOf(one), 1);
          }
          for (const { handle, mark, isLocked, address } of live) {
            expect(contents(of, handle, 1)).toEqual([mark]);
            if (isLocked) expect(addressOf(of, handle)).toBe(address);
          }
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
