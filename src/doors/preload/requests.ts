import { Errno } from '../../abi/index.ts';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, FIOCLEX, FIONCLEX } from '../../abi/uapi/index.ts';
import { type CallArguments, calls, type IoVector, type MaybeKernel, type PollEntry, type Stat } from '../../kernel/index.ts';
import * as protocol from './protocol.ts';
import type { Slot } from './slot.ts';

/** A request of a program as a call of the kernel. */
export interface Call {
  readonly name: string;
  readonly args: CallArguments;
  readonly begin: () => MaybeKernel<unknown>;
  /** Makes the 64-bit result of what the call returned, and puts what else there is into the slot's data. */
  readonly end?: (value: any) => number;
}

const utf8 = new TextDecoder();

/** The path in a request. A copy: it is looked at more than once. */
const pathOf = (slot: Slot) => utf8.decode(slot.data(slot.uint(protocol.SLOT_LENGTH)).slice());

const memoryOf = (slot: Slot): readonly IoVector[] => [{ address: slot.argument(0), length: slot.argument(1) }];

/** Writes a `struct io_stat` into the slot. */
function putStat(slot: Slot, stat: Stat): number {
  const { view } = slot.client;
  const at = slot.dataAt;
  for (const [i, value] of [stat.dev, stat.ino, stat.rdev, stat.size, stat.blocks].entries())
    view.setBigUint64(at + 8 * i, BigInt(value), true);
  for (const [i, value] of [stat.mode, stat.nlink, stat.uid, stat.gid, stat.blksize].entries())
    view.setUint32(at + 40 + 4 * i, value, true);
  for (const [i, time] of [stat.atime, stat.mtime, stat.ctime].entries()) {
    view.setBigInt64(at + 64 + 8 * i, BigInt(time.sec), true);
    view.setUint32(at + 88 + 4 * i, time.nsec, true);
  }
  return 0;
}

/** One reader per request: it reads each word of the slot once. */
type Reader = (slot: Slot, fd: number) => Call;

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

function ioctlCall(slot: Slot, fd: number): Call {
  const request = slot.argument(0) >>> 0;
  const argument = slot.argument(1);
  slot.memory.prefetch(argument, slot.uint(protocol.SLOT_LENGTH));
  // The library keeps these to the real descriptor; a program that sends them all the same gets what an unknown request gets.
  if (request === FIOCLEX.number || request === FIONCLEX.number) return refused('ioctl', [fd, request, argument], 'ENOTTY');
  return { name: 'ioctl', args: [fd, request, argument], begin: () => calls.ioctl(slot.task, fd, request, argument) };
}

function refused(name: string, args: CallArguments, code: 'ENOTTY' | 'ENOSYS'): Call {
  return {
    name,
    args,
    begin: () => {
      throw new Errno(code);
    },
  };
}

function mmapCall(slot: Slot, fd: number): Call {
  const [address, length, protection, flags, offset] = [0, 1, 2, 3, 4].map((index) => slot.argument(index)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    name: 'mmap',
    args: [address, length, protection, flags, fd, offset],
    begin: () => calls.mmap(slot.task, fd, { address, length, protection, flags, offset }),
    end: (vma: { address: number }) => vma.address,
  };
}

/** A call whose arguments are numbers and whose result is one. */
const plain =
  (name: string, count: number, run: (slot: Slot, fd: number, ...args: number[]) => MaybeKernel<number>): Reader =>
  (slot, fd) => {
    const args = Array.from({ length: count }, (_, index) => slot.argument(index));
    return { name, args: [fd, ...args], begin: () => run(slot, fd, ...args) };
  };

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

const readers: Readonly<Record<number, Reader>> = {
  [protocol.IO_OPEN]: (slot) => {
    const path = pathOf(slot);
    const flags = slot.argument(0);
    const mode = slot.argument(1);
    return {
      name: 'openat',
      args: [AT_FDCWD, path, flags, mode],
      begin: () => calls.openat(slot.task, AT_FDCWD, path, flags, mode),
    };
  },
  [protocol.IO_STAT]: (slot) => {
    const path = pathOf(slot);
    const flags = slot.argument(0) !== 0 ? 0 : AT_SYMLINK_NOFOLLOW;
    return {
      name: 'fstatat',
      args: [AT_FDCWD, path, flags],
      begin: () => calls.fstatat(slot.task, AT_FDCWD, path, flags),
      end: (stat: Stat) => putStat(slot, stat),
    };
  },
  [protocol.IO_ACCESS]: (slot) => {
    const path = pathOf(slot);
    const mode = slot.argument(0);
    return { name: 'faccessat', args: [AT_FDCWD, path, mode], begin: () => calls.faccessat(slot.task, AT_FDCWD, path, mode) };
  },
  [protocol.IO_FSTAT]: (slot, fd) => ({
    name: 'fstat',
    args: [fd],
    begin: () => calls.fstat(slot.task, fd),
    end: (stat: Stat) => putStat(slot, stat),
  }),
  [protocol.IO_READ]: moving('read', (slot, fd, memory) => calls.read(slot.task, fd, memory)),
  [protocol.IO_WRITE]: moving('write', (slot, fd, memory) => calls.write(slot.task, fd, memory)),
  [protocol.IO_PREAD]: moving('pread', (slot, fd, memory, offset) => calls.pread(slot.task, fd, memory, offset), true),
  [protocol.IO_PWRITE]: moving('pwrite', (slot, fd, memory, offset) => calls.pwrite(slot.task, fd, memory, offset), true),
  [protocol.IO_LSEEK]: plain('lseek', 2, (slot, fd, offset = 0, whence = 0) => calls.lseek(slot.task, fd, offset, whence)),
  [protocol.IO_IOCTL]: ioctlCall,
  [protocol.IO_FCNTL]: plain('fcntl', 2, (slot, fd, command = 0, argument = 0) => {
    const file = slot.task.files.at(fd);
    if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is not open`);
    return calls.fileControl(slot.task, file, command, argument);
  }),
  [protocol.IO_MMAP]: mmapCall,
  [protocol.IO_FTRUNCATE]: plain('ftruncate', 1, (slot, fd, length = 0) => calls.ftruncate(slot.task, fd, length)),
  [protocol.IO_FALLOCATE]: plain('fallocate', 3, (slot, fd, mode = 0, offset = 0, length = 0) =>
    calls.fallocate(slot.task, fd, mode, offset, length),
  ),
  [protocol.IO_FSYNC]: plain('fsync', 0, (slot, fd) => calls.fsync(slot.task, fd)),
  [protocol.IO_FCHMOD]: plain('fchmod', 1, (slot, fd, mode = 0) => calls.fchmod(slot.task, fd, mode)),
  [protocol.IO_FCHOWN]: plain('fchown', 2, (slot, fd, uid = 0, gid = 0) => calls.fchown(slot.task, fd, uid, gid)),
  [protocol.IO_POLL]: pollCall,
};

/** Reads the request of a slot. */
export function readRequest(slot: Slot): Call {
  const op = slot.uint(protocol.SLOT_OP);
  const fd = slot.int(protocol.SLOT_FD);
  const file = slot.client.fileOf(slot.uint(protocol.SLOT_HANDLE));
  slot.primaryFd = fd;
  slot.memory.dropPrefetched();
  if (file !== undefined) slot.known.set(fd, file);
  return readers[op]?.(slot, fd) ?? refused(`request ${op}`, [], 'ENOSYS');
}
