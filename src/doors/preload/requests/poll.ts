import {
  copyFromUser,
  copyToUser,
  type File,
  type Kernel,
  type PollEntry,
  pollFiles,
  pollOnce,
  type QueuedWait,
} from '../../../kernel/index.ts';
import { PollWatch } from '../poll-watch.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import type { Call, Readers } from './call.ts';

/** Layout of struct io_poll. */
const ENTRY_SIZE = 16;
const ENTRY_HANDLE = 4;
const ENTRY_EVENTS = 8;
const ENTRY_REVENTS = 12;
/** As many descriptors as a process can have, about: a longer list is none. */
const ENTRIES_MAX = 2 ** 20;

/** The entries of a request, where they can be written to as well. */
interface Entries {
  readonly list: readonly PollEntry[];
  readonly files: readonly (File | undefined)[];
  readonly view: DataView;
}

function decode(slot: Slot, bytes: Uint8Array): Entries {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list: PollEntry[] = [];
  const files: (File | undefined)[] = [];
  for (let at = 0; at < bytes.length; at += ENTRY_SIZE) {
    list.push({ fd: view.getInt32(at, true), events: view.getUint32(at + ENTRY_EVENTS, true), revents: 0 });
    files.push(slot.client.fileOf(view.getUint32(at + ENTRY_HANDLE, true)));
  }
  return { list, files, view };
}

function pollCall(slot: Slot): Call {
  const size = Math.min(Math.max(slot.argument(0), 0), ENTRIES_MAX) * ENTRY_SIZE;
  const timeout = slot.argument(1);
  const mode = slot.argument(2);
  const address = slot.argument(3);
  const fits = size <= protocol.IO_DATA_SIZE;
  const few = fits ? decode(slot, slot.data(size).slice()) : undefined;
  const shown = { name: 'poll', args: [few?.list ?? `${size / ENTRY_SIZE} entries`, timeout < 0 ? -1 : timeout / 1e6] } as const;
  return {
    ...shown,
    *begin() {
      const entries = few ?? decode(slot, yield* copyFromUser(slot.memory, address, size));
      const ready = yield* run(slot, entries, mode, timeout < 0 ? Number.POSITIVE_INFINITY : timeout);
      for (const [i, { revents }] of entries.list.entries()) entries.view.setUint32(i * ENTRY_SIZE + ENTRY_REVENTS, revents, true);
      const bytes = new Uint8Array(entries.view.buffer, entries.view.byteOffset, size);
      if (!fits) yield* copyToUser(slot.memory, address, bytes);
      else slot.data(size).set(bytes);
      return ready;
    },
  };
}

function* run(slot: Slot, { list, files }: Entries, mode: number, timeout_ns: number): Kernel<number> {
  if (mode === protocol.IO_POLL_WATCH) yield* slot.getWaker();
  for (const file of files) file?.get();
  const queues: QueuedWait[] = [];
  let isWatched = false;
  try {
    if (mode === protocol.IO_POLL_WAIT) return yield* pollFiles(list, files, timeout_ns);
    const ready = yield* pollOnce(list, files, queues);
    isWatched = mode === protocol.IO_POLL_WATCH && ready === 0 && slot.client.isAlive;
    if (isWatched) slot.watch = new PollWatch(slot, queues, files, timeout_ns);
    return ready;
  } finally {
    if (!isWatched) for (const file of files) file?.put();
  }
}

/** Waiting for events. */
export const poll: Readers = { [protocol.IO_POLL]: pollCall };
