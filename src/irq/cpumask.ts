/** lib/bitmap-str.c: sets of processors as text, in hexadecimal groups and in ranges. */
import { Errno } from '../abi/index.ts';

const GROUP_DIGITS = 8;
const BITS_PER_GROUP = 32;

/** As `%*pb`: groups of 32 bits, the highest first and no longer than the machine's processors need. @param cpus of the machine */
export function formatMask(set: readonly number[], cpus: number): string {
  const groups: string[] = [];
  for (let first = 0; first < cpus; first += BITS_PER_GROUP) {
    let group = 0;
    for (const cpu of set) if (cpu >= first && cpu < first + BITS_PER_GROUP) group += 2 ** (cpu - first);
    const digits = Math.ceil(Math.min(BITS_PER_GROUP, cpus - first) / 4);
    groups.unshift(group.toString(16).padStart(digits, '0'));
  }
  return groups.join(',');
}

/** As `%*pbl`: `0-3,8`. */
export function formatList(set: readonly number[]): string {
  const ranges: string[] = [];
  const sorted = [...set].sort((a, b) => a - b);
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at] as number;
    let last = first;
    for (at++; sorted[at] === last + 1; at++) last++;
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return ranges.join(',');
}

/** cpumask_parse. @returns the processors, in order @throws Errno EINVAL for what is no mask, EOVERFLOW for processors beyond the machine's */
export function parseMask(text: string, cpus: number): number[] {
  const plain = text.trim();
  if (!/^[0-9a-fA-F]{1,8}(,[0-9a-fA-F]{1,8})*$/.test(plain)) {
    const isTooLong = /^[0-9a-fA-F,]+$/.test(plain) && /[0-9a-fA-F]{9}/.test(plain);
    throw new Errno(isTooLong ? 'EOVERFLOW' : 'EINVAL', `"${plain}" is no mask`);
  }
  const groups = plain.split(',');
  const groupsMax = Math.ceil(cpus / BITS_PER_GROUP);
  if (groups.length > groupsMax) throw new Errno('EOVERFLOW', `the machine has ${cpus} processors`);
  const mask = groups.reduce((value, group) => (value << BigInt(BITS_PER_GROUP)) | BigInt(`0x${group.padStart(GROUP_DIGITS, '0')}`), 0n);
  if (mask >> BigInt(cpus) !== 0n) throw new Errno('EOVERFLOW', `the machine has ${cpus} processors`);
  return Array.from({ length: cpus }, (_, cpu) => cpu).filter((cpu) => (mask >> BigInt(cpu)) & 1n);
}

/** cpulist_parse: numbers and ranges, `0-15:2/4` for two of every four, `all`. @throws Errno EINVAL, ERANGE */
export function parseList(text: string, cpus: number): number[] {
  const set = new Set<number>();
  const regions = text.trim().split(/[\s,]+/);
  for (const region of regions) for (const cpu of parseRegion(region, cpus)) set.add(cpu);
  return [...set].sort((a, b) => a - b);
}

function* parseRegion(region: string, cpus: number): Generator<number> {
  const match = /^(?:(all)|(\d+|N)(?:-(\d+|N))?)(?::(\d+)\/(\d+))?$/.exec(region);
  if (match === null) throw new Errno('EINVAL', `"${region}" is no range of processors`);
  const number = (digits: string) => (digits === 'N' ? cpus - 1 : Number(digits));
  const [, all, from = '0', to = from, used, group] = match;
  const first = all === undefined ? number(from) : 0;
  const last = all === undefined ? number(to) : cpus - 1;
  const [taken, of] = used === undefined || group === undefined ? [1, 1] : [Number(used), Number(group)];
  if (first > last || of === 0 || taken > of) throw new Errno('EINVAL', `"${region}" is an empty range`);
  if (last >= cpus) throw new Errno('ERANGE', `the machine has ${cpus} processors`);
  for (let cpu = first; cpu <= last; cpu++) if ((cpu - first) % of < taken) yield cpu;
}
