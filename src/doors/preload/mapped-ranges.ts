import { readFileSync } from 'node:fs';
import { Errno } from '../../abi/index.ts';
import type { MemoryRange } from '../../kernel/index.ts';
import type { SharedMemoryProvider } from './memory.ts';

/** Start, end, protection, offset, device, inode, name: a line of /proc/PID/maps. */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ (\d+) *(.*)$/;

/** What memory files of ours are called there. */
const OURS = '/memfd:ioctopus';

/**
 * Memory of the machine's that a program has mapped in a range of its addresses, as its own kernel tells.
 *
 * @param provider of all that programs can have mapped
 * @throws Errno EFAULT when a part is not mapped at all
 */
export function mappedRanges(pid: number, provider: SharedMemoryProvider, address: number, length: number): readonly MemoryRange[] {
  const found: MemoryRange[] = [];
  let at = address;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const [, first = '', last = '', inFile = '', ino, name = ''] = LINE.exec(line) ?? [];
    const [start, end] = [Number.parseInt(first, 16), Number.parseInt(last, 16)];
    if (ino === undefined || end <= at) continue;
    if (at >= address + length || start > at) break;
    const until = Math.min(end, address + length);
    const memory = name.startsWith(OURS) ? provider.behind(Number(ino)) : undefined;
    if (memory !== undefined) found.push({ memory, offset: Number.parseInt(inFile, 16) + at - start, length: until - at });
    at = until;
  }
  if (at < address + length) throw new Errno('EFAULT', `nothing is mapped at 0x${at.toString(16)}`);
  return found;
}
