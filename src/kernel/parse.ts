/** lib/kstrtox.c and its like: values in text that a program wrote. A NUL ends the text; one newline may follow the value. */
import { Errno } from '../abi/index.ts';

const untilNul = (text: string) => (text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text);

const DIGITS: Readonly<Record<number, RegExp>> = { 8: /^[0-7]+$/, 10: /^[0-9]+$/, 16: /^[0-9a-fA-F]+$/ };
const PREFIXES: Readonly<Record<number, string>> = { 8: '0o', 10: '', 16: '0x' };

function magnitude(text: string, base: 0 | 8 | 10 | 16): bigint {
  const digits = text.replace(/\n$/, '');
  const isHex = /^0[xX]/.test(digits) && (base === 0 || base === 16);
  const radix = isHex ? 16 : base !== 0 ? base : digits.length > 1 && digits.startsWith('0') ? 8 : 10;
  const plain = isHex ? digits.slice(2) : digits;
  if (!DIGITS[radix]?.test(plain)) throw new Errno('EINVAL', `"${text}" is no number`);
  return BigInt(`${PREFIXES[radix]}${plain}`);
}

function inRange(value: bigint, min: bigint, max: bigint): bigint {
  if (value < min || value > max) throw new Errno('ERANGE', `${value} is not between ${min} and ${max}`);
  return value;
}

/**
 * kstrtoull. @param base 0: by the prefix, 0x or 0
 * @throws Errno EINVAL for what is no number, ERANGE for what does not fit
 */
export function kstrtoull(text: string, base: 0 | 8 | 10 | 16 = 0): bigint {
  return inRange(magnitude(untilNul(text).replace(/^\+/, ''), base), 0n, 2n ** 64n - 1n);
}

/** kstrtoll. See {@link kstrtoull}. */
export function kstrtoll(text: string, base: 0 | 8 | 10 | 16 = 0): bigint {
  const plain = untilNul(text);
  if (!plain.startsWith('-')) return inRange(kstrtoull(plain, base), -(2n ** 63n), 2n ** 63n - 1n);
  return inRange(-magnitude(plain.slice(1), base), -(2n ** 63n), 2n ** 63n - 1n);
}

/** Unsigned values of that many bits: kstrtou8, kstrtou16, kstrtouint. */
const unsigned =
  (bits: number) =>
  (text: string, base: 0 | 8 | 10 | 16 = 0) =>
    Number(inRange(kstrtoull(text, base), 0n, 2n ** BigInt(bits) - 1n));

export const kstrtou8 = unsigned(8);
export const kstrtou16 = unsigned(16);
export const kstrtouint = unsigned(32);

/** kstrtoint. See {@link kstrtoull}. */
export function kstrtoint(text: string, base: 0 | 8 | 10 | 16 = 0): number {
  return Number(inRange(kstrtoll(text, base), -(2n ** 31n), 2n ** 31n - 1n));
}

/** kstrtobool: looks at the first character, of `on` and `off` at the second. @throws Errno EINVAL */
export function kstrtobool(text: string): boolean {
  const plain = untilNul(text);
  if (/^[yYtT1]/.test(plain) || /^[oO][nN]/.test(plain)) return true;
  if (/^[nNfF0]/.test(plain) || /^[oO][fF]/.test(plain)) return false;
  throw new Errno('EINVAL', `"${plain}" is neither yes nor no`);
}

/** Equal, apart from one newline at the end of either. */
export function sysfsStreq(text: string, word: string): boolean {
  return untilNul(text).replace(/\n$/, '') === word.replace(/\n$/, '');
}
