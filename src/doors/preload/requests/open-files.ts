import { calls } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { type Call, plain, type Readers } from './call.ts';

/** Puts text into the slot's data, as much as fits. @returns its length in bytes */
function putText(slot: Slot, text: string): number {
  const bytes = Buffer.from(text, 'latin1').subarray(0, protocol.IO_DATA_SIZE);
  slot.data(bytes.length).set(bytes);
  return bytes.length;
}

function fdinfoCall(slot: Slot, fd: number): Call {
  const closeOnExec = slot.argument(0) !== 0;
  const mappings = slot.argument(1);
  const inode = slot.client.inodeOf(slot.primaryHandle);
  return {
    name: 'fdinfo',
    args: [fd],
    begin: () => {
      const file = inode?.file;
      if (inode === undefined || file === undefined) return calls.fdinfo(slot.task, fd, closeOnExec);
      const { pid } = slot.client.process;
      const { holdersOutside } = file;
      file.holdersOutside = () => slot.client.server.files.holdersOutside(file, { pid, ino: inode.ino, mappings });
      try {
        return calls.fdinfo(slot.task, fd, closeOnExec);
      } finally {
        file.holdersOutside = holdersOutside;
      }
    },
    end: (text: string) => putText(slot, text),
  };
}

/** What /proc/self/fd and its like say. */
export const openFiles: Readers = {
  [protocol.IO_LINK]: (slot, fd) => ({
    name: 'readlink',
    args: [`/proc/self/fd/${fd}`],
    begin: () => calls.fdLink(slot.task, fd),
    end: (text: string) => putText(slot, text),
  }),
  [protocol.IO_FDINFO]: fdinfoCall,
  [protocol.IO_REOPEN]: plain('reopen', 1, (slot, fd, flags = 0) => calls.reopen(slot.task, fd, flags)),
  [protocol.IO_FLUSH]: plain('flush', 0, (slot, fd) => calls.flush(slot.task, fd)),
  [protocol.IO_FACCESS]: plain('faccessat', 1, (slot, fd, mode = 0) => calls.faccess(slot.task, fd, mode)),
};
