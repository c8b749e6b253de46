import { calls, type PollEntry } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import type { Call, Readers } from './call.ts';

const POLL_ENTRY_SIZE = 16;

function pollCall(slot: Slot): Call {
  const count = Math.min(slot.argument(0), Math.floor(protocol.IO_DATA_SIZE / POLL_ENTRY_SIZE));
  const timeout = slot.argument(1);
  const timeout_ns = timeout < 0 ? Number.POSITIVE_INFINITY : timeout;
  const { view } = slot.client;
  const entries: PollEntry[] = [];
  for (let i = 0; i < count; i++) {
    const at = slot.dataAt + i * POLL_ENTRY_SIZE;
    const fd = view.getInt32(at, true);
    const file = slot.client.fileOf(view.getUint32(at + 4, true));
    if (file !== undefined) slot.known.set(fd, file);
    entries.push({ fd, events: view.getUint32(at + 8, true), revents: 0 });
  }
  return {
    name: 'poll',
    args: [entries, timeout < 0 ? -1 : timeout / 1e6],
    begin: () => calls.poll(slot.task, entries, timeout_ns),
    end: (ready: number) => {
      for (const [i, entry] of entries.entries()) slot.client.view.setUint32(slot.dataAt + i * POLL_ENTRY_SIZE + 12, entry.revents, true);
      return ready;
    },
  };
}

/** Waiting for events. */
export const poll: Readers = { [protocol.IO_POLL]: pollCall };
