import { Errno } from '../../../abi/index.ts';
import { FIOCLEX, FIONCLEX, MAP_ANONYMOUS } from '../../../abi/uapi/index.ts';
import { calls } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { type Call, plain, type Readers, refused } from './call.ts';

function ioctlCall(slot: Slot, fd: number): Call {
  const request = slot.argument(0) >>> 0;
  const argument = slot.argument(1);
  slot.memory.prefetch(argument, slot.uint(protocol.SLOT_LENGTH));
  // The library keeps these to the real descriptor; a program that sends them all the same gets what an unknown request gets.
  if (request === FIOCLEX.number || request === FIONCLEX.number) return refused('ioctl', [fd, request, argument], 'ENOTTY');
  return { name: 'ioctl', args: [fd, request, argument], begin: () => calls.ioctl(slot.task, fd, request, argument) };
}

function mmapCall(slot: Slot, fd: number): Call {
  const [address, length, protection, flags, offset] = [0, 1, 2, 3, 4].map((index) => slot.argument(index)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  // The library does not ask about a mapping that concerns no file.
  if ((flags & MAP_ANONYMOUS) !== 0) return refused('mmap', [address, length, protection, flags, fd, offset], 'EINVAL');
  return {
    name: 'mmap',
    args: [address, length, protection, flags, fd, offset],
    begin: () => calls.mmap(slot.task, fd, { address, length, protection, flags, offset }),
    end: (vma: { address: number }) => vma.address,
  };
}

/** What a descriptor is told to do. */
export const control: Readers = {
  [protocol.IO_IOCTL]: ioctlCall,
  [protocol.IO_FCNTL]: plain('fcntl', 2, (slot, fd, command = 0, argument = 0) => {
    const file = slot.task.files.at(fd);
    if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is not open`);
    return calls.fileControl(slot.task, file, command, argument);
  }),
  [protocol.IO_MMAP]: mmapCall,
};
