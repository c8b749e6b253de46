import { Errno } from '../../../abi/index.ts';
import { kstrtou8, kstrtou16 } from '../../../kernel/index.ts';
import type { ConfigAttribute, ConfigItem } from '../../../vfs/pseudo/index.ts';

/** CONFIGFS_ATTR. */
export const RW = 0o644;
export const RO = 0o444;

const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}\n`;

/** What a number of an item is kept in. */
interface Place<I> {
  get(item: I): number;
  set(item: I, value: number): void;
}

/** A number of 8 bits. @param check @throws Errno for values that may not be */
export const byte = <I extends ConfigItem>(name: string, { get, set }: Place<I>): ConfigAttribute<I> => ({
  name,
  mode: RW,
  show: (item) => hex(get(item), 2),
  store: (item, text) => set(item, kstrtou8(text)),
});

/** A number of 16 bits. */
export const word = <I extends ConfigItem>(name: string, { get, set }: Place<I>): ConfigAttribute<I> => ({
  name,
  mode: RW,
  show: (item) => hex(get(item), 4),
  store: (item, text) => set(item, kstrtou16(text)),
});

/** is_valid_bcd: a version, digit by digit. @throws Errno EINVAL */
export function checkedBcd(value: number): number {
  for (let rest = value; rest > 0; rest >>= 4) {
    if ((rest & 0xf) > 9) throw new Errno('EINVAL', `0x${value.toString(16)} has digits beyond 9`);
  }
  return value;
}

/** C's text: until its NUL. */
export const cString = (text: string): string => (text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text);

export const withoutNewline = (text: string): string => (text.endsWith('\n') ? text.slice(0, -1) : text);

/** MAX_NAME_LEN. @throws Errno ENAMETOOLONG */
const NAME_MAX = 40;

/** `LEFT.RIGHT`, as functions and configurations are called. @throws Errno ENAMETOOLONG from 40 characters on; EINVAL without a dot */
export function splitName(name: string): readonly [left: string, right: string] {
  if (name.length >= NAME_MAX) throw new Errno('ENAMETOOLONG', `${name} has more than ${NAME_MAX - 1} characters`);
  const dot = name.indexOf('.');
  if (dot < 0) throw new Errno('EINVAL', `${name} has no dot`);
  return [name.slice(0, dot), name.slice(dot + 1)];
}
