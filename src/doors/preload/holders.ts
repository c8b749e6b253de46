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

/** The inode that a link in /proc/PID/fd leads to, if it is one of the server's. A process may end meanwhile. */
function inodeBehind(link: string): number | undefined {
  try {
    return readlinkSync(link).startsWith(NAME) ? statSync(link).ino : undefined;
  } catch {
    return undefined;
  }
}

/** Inodes of the server's that a process maps, one for each mapping. */
function mappedBy(pid: string): number[] {
  try {
    const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
    return lines.filter((line) => line.includes(NAME)).map((line) => Number(line.split(/ +/)[4]));
  } catch {
    return [];
  }
}

/**
 * How many descriptors and mappings of each inode the programs have at a moment, counted in /proc. Files in messages under way, and
 * those of processes that may not be looked at, are not among them. Looking at all of /proc takes its time.
 */
export class Census {
  /** Each descriptor once, and each mapping. */
  readonly #found: { readonly pid: number; readonly ino: number; readonly isMapping: boolean }[] = [];

  constructor() {
    for (const name of listed('/proc')) {
      const pid = Number(name);
      if (!/^\d+$/.test(name) || pid === process.pid) continue;
      for (const fd of listed(`/proc/${name}/fd`)) {
        const ino = inodeBehind(`/proc/${name}/fd/${fd}`);
        if (ino !== undefined) this.#found.push({ pid, ino, isMapping: false });
      }
      for (const ino of mappedBy(name)) this.#found.push({ pid, ino, isMapping: true });
    }
  }

  /** @param own of the process that asks, if it said so */
  count(inos: ReadonlySet<number>, own?: OwnMappings): number {
    const isTold = (pid: number, ino: number) => own !== undefined && pid === own.pid && ino === own.ino;
    const counted = this.#found.filter(({ pid, ino, isMapping }) => inos.has(ino) && !(isMapping && isTold(pid, ino)));
    return counted.length + (own?.mappings ?? 0);
  }
}
