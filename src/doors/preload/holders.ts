import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** What a process knows of itself better than /proc does: the real kernel joins mappings that Linux keeps apart. */
export interface OwnMappings {
  readonly pid: number;
  readonly mappings: number;
}

/** How every memory file of the server is called. */
const NAME = '/memfd:ioctopus';

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Whether a link in /proc/PID/fd leads to an inode. A process may end meanwhile. */
function leadsTo(link: string, ino: number): boolean {
  try {
    return readlinkSync(link).startsWith(NAME) && statSync(link).ino === ino;
  } catch {
    return false;
  }
}

function mappingsOf(pid: string, ino: number): number {
  try {
    const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
    return lines.filter((line) => line.includes(NAME) && line.split(/ +/)[4] === String(ino)).length;
  } catch {
    return 0;
  }
}

/**
 * How many descriptors and mappings of an inode the programs have, counted in /proc. Files in messages under way, and those of
 * processes that may not be looked at, are not among them.
 */
export function countHolders(ino: number, own: OwnMappings): number {
  let count = own.mappings;
  for (const pid of listed('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    for (const fd of listed(`/proc/${pid}/fd`)) if (leadsTo(`/proc/${pid}/fd/${fd}`, ino)) count++;
    if (Number(pid) !== own.pid) count += mappingsOf(pid, ino);
  }
  return count;
}
