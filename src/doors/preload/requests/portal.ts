import { Errno } from '../../../abi/index.ts';
import { calls, type PortalStoreKind } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { type Call, type Readers, refused } from './call.ts';

const KINDS: Readonly<Record<number, PortalStoreKind>> = {
  [protocol.IO_STORE_PLAIN]: 'plain',
  [protocol.IO_STORE_MOVDIR64B]: 'movdir64b',
  [protocol.IO_STORE_ENQCMD]: 'enqcmd',
};
const STORE_MAX = 64;

function storeCall(slot: Slot): Call {
  const offset = slot.argument(0);
  const kind = KINDS[slot.argument(1)];
  const length = slot.uint(protocol.SLOT_LENGTH);
  const isWhole = kind === 'plain' ? length > 0 && length <= STORE_MAX : length === STORE_MAX;
  if (kind === undefined || !isWhole) return refused('store', [], 'EINVAL');
  const bytes = slot.data(length).slice();
  const file = slot.client.fileOf(slot.primaryHandle);
  return {
    name: kind === 'plain' ? 'store' : kind,
    args: [file?.path, offset, { toString: () => file?.ops.formatData?.(bytes) ?? `${length} bytes` }],
    *begin() {
      if (file === undefined) throw new Errno('EBADF', 'the mapping is of no file that the process has');
      return (yield* calls.portalStore(slot.task, file, { kind, offset, bytes })) ? 1 : 0;
    },
  };
}

/** Stores to pages that are the doors to devices. */
export const portal: Readers = { [protocol.IO_STORE]: storeCall };
