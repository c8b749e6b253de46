import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCall } from '../../src/doors/connect/call-table.ts';
import { decodeValue, encodeValue } from '../../src/doors/connect/values.ts';
import { Wire } from '../../src/doors/connect/wire.ts';

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 64 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((name) => name !== '__proto__' && !name.startsWith('$')),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

/** A socket whose other end is the test. */
class FakeSocket extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.written.push(bytes);
    done();
  }
}

/** What a wire gets of bytes that arrive in pieces. */
async function received(pieces: readonly Uint8Array[]): Promise<{ messages: unknown[]; end: string | undefined }> {
  const messages: unknown[] = [];
  let end: string | undefined;
  const socket = new FakeSocket();
  new Wire(socket as unknown as Socket, {
    message: (message) => messages.push(message),
    end(reason) {
      end = reason;
    },
  });
  for (const piece of pieces) socket.push(piece);
  await new Promise(setImmediate);
  return { messages, end };
}

function sent(...messages: readonly unknown[]): Buffer {
  const socket = new FakeSocket();
  const wire = new Wire(socket as unknown as Socket, { message() {}, end() {} });
  for (const message of messages) wire.send(message);
  return Buffer.concat(socket.written);
}

describe('values', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(value, (given) => {
        expect(decodeValue(Buffer.concat(encodeValue(given)))).toEqual(given);
      }),
    );
  });

  test('bytes of a Buffer come back as a Uint8Array of their own', () => {
    const bytes = decodeValue(Buffer.concat(encodeValue(Buffer.from('abc')))) as Uint8Array;
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(3);
  });

  test.each([
    ['text beyond the message', [9, 0, 0, 0, 0x31]],
    ['no JSON', [1, 0, 0, 0, 0x7b]],
    ['no UTF-8', [3, 0, 0, 0, 0x22, 0xff, 0x22]],
    ['bytes beyond the message', [16, 0, 0, 0, ...Buffer.from('{"$bytes":[0,9]}')]],
    ['bytes before it', [17, 0, 0, 0, ...Buffer.from('{"$bytes":[-9,3]}')]],
  ])('%s is an error', (_name, bytes) => {
    expect(() => decodeValue(Uint8Array.from(bytes))).toThrow();
  });
});

describe('messages', () => {
  test('arrive whole and in order, however the bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(200), { maxLength: 8 }), async (given, cuts) => {
        const bytes = sent(...given);
        const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
        const pieces = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter(({ length }) => length > 0);
        expect(await received(pieces)).toEqual({ messages: given, end: undefined });
      }),
      { numRuns: 50 },
    );
  });

  test('one that is too long, or none at all, ends the connection', async () => {
    expect((await received([Uint8Array.of(0xff, 0xff, 0xff, 0xff)])).end).toBe('a message of 4294967295 bytes');
    expect((await received([Uint8Array.of(2, 0, 0, 0, 1, 2)])).end).toBeDefined();
  });
});

describe('what may be called', () => {
  test('has a name of the table and arguments that the call takes', () => {
    expect(isCall('open', ['/dev/x', 2])).toBe(true);
    expect(isCall('open', ['/dev/x'])).toBe(true);
    expect(isCall('write', [1, Uint8Array.of(1)])).toBe(true);
    expect(isCall('poll', [[{ fd: 1, events: 4 }], -1])).toBe(true);
  });

  test.each([
    ['constructor', []],
    ['fork', [() => {}]],
    ['__proto__', []],
    ['open', [1]],
    ['open', ['/dev/x', 2, 3, 4]],
    ['open', []],
    ['read', [1, 2 ** 40]],
    ['read', [1, -1]],
    ['read', [1.5, 1]],
    ['poll', [{ length: 1 }]],
    ['poll', [[null]]],
    ['readv', [1, [{ address: 'x', length: 1 }]]],
    ['mmap', [1, null]],
    ['open', 'no list'],
    [7, []],
  ])('else it is refused: %s(%o)', (name, args) => {
    expect(isCall(name, args)).toBe(false);
  });
});
