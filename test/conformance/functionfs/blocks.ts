/** Blocks of descriptors and of strings as daemons write them to ep0, to begin with. */

const le16 = (value: number) => [value & 0xff, (value >> 8) & 0xff];
const le32 = (value: number) => [...le16(value), ...le16(value >>> 16)];

export const endpoint = (address: number, attributes: number, packet: number, ...more: number[]) => [
  7 + more.length,
  5,
  address,
  attributes,
  ...le16(packet),
  0,
  ...more,
];
export const companion = (burst: number) => [6, 0x30, burst, 0, 0, 0];
/** @param kind class, subclass, protocol */
export const intf = (number: number, endpoints: number, kind: readonly [number, number, number], string = 0) => [
  9,
  4,
  number,
  0,
  endpoints,
  ...kind,
  string,
];
export const association = (string: number) => [8, 0x0b, 0, 2, 2, 6, 0, string];
/** What only HID, CCID and DFU have, and of different lengths. */
export const classSpecific = (length: number) => [length, 0x21, ...Array.from({ length: length - 2 }, (_, i) => i)];
export const otg = [3, 9, 3];

/** A block in the first format. */
export function blockV1(fs: readonly number[][], hs: readonly number[][]): Uint8Array {
  return sealed([...le32(1), ...le32(0), ...le32(fs.length), ...le32(hs.length), ...fs.flat(), ...hs.flat()]);
}

interface V2 {
  readonly fs?: readonly number[][];
  readonly hs?: readonly number[][];
  readonly ss?: readonly number[][];
  readonly os?: readonly number[][];
  readonly eventfd?: number;
  /** FUNCTIONFS_VIRTUAL_ADDR and above. */
  readonly flags?: number;
}

/** A block in the second format: only the speeds that are given have a count. */
export function blockV2({ fs, hs, ss, os, eventfd, flags = 0 }: V2): Uint8Array {
  const parts = [fs, hs, ss, os];
  const has = parts.reduce((bits, part, index) => bits | (part === undefined ? 0 : 1 << index), flags | (eventfd === undefined ? 0 : 32));
  const given = parts.filter((part) => part !== undefined);
  return sealed([
    ...le32(3),
    ...le32(0),
    ...le32(has),
    ...(eventfd === undefined ? [] : le32(eventfd)),
    ...given.flatMap((part) => le32(part.length)),
    ...given.flat(2),
  ]);
}

export const compat = (number: number, id: string) => {
  const entry = [number, 1, ...Buffer.from(id.padEnd(8, '\0')), ...Buffer.alloc(8), ...Buffer.alloc(6)];
  return [0, ...le32(11 + entry.length), ...le16(1), ...le16(4), 1, 0, ...entry];
};

export const property = (number: number, type: number, name: string, data: string) => {
  const [n, d] = [Buffer.from(name), Buffer.from(data)];
  const entry = [...le32(14 + n.length + d.length), ...le32(type), ...le16(n.length), ...n, ...le32(d.length), ...d];
  return [number, ...le32(11 + entry.length), ...le16(0x100), ...le16(5), ...le16(1), ...entry];
};

export function stringsBlock(languages: readonly (readonly [number, ...string[]])[]): Uint8Array {
  const count = (languages[0]?.length ?? 1) - 1;
  const tables = languages.flatMap(([language, ...texts]) => [
    ...le16(language),
    ...texts.flatMap((text) => [...Buffer.from(`${text}\0`)]),
  ]);
  return sealed([...le32(2), ...le32(0), ...le32(count), ...le32(languages.length), ...tables]);
}

/** Sets the length that stands in a block to the one it has. */
export function sealed(bytes: readonly number[] | Uint8Array): Uint8Array {
  const block = Uint8Array.from(bytes);
  if (block.length >= 8) new DataView(block.buffer).setUint32(4, block.length, true);
  return block;
}
