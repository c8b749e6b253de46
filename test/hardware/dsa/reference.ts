/** The operations once more, as simply as they can be said: bit by bit, on whole arrays. */

/** CRC of a width, bit by bit, highest power first. */
export function crcBits(
  bytes: Uint8Array,
  { width, polynomial, start, reflectData }: { width: number; polynomial: bigint; start: bigint; reflectData: boolean },
): bigint {
  const top = 1n << BigInt(width - 1);
  const mask = (1n << BigInt(width)) - 1n;
  let crc = start;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const next = (byte >> (reflectData ? bit : 7 - bit)) & 1;
      const carry = (crc & top) !== 0n ? 1 : 0;
      crc = (crc << 1n) & mask;
      if ((next ^ carry) === 1) crc ^= polynomial;
    }
  return crc;
}

export function reflectBits(value: bigint, width: number): bigint {
  let out = 0n;
  for (let bit = 0; bit < width; bit++) out |= ((value >> BigInt(bit)) & 1n) << BigInt(width - 1 - bit);
  return out;
}

/** CRC-32C as the flags 0x20000 and 0x40000 make it. */
export function crc32c(bytes: Uint8Array, seed: number, flags: number): number {
  const isBare = (flags & 0x20000) !== 0;
  const start = isBare ? BigInt(seed) : reflectBits(BigInt(~seed >>> 0), 32);
  const crc = crcBits(bytes, { width: 32, polynomial: 0x1edc6f41n, start, reflectData: (flags & 0x40000) === 0 });
  return Number(isBare ? crc : reflectBits(crc, 32) ^ 0xffffffffn);
}

/** Entries of ten bytes for each eight bytes that differ. */
export function delta(a: Uint8Array, b: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 0; at < a.length; at += 8) {
    const word = [...b.subarray(at, at + 8)];
    if (word.some((byte, i) => byte !== a[at + i])) out.push((at / 8) & 0xff, at / 8 / 256, ...word);
  }
  return out.map((byte) => Math.floor(byte));
}

export interface Tags {
  readonly ref: number;
  readonly app: number;
  readonly mask: number;
  readonly fixedRef: boolean;
  readonly countsApp: boolean;
}

/** Blocks with their trailers. */
export function sealBlocks(data: Uint8Array, block: number, tags: Tags, difFlags: number): Uint8Array {
  const out: number[] = [];
  for (let index = 0; index * block < data.length; index++) {
    const bytes = data.subarray(index * block, (index + 1) * block);
    const start = (difFlags & 4) !== 0 ? 0xffffn : 0n;
    let guard = Number(crcBits(bytes, { width: 16, polynomial: 0x8bb7n, start, reflectData: false }));
    if ((difFlags & 8) !== 0) guard ^= 0xffff;
    const app = (tags.countsApp ? tags.app + index : tags.app) & 0xffff & ~tags.mask;
    const ref = (tags.fixedRef ? tags.ref : tags.ref + index) >>> 0;
    out.push(...bytes, guard >> 8, guard & 255, app >> 8, app & 255, ref >>> 24, (ref >> 16) & 255, (ref >> 8) & 255, ref & 255);
  }
  return Uint8Array.from(out);
}
