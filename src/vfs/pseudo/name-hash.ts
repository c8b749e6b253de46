/** kernfs_name_hash on a 64-bit kernel without word-at-a-time hashing: the order in which kernfs lists names. */

const GOLDEN_RATIO_64 = 0x61c8864680b583ebn;
const hashes = new Map<string, number>();

/** Where a name stands in a listing: from 2 on, `.` and `..` having 0 and 1. */
export function nameHash(name: string): number {
  let hash = hashes.get(name);
  if (hash === undefined) {
    hash = compute(name);
    hashes.set(name, hash);
  }
  return hash;
}

/** Behind the last name: INT_MAX. */
export const LISTING_END = 0x7fffffff;

function compute(name: string): number {
  let hash = 0n;
  for (const byte of Buffer.from(name)) hash = BigInt.asUintN(64, (hash + BigInt(byte << 4) + BigInt(byte >> 4)) * 11n);
  const folded = Number((BigInt.asUintN(64, hash * GOLDEN_RATIO_64) >> 32n) & 0x7fffffffn);
  if (folded < 2) return folded + 2;
  return Math.min(folded, LISTING_END - 1);
}
