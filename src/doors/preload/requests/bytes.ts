import { calls, type IoVector, type MaybeKernel } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { plain, type Reader, type Readers } from './call.ts';

const memoryOf = (slot: Slot): readonly IoVector[] => [{ address: slot.argument(0), length: slot.argument(1) }];

/** Bytes moved between the program's memory and a file. The trace shows the length, not the address. */
const moving =
  (
    name: string,
    run: (slot: Slot, fd: number, memory: readonly IoVector[], offset: number) => MaybeKernel<number>,
    hasOffset = false,
  ): Reader =>
  (slot, fd) => {
    const memory = memoryOf(slot);
    const offset = slot.argument(2);
    const length = (memory[0] as IoVector).length;
    return { name, args: hasOffset ? [fd, length, offset] : [fd, length], begin: () => run(slot, fd, memory, offset) };
  };

/** Bytes of files, and where in them a call works. */
export const bytes: Readers = {
  [protocol.IO_READ]: moving('read', (slot, fd, memory) => calls.read(slot.task, fd, memory)),
  [protocol.IO_WRITE]: moving('write', (slot, fd, memory) => calls.write(slot.task, fd, memory)),
  [protocol.IO_PREAD]: moving('pread', (slot, fd, memory, offset) => calls.pread(slot.task, fd, memory, offset), true),
  [protocol.IO_PWRITE]: moving('pwrite', (slot, fd, memory, offset) => calls.pwrite(slot.task, fd, memory, offset), true),
  [protocol.IO_LSEEK]: plain('lseek', 2, (slot, fd, offset = 0, whence = 0) => calls.lseek(slot.task, fd, offset, whence)),
  [protocol.IO_FTRUNCATE]: plain('ftruncate', 1, (slot, fd, length = 0) => calls.ftruncate(slot.task, fd, length)),
  [protocol.IO_FALLOCATE]: plain('fallocate', 3, (slot, fd, mode = 0, offset = 0, length = 0) =>
    calls.fallocate(slot.task, fd, mode, offset, length),
  ),
  [protocol.IO_FSYNC]: plain('fsync', 0, (slot, fd) => calls.fsync(slot.task, fd)),
};
