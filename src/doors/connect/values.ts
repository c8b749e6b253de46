/** Values as bytes: JSON, and after it the bytes that do not fit into JSON. */

/** Numbers, strings, booleans, bigints, bytes, undefined, and arrays and objects of these. */
export type Value = unknown;

interface BytesAt {
  readonly $bytes: readonly [start: number, length: number];
}

interface Bigint {
  readonly $bigint: string;
}

const LENGTH_SIZE = 4;
const utf8 = new TextEncoder();
const text = new TextDecoder('utf-8', { fatal: true });

/** @returns the length of the JSON, the JSON, then all bytes one after the other */
export function encodeValue(value: Value): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let end = 0;
  const json = JSON.stringify(value, function (this: Record<string, unknown>, key, shown) {
    // A Buffer has made something else of itself by now.
    const original = this[key];
    if (original instanceof Uint8Array) {
      chunks.push(original);
      end += original.length;
      return { $bytes: [end - original.length, original.length] } satisfies BytesAt;
    }
    return typeof original === 'bigint' ? ({ $bigint: `${original}` } satisfies Bigint) : shown;
  });
  const encoded = utf8.encode(json);
  const length = new Uint8Array(LENGTH_SIZE);
  new DataView(length.buffer).setUint32(0, encoded.length, true);
  return [length, encoded, ...chunks];
}

/** @throws Error when the bytes are none that {@link encodeValue} makes */
export function decodeValue(bytes: Uint8Array): Value {
  const start = LENGTH_SIZE + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
  if (start > bytes.length) throw new RangeError('the text ends beyond the message');
  return JSON.parse(text.decode(bytes.subarray(LENGTH_SIZE, start)), (_key, value: Partial<BytesAt & Bigint> | null) => {
    if (value === null || typeof value !== 'object') return value;
    if (typeof value.$bigint === 'string') return BigInt(value.$bigint);
    if (value.$bytes === undefined) return value;
    const [from, length] = value.$bytes;
    if (!(from >= 0 && length >= 0 && start + from + length <= bytes.length)) throw new RangeError('bytes beyond the message');
    return new Uint8Array(bytes.subarray(start + from, start + from + length));
  });
}
