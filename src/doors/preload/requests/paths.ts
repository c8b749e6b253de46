import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_ACCMODE, O_CLOEXEC, O_RDONLY } from '../../../abi/uapi/index.ts';
import { calls, type Kernel, type Stat } from '../../../kernel/index.ts';
import { adoptSysctl } from '../adopted-sysctls.ts';
import { openMerged } from '../merged-proc.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { plain, type Readers } from './call.ts';

const utf8 = new TextDecoder();

/** The path in a request. A copy: it is looked at more than once. */
export const pathOf = (slot: Slot) => utf8.decode(slot.data(slot.uint(protocol.SLOT_LENGTH)).slice());

/** Writes a `struct io_stat` into the slot. */
function putStat(slot: Slot, stat: Stat): number {
  const { view } = slot.client;
  const at = slot.dataAt;
  for (const [i, value] of [stat.dev, stat.ino, stat.rdev, stat.size, stat.blocks].entries())
    view.setBigUint64(at + 8 * i, BigInt(value), true);
  for (const [i, value] of [stat.mode, stat.nlink, stat.uid, stat.gid, stat.blksize].entries())
    view.setUint32(at + 40 + 4 * i, value, true);
  view.setUint32(at + 60, stat.btime === undefined ? 0 : 1, true);
  for (const [i, time] of [stat.atime, stat.mtime, stat.ctime, stat.btime ?? stat.ctime].entries()) {
    view.setBigInt64(at + 64 + 8 * i, BigInt(time.sec), true);
    view.setUint32(at + 96 + 4 * i, time.nsec, true);
  }
  return 0;
}

function* openMergedAt(slot: Slot, path: string, flags: number): Kernel<number> {
  const { task, client } = slot;
  const file = yield* openMerged(task, path, flags & ~O_CLOEXEC, client.process.pid);
  try {
    return yield* task.files.install(file, (flags & O_CLOEXEC) !== 0);
  } catch (error) {
    file.put();
    throw error;
  }
}

/** Files by name, and what is known of files. */
export const paths: Readers = {
  [protocol.IO_OPEN]: (slot) => {
    const path = pathOf(slot);
    const flags = slot.argument(0);
    const mode = slot.argument(1);
    return {
      name: 'openat',
      args: [AT_FDCWD, path, flags, mode],
      begin: () => {
        if ((flags & O_ACCMODE) !== O_RDONLY) adoptSysctl(slot.task.system, path);
        return calls.openat(slot.task, AT_FDCWD, path, flags, mode);
      },
    };
  },
  [protocol.IO_OPEN_MERGED]: (slot) => {
    const path = pathOf(slot);
    const flags = slot.argument(0);
    return { name: 'openat', args: [AT_FDCWD, path, flags, 0], begin: () => openMergedAt(slot, path, flags) };
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
  [protocol.IO_FCHMOD]: plain('fchmod', 1, (slot, fd, mode = 0) => calls.fchmod(slot.task, fd, mode)),
  [protocol.IO_FCHOWN]: plain('fchown', 2, (slot, fd, uid = 0, gid = 0) => calls.fchown(slot.task, fd, uid, gid)),
};
