import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** What a process knows of itself better than /proc does: the real kernel joins mappings that Linux keeps apart. */
export interface OwnMappings {
  readonly pid: number;
  /** Of which inode. */
  readonly ino: number;
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

/** Whether a link in /proc/PID/fd leads to one of some inodes. A process may end meanwhile. */
function leadsTo(link: string, inos: ReadonlySet<number>): boolean {
  try {
    return readlinkSync(link).startsWith(NAME) && inos.has(statSync(link).ino);
  } catch {
    return false;
  }
}

function mappingsOf(pid: string, inos: ReadonlySet<number>): number {
  try {
    const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
    return lines.filter((line) => line.includes(NAME) && inos.has(Number(line.split(/ +/)[4]))).length;
  } catch {
    return 0;
  }
}

/**
 * How many descriptors and mappings of some inodes the programs have, counted in /proc. Files in messages under way, and those of
 * processes that may not be looked at, are not among them.
 *
 * @param own of the process that asks, if it said so
 */
export function countHolders(inos: ReadonlySet<number>, own: OwnMappings = { pid: 0, ino: 0, mappings: 0 }): number {
  const others = new Set(inos);
  others.delete(own.ino);
  let count = own.mappings;
  for (const pid of listed('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    for (const fd of listed(`/proc/${pid}/fd`)) if (leadsTo(`/proc/${pid}/fd/${fd}`, inos)) count++;
    count += mappingsOf(pid, Number(pid) === own.pid ? others : inos);
  }
  return count;
}
