import { describe, expect, test } from 'vitest';
import { needsEvent, splitRingLayout } from '../../src/virtio/index.ts';

describe('a split ring', () => {
  // 20.2 of docs/reference/remoteproc.md.
  test.each([
    [4, 16, 80, 118],
    [8, 4096, 4096, 4166],
    [16, 4096, 4096, 4230],
    [16, 16, 304, 438],
    [32, 4096, 4096, 4358],
    [64, 4096, 4096, 4614],
    [128, 4096, 4096, 5126],
    [256, 4096, 8192, 10246],
    [256, 16, 4624, 6678],
    [512, 4096, 12288, 16390],
  ])('of %i entries, aligned to %i, has its used ring at %i and %i bytes', (num, align, used, size) => {
    const layout = splitRingLayout(num, align);
    expect([layout.used, layout.size]).toEqual([used, size]);
    expect([layout.avail, layout.usedEvent, layout.availEvent]).toEqual([16 * num, 18 * num + 4, used + 4 + 8 * num]);
  });

  test('has an event when the index passes it, around the end of 16 bits too', () => {
    for (const base of [0, 100, 0xfffe, 0xffff]) {
      const at = (offset: number) => (base + offset) & 0xffff;
      expect(needsEvent(at(0), at(1), at(0))).toBe(true);
      expect(needsEvent(at(1), at(1), at(0))).toBe(false);
      expect(needsEvent(at(3), at(5), at(1))).toBe(true);
      expect(needsEvent(at(0), at(5), at(1))).toBe(false);
      expect(needsEvent(at(5), at(5), at(1))).toBe(false);
    }
  });
});
