import { Errno } from '../abi/index.ts';
import { DEFAULT_POLLMASK, POLLERR, POLLHUP, POLLNVAL } from '../abi/uapi/index.ts';
import { finish, type Kernel } from './colour.ts';
import { type File, FMODE_PATH } from './file.ts';
import type { Task } from './task.ts';
import { ALL_KEYS, type QueuedWait, type WaitQueue, waitOn } from './wait.ts';

/** What a file's poll operation is given: which events matter, and where to say what can change the answer. */
export class PollTable {
  /** POLL bits that the caller looks at, without the implied POLLERR and POLLHUP. */
  readonly events: number;
  readonly queues: QueuedWait[] = [];

  constructor(events: number) {
    this.events = events;
  }

  /** poll_wait. @param key wakes without a bit in common do not count */
  wait(queue: WaitQueue, key = ALL_KEYS): void {
    this.queues.push({ queue, key });
  }
}

/** What a file answers to poll now. @returns POLL bits among those asked and POLLERR, POLLHUP */
export function* pollFile(file: File, table: PollTable): Kernel<number> {
  const mask = file.ops.poll === undefined ? DEFAULT_POLLMASK : yield* finish(file.ops.poll(file, table));
  return mask & (table.events | POLLERR | POLLHUP);
}

export interface PollEntry {
  /** A negative one is skipped. */
  readonly fd: number;
  readonly events: number;
  revents: number;
}

/** Looks at every entry once, and says where changes will be told. @returns how many have something in revents */
export function* pollOnce(entries: readonly PollEntry[], files: readonly (File | undefined)[], queues: QueuedWait[]): Kernel<number> {
  let ready = 0;
  for (const [index, entry] of entries.entries()) {
    entry.revents = 0;
    if (entry.fd < 0) continue;
    const file = files[index];
    if (file === undefined || (file.mode & FMODE_PATH) !== 0) {
      entry.revents = POLLNVAL;
    } else {
      const table = new PollTable(entry.events & 0xffff);
      entry.revents = yield* pollFile(file, table);
      queues.push(...table.queues);
    }
    if (entry.revents !== 0) ready++;
  }
  return ready;
}

/**
 * poll(2) over files that were looked up before; an undefined one is not open.
 *
 * @param timeout_ns 0 to only look, Infinity for no end
 * @returns how many entries have something in revents
 * @throws Errno ERESTARTNOHAND when a signal comes first
 */
export function* pollFiles(entries: readonly PollEntry[], files: readonly (File | undefined)[], timeout_ns: number): Kernel<number> {
  // One object for all rounds, so that the time counts from the first.
  const sleep = waitOn([], { timeout_ns, what: 'poll' });
  for (let last = timeout_ns === 0; ; ) {
    const queues: QueuedWait[] = [];
    const ready = yield* pollOnce(entries, files, queues);
    if (ready > 0 || last) return ready;
    sleep.queues = queues;
    sleep.what = queues.map(({ queue }) => queue.name).join(' or ') || 'nothing';
    const wake = yield sleep;
    if (wake === 'timeout') last = true;
    else if (wake === 'signal') throw new Errno('ERESTARTNOHAND', 'a signal came during poll');
  }
}

/** poll(2). See {@link pollFiles}. */
export function* poll(task: Task, entries: readonly PollEntry[], timeout_ns: number): Kernel<number> {
  const files = entries.map(({ fd }) => (fd < 0 ? undefined : task.files.at(fd)?.get()));
  try {
    return yield* pollFiles(entries, files, timeout_ns);
  } finally {
    for (const file of files) file?.put();
  }
}
