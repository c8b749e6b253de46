import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { array, bigu64, chars, i8, i16, i32, i64, type Layout, struct, tail, u8, u16, u32, u64, union } from '../../src/abi/index.ts';

const view = (bytes: number) => new DataView(new ArrayBuffer(bytes));
const bytesOf = (v: DataView) => [...new Uint8Array(v.buffer)];

describe('layouts', () => {
  test('fields stand where the C compiler puts them', () => {
    const layout = struct({ a: u8, b: u32, c: u16, d: u64, e: u8 });
    expect(layout.fields.map((field) => field.offset)).toEqual([0, 4, 8, 16, 24]);
    expect([layout.size, layout.align]).toEqual([32, 8]);
  });

  test('packed structs have no padding', () => {
    const layout = struct({ a: u8, b: u32, c: u64 }, { packed: true });
    expect(layout.fields.map((field) => field.offset)).toEqual([0, 1, 5]);
    expect([layout.size, layout.align]).toEqual([13, 1]);
  });

  test('structs nest, and arrays take their element’s alignment', () => {
    const inner = struct({ x: u8, y: u64 });
    const layout = struct({ head: u8, items: array(inner, 2), end: u8 });
    expect(layout.fields.map((field) => field.offset)).toEqual([0, 8, 40]);
    const v = view(layout.size);
    layout.encode(v, 0, { head: 1, items: [{ x: 2, y: 3 }, { y: 5 }], end: 6 });
    expect(layout.decode(v, 0)).toEqual({
      head: 1,
      items: [
        { x: 2, y: 3 },
        { x: 0, y: 5 },
      ],
      end: 6,
    });
  });

  test('what is left out becomes zero, padding too', () => {
    const layout = struct({ a: u8, b: u32 });
    const v = view(8);
    new Uint8Array(v.buffer).fill(0xff);
    layout.encode(v, 0, { a: 1 });
    expect(bytesOf(v)).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('assign changes only what is given', () => {
    const layout = struct({ a: u32, b: u32 });
    const v = view(8);
    new Uint8Array(v.buffer).fill(0xff);
    layout.assign(v, 0, { b: 1 });
    expect(bytesOf(v)).toEqual([255, 255, 255, 255, 1, 0, 0, 0]);
  });

  test('the elements of a flexible tail are not counted, and are written and read apart', () => {
    const layout = struct({ count: u32, list: tail(struct({ offset: u64 })) });
    expect([layout.size, layout.tail?.offset, layout.sizeOf({ list: [{ offset: 1 }, { offset: 2 }] })]).toEqual([8, 8, 24]);
    const v = view(24);
    const value = { count: 2, list: [{ offset: 7 }, { offset: 9 }] };
    layout.encode(v, 0, value);
    layout.encodeTail(v, 0, value);
    expect(layout.decode(v, 0)).toEqual({ count: 2, list: [] });
    expect(layout.decodeTail<'list'>(v, 0, 2)).toEqual([{ offset: 7 }, { offset: 9 }]);
  });

  test('a union shows the same bytes in each of its ways', () => {
    const layout = union({ word: u32, half: u16, bytes: array(u8, 4) });
    const v = view(4);
    layout.encode(v, 0, { word: 0x04030201 });
    expect(layout.decode(v, 0)).toEqual({ word: 0x04030201, half: 0x0201, bytes: [1, 2, 3, 4] });
    layout.encode(v, 0, { half: 5 });
    expect(bytesOf(v)).toEqual([5, 0, 0, 0]);
  });

  test('text ends at its NUL, and a byte is a character', () => {
    const v = view(4);
    chars(4).encode(v, 0, 'a\u00e9');
    expect(bytesOf(v)).toEqual([0x61, 0xe9, 0, 0]);
    expect(chars(4).decode(v, 0)).toBe('a\u00e9');
    chars(4).encode(v, 0, 'abcdef');
    expect(chars(4).decode(v, 0)).toBe('abcd');
  });

  test.each([
    [u64, 0x1234_5678_9abc, 0x1234_5678_9abcn],
    [u64, -1, 0xffff_ffff_ffff_ffffn],
    [u64, 0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn],
    [i64, -2, 0xffff_ffff_ffff_fffen],
    [bigu64, 1n << 63n, 1n << 63n],
  ] as [Layout<unknown, number | bigint>, number | bigint, bigint][])('64 bits of %o from %s', (layout, value, bits) => {
    const v = view(8);
    layout.encode(v, 0, value);
    expect(v.getBigUint64(0, true)).toBe(bits);
  });

  test('64 bits as a number are exact up to 2^53 and never smaller than what is valid beyond', () => {
    const v = view(8);
    v.setBigUint64(0, (1n << 63n) | 3n, true);
    expect(u64.decode(v, 0)).toBeGreaterThan(2 ** 62);
    v.setBigUint64(0, (1n << 32n) | 3n, true);
    expect(u64.decode(v, 0)).toBe(2 ** 32 + 3);
    v.setBigInt64(0, -5n, true);
    expect(i64.decode(v, 0)).toBe(-5);
  });

  test('a value is shown as strace shows it', () => {
    const layout = struct({ name: chars(8), n: i32 });
    expect(layout.format({ name: 'a"\n', n: -1 })).toBe('{name="a\\"\\n", n=-1}');
  });

  const scalars: Record<string, [Layout<number>, fc.Arbitrary<number>]> = {
    u8: [u8, fc.nat(255)],
    i8: [i8, fc.integer({ min: -128, max: 127 })],
    u16: [u16, fc.nat(65535)],
    i16: [i16, fc.integer({ min: -32768, max: 32767 })],
    u32: [u32, fc.nat(0xffffffff)],
    i32: [i32, fc.integer()],
    u64: [u64, fc.maxSafeNat()],
  };

  const field = fc.constantFrom(...Object.values(scalars)).chain(([layout, values]) => values.map((value) => ({ layout, value })));

  test('whatever was encoded is decoded again', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 12 }), fc.boolean(), (fields, packed) => {
        const layout = struct(Object.fromEntries(fields.map((one, i) => [`f${i}`, one.layout])), { packed });
        const value = Object.fromEntries(fields.map((one, i) => [`f${i}`, one.value]));
        const v = view(layout.size + 3);
        layout.encode(v, 3, value);
        expect(layout.decode(v, 3)).toEqual(value);
      }),
    );
  });
});
