/**
 * Which epoll sets may stand in which (the second half of fs/eventpoll.c): a set that reached itself would wake itself for ever, and
 * many sets above one file would make each of its wakes dear.
 */
import { Errno } from '../abi/index.ts';
import { type EventPoll, eventPollOf } from './epoll.ts';
import { EpollItem } from './epoll-item.ts';
import type { File } from './file.ts';

/** EP_MAX_NESTS: how many steps a way may have from a set down to the lowest set in it. */
const NESTS_MAX = 4;
/** path_limits: how many ways may lead from a file up to outermost sets, by how many sets are between; right above it any number. */
const PATHS_MAX: readonly number[] = [Number.POSITIVE_INFINITY, 500, 100, 50, 10];

/** The sets that a file stands in. */
function* setsAround(file: File): Generator<File> {
  for (const watch of file.watches ?? []) if (watch instanceof EpollItem) yield watch.set.file;
}

/** ep_loop_check_proc. @returns steps to the lowest set, too many when a way leads to `inserting` */
function depthBelow(set: EventPoll, inserting: File, depth: number, known: Map<File, number>, leaves: Set<File>): number {
  const before = known.get(set.file);
  if (before !== undefined) return before;
  let result = 0;
  for (const { file } of set.items()) {
    const inner = eventPollOf(file);
    if (inner === undefined) leaves.add(file);
    else if (file === inserting || depth > NESTS_MAX) result = NESTS_MAX + 1;
    else result = Math.max(result, depthBelow(inner, inserting, depth + 1, known, leaves) + 1);
    if (result > NESTS_MAX) break;
  }
  known.set(set.file, result);
  return result;
}

/** ep_get_upwards_depth_proc. @returns steps to the outermost set */
function depthAbove(set: File, known: Map<File, number>): number {
  const before = known.get(set);
  if (before !== undefined) return before;
  let result = 0;
  for (const outer of setsAround(set)) result = Math.max(result, depthAbove(outer, known) + 1);
  known.set(set, result);
  return result;
}

/** reverse_path_check_proc: counts ways up. @returns whether there are too many */
function hasTooManyPaths(file: File, depth: number, counts: number[]): boolean {
  if (depth > NESTS_MAX) return true;
  for (const set of setsAround(file)) {
    if ((set.watches?.size ?? 0) > 0) {
      if (hasTooManyPaths(set, depth + 1, counts)) return true;
    } else {
      counts[depth] = (counts[depth] ?? 0) + 1;
      if ((counts[depth] as number) > (PATHS_MAX[depth] as number)) return true;
    }
  }
  return false;
}

/** The checks of one EPOLL_CTL_ADD, each at its place. */
export class Nesting {
  readonly #set: File;
  readonly #target: File;
  readonly #leaves = new Set<File>();

  constructor(set: File, target: File) {
    this.#set = set;
    this.#target = target;
  }

  /** Before the entry is made. @throws Errno ELOOP when the set would reach itself or ways become too long */
  checkLoop(): void {
    const inner = eventPollOf(this.#target);
    if (inner === undefined) return;
    const known = new Map<File, number>();
    const below = depthBelow(inner, this.#set, 0, known, this.#leaves);
    if (below > NESTS_MAX || below + 1 + depthAbove(this.#set, known) > NESTS_MAX) {
      throw new Errno('ELOOP', 'sets in sets go too deep, or in a circle');
    }
  }

  /** When the entry is there. @throws Errno EINVAL when too many ways lead up from a file */
  checkPaths(): void {
    if (eventPollOf(this.#target) === undefined) {
      if ((this.#set.watches?.size ?? 0) === 0) return;
      this.#leaves.add(this.#target);
    }
    for (const file of this.#leaves) {
      if (hasTooManyPaths(file, 0, [])) throw new Errno('EINVAL', 'too many sets in sets lead to one file');
    }
  }
}
