import { describe, expect, it } from 'vitest';
import { Idr } from '../../src/kernel/index.ts';

describe('numbers for things', () => {
  it('are the lowest that are free', () => {
    const idr = new Idr<string>();
    expect(['a', 'b', 'c', 'd'].map((thing) => idr.allocate(thing))).toEqual([1, 2, 3, 4]);
    idr.remove(3);
    idr.remove(1);
    expect(['e', 'f', 'g'].map((thing) => idr.allocate(thing))).toEqual([1, 3, 5]);
    expect([...idr]).toEqual([
      [1, 'e'],
      [2, 'b'],
      [3, 'f'],
      [4, 'd'],
      [5, 'g'],
    ]);
  });

  it('stay taken when nothing is there any more', () => {
    const idr = new Idr<string>();
    const one = idr.allocate('a');
    expect(idr.clear(one)).toBe('a');
    expect(idr.clear(one)).toBeUndefined();
    expect(idr.find(one)).toBeUndefined();
    expect(idr.allocate('b')).toBe(one + 1);
    expect([...idr]).toEqual([[one + 1, 'b']]);
  });

  it('answer for what was never given', () => {
    const idr = new Idr<string>();
    for (const id of [0, -1, 1, 0xffffffff]) {
      expect(idr.find(id)).toBeUndefined();
      expect(idr.clear(id)).toBeUndefined();
    }
  });
});
