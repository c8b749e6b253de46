import { readdirSync, readFileSync } from 'node:fs';

/** System calls in which a thread waits for other threads or for children, by processor: futex, wait4, waitid. */
const WAITS_FOR_OTHERS: Readonly<Record<string, readonly number[]>> = { x64: [202, 61, 247], arm64: [98, 260, 95] };

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended meanwhile, or is not ours to look at.
    return '';
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

const threadsOf = (pid: number) => entries(`/proc/${pid}/task`).map(Number);

/** The state letter of proc(5). */
const stateOf = (stat: string) => stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X';
const parentOf = (stat: string) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);

function allParents(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of entries('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(read(`/proc/${name}/stat`)));
  return parents;
}

/** Processes, their children, and theirs. */
function familyOf(pids: readonly number[]): Set<number> {
  const parents = allParents();
  const family = new Set(pids);
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.add(child);
  return family;
}

/**
 * A picture of what all threads of some processes and their descendants do, if none of them does anything.
 *
 * @param isWaiting whether a thread waits in a way that only the caller knows
 * @returns undefined when one of them runs, or waits for something else in the world; else a text that stays the same as long as none
 *   of them has run
 */
export function pictureOfRest(pids: readonly number[], isWaiting: (pid: number, tid: number) => boolean): string | undefined {
  const picture: string[] = [];
  for (const member of familyOf(pids)) {
    for (const tid of threadsOf(member)) {
      const thread = `/proc/${member}/task/${tid}`;
      const state = stateOf(read(`${thread}/stat`));
      if (state === 'Z' || state === 'X') continue;
      if (state !== 'S') return undefined;
      if (!isWaiting(member, tid)) {
        const call = Number.parseInt(read(`${thread}/syscall`), 10);
        if (WAITS_FOR_OTHERS[process.arch]?.includes(call) !== true) return undefined;
      }
      picture.push(`${tid} ${read(`${thread}/status`).match(/ctxt_switches:\t\d+/g)}`);
    }
  }
  return picture.join('\n');
}
