/** What callers of `node:fs` may give, checked and brought into one form as lib/internal/fs/utils.js does. */
import { fileURLToPath } from 'node:url';
import { isArrayBufferView, isDate } from 'node:util/types';
import { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } from '../../abi/uapi/index.ts';
import type { Timespec } from '../../kernel/index.ts';
import { invalidType, invalidValue, outOfRange } from './errors.ts';

const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

/** A path as a string. Bytes that are not UTF-8 are lost. @throws TypeError */
export function pathOf(value: unknown, name = 'path'): string {
  const path = value instanceof URL ? fileURLToPath(value) : value instanceof Uint8Array ? Buffer.from(value).toString() : value;
  if (typeof path !== 'string') throw invalidType(name, 'of type string or an instance of Buffer or URL', value);
  if (path.includes('\0')) throw invalidValue(name, 'must be a string, Uint8Array, or URL without null bytes', value);
  return path;
}

export const isDescriptor = (value: unknown): value is number => typeof value === 'number' && (value | 0) === value && value >= 0;

/** @throws TypeError, RangeError */
export function descriptorOf(value: unknown): number {
  return integerOf(value, 'fd', 0, INT32_MAX);
}

/** @throws TypeError, RangeError */
export function integerOf(value: unknown, name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
  return value;
}

const FLAGS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  'w+': O_TRUNC | O_CREAT | O_RDWR,
  'wx+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  'a+': O_APPEND | O_CREAT | O_RDWR,
  'ax+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'as+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
};
/** The letters behind the first may come in the other order. */
const ALIASES: Readonly<Record<string, string>> = {
  sr: 'rs',
  'sr+': 'rs+',
  xw: 'wx',
  'xw+': 'wx+',
  xa: 'ax',
  'xa+': 'ax+',
  sa: 'as',
  'sa+': 'as+',
};

/** Open flags: a number, or a string such as `r+`. @throws TypeError */
export function flagsOf(value: unknown): number {
  if (typeof value === 'number') return integerOf(value, 'flags', -(2 ** 31), INT32_MAX);
  if (value === undefined || value === null) return O_RDONLY;
  const flags = typeof value === 'string' ? FLAGS[ALIASES[value] ?? value] : undefined;
  if (flags === undefined) throw invalidValue('flags', 'is invalid', value);
  return flags;
}

/** A mode: a number, or octal digits. @throws TypeError, RangeError */
export function modeOf(value: unknown, otherwise?: number): number {
  if ((value === undefined || value === null) && otherwise !== undefined) return otherwise;
  if (typeof value !== 'string') return integerOf(value, 'mode', 0, UINT32_MAX);
  if (!/^[0-7]+$/.test(value)) throw invalidValue('mode', 'must be a 32-bit unsigned integer or an octal string', value);
  return Number.parseInt(value, 8);
}

/** Options, or an encoding in their place. @throws TypeError */
export function optionsOf<T extends { encoding?: unknown }>(value: unknown, defaults: T): T {
  if (value === undefined || value === null || typeof value === 'function') return defaults;
  if (typeof value !== 'string' && typeof value !== 'object')
    throw invalidType('options', 'of type string or an instance of Object', value);
  const given = typeof value === 'string' ? { encoding: value } : value;
  const options = { ...defaults, ...given } as T;
  const { encoding } = options;
  if (encoding && encoding !== 'buffer' && !Buffer.isEncoding(encoding as string))
    throw invalidValue('encoding', 'is invalid encoding', encoding);
  return options;
}

/** A name or path as the caller wants it. */
export function encoded(text: string, encoding: unknown): string | Buffer {
  if (encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8') return text;
  const bytes = Buffer.from(text);
  return encoding === 'buffer' ? bytes : bytes.toString(encoding as BufferEncoding);
}

/** @throws TypeError */
export function viewOf(value: unknown): NodeJS.ArrayBufferView {
  if (!isArrayBufferView(value)) throw invalidType('buffer', 'an instance of Buffer, TypedArray, or DataView', value);
  return value;
}

/** The bytes behind a view, shared with it. */
export function bytesOf(view: NodeJS.ArrayBufferView, offset = 0, length = view.byteLength - offset): Buffer {
  return Buffer.from(view.buffer, view.byteOffset + offset, length);
}

/** What is to be written. @throws TypeError */
export function dataOf(value: unknown, name: string, encoding?: unknown): Buffer {
  if (isArrayBufferView(value)) return bytesOf(value);
  if (typeof value !== 'string') throw invalidType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', value);
  return Buffer.from(value, (encoding as BufferEncoding | null | undefined) ?? 'utf8');
}

/** @throws TypeError */
export function viewsOf(value: unknown): NodeJS.ArrayBufferView[] {
  if (!Array.isArray(value)) throw invalidType('buffers', 'an ArrayBufferView[]', value);
  for (const [index, one] of value.entries())
    if (!isArrayBufferView(one)) throw invalidType(`buffers[${index}]`, 'an instance of ArrayBufferView', one);
  return value;
}

/** A position in a file; undefined for the file's own. @throws TypeError, RangeError */
export function positionOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const position = typeof value === 'bigint' ? Number(value) : value;
  if (typeof position !== 'number') throw invalidType('position', 'an integer or bigint', value);
  if (!Number.isInteger(position)) throw outOfRange('position', 'an integer', value);
  return position < 0 ? undefined : position;
}

/** A time for utimes: seconds since 1970, as a number or text, or a Date. A negative number means now. @throws TypeError */
export function timeOf(value: unknown, name = 'time'): Timespec | 'now' {
  if (isDate(value)) return timespecOf(value.getTime() / 1000);
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return timespecOf(Number(value));
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidType(name, 'an instance of Date or an Time in seconds', value);
  return value < 0 ? 'now' : timespecOf(value);
}

/** libuv keeps microseconds, and rounds to the epoch. */
function timespecOf(seconds: number): Timespec {
  const whole = Math.trunc(seconds);
  const nsec = Math.trunc(((seconds - whole) * 1e9) / 1000) * 1000;
  return nsec < 0 ? { sec: whole - 1, nsec: nsec + 1e9 } : { sec: whole, nsec };
}
