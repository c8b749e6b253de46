import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { aio } from './aio.ts';
import { bytes } from './bytes.ts';
import { type Call, type Readers, refused } from './call.ts';
import { control } from './control.ts';
import { epoll } from './epoll.ts';
import { generic } from './generic.ts';
import { openFiles } from './open-files.ts';
import { paths } from './paths.ts';
import { poll } from './poll.ts';
import { portal } from './portal.ts';
import { sockets } from './sockets.ts';
import { time } from './time.ts';
import { tree } from './tree.ts';

export type { Call } from './call.ts';

const readers: Readers = {
  ...paths,
  ...bytes,
  ...control,
  ...poll,
  ...epoll,
  ...generic,
  ...openFiles,
  ...time,
  ...tree,
  ...sockets,
  ...aio,
  ...portal,
};

/** Reads the request of a slot. */
export function readRequest(slot: Slot): Call {
  const op = slot.uint(protocol.SLOT_OP);
  const fd = slot.int(protocol.SLOT_FD);
  const handle = slot.uint(protocol.SLOT_HANDLE);
  const file = slot.client.fileOf(handle);
  slot.primaryFd = fd;
  slot.primaryHandle = handle;
  slot.memory.dropPrefetched();
  if (file !== undefined) slot.known.set(fd, file);
  return readers[op]?.(slot, fd) ?? refused(`request ${op}`, [], 'ENOSYS');
}
