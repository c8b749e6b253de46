import { describe, expect, it } from 'vitest';
import { VmaOffsets } from '../../src/drm/vma-offsets.ts';
import { Random } from '../../src/kernel/index.ts';

describe('offsets of objects', () => {
  it('never overlap, and join again when objects go', () => {
    const random = new Random(7);
    const offsets = new VmaOffsets<number>();
    const live: ReturnType<typeof offsets.add>[] = [];
    for (let step = 0; step < 600; step++) {
      if (live.length > 0 && random.below(100) < 48) {
        const [gone] = live.splice(random.below(live.length), 1);
        offsets.remove(gone as (typeof live)[0]);
      } else live.push(offsets.add(1 + random.below(9), step));
      const sorted = [...live].sort((a, b) => a.start - b.start);
      const overlapping = sorted.filter((node, index) => node.start + node.pages > (sorted[index + 1]?.start ?? Number.POSITIVE_INFINITY));
      expect([overlapping, sorted.filter((node) => offsets.find(node.start, node.pages) !== node)]).toEqual([[], []]);
    }
    for (const node of live) offsets.remove(node);
    // All holes have become one again, from the first page on.
    expect(offsets.add(1000, 0).start).toBe(0x100000);
  });

  it('are found by their beginning only, and not for more than there is', () => {
    const offsets = new VmaOffsets<string>();
    const node = offsets.add(3, 'object');
    expect(offsets.find(node.start, 3)).toBe(node);
    expect(offsets.find(node.start, 4)).toBeUndefined();
    expect(offsets.find(node.start + 1, 1)).toBeUndefined();
  });

  it('end', () => {
    const offsets = new VmaOffsets<string>();
    offsets.add(0xfffff * 256, 'everything');
    expect(() => offsets.add(1, 'more')).toThrow('ENOSPC');
    expect(() => new VmaOffsets<string>().add(0, 'nothing')).toThrow('ENOSPC');
  });
});
