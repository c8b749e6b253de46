import { AT_EMPTY_PATH, UTIME_NOW, UTIME_OMIT } from '../../../abi/uapi/index.ts';
import { calls, type MaybeKernel, type StatFs, type Timespec } from '../../../kernel/index.ts';
import { makeForeignFile } from '../foreign-file.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { type Call, plain, type Readers, refused } from './call.ts';
import { pathOf } from './paths.ts';

/** Size of a `struct io_end`. */
const END_SIZE = 16;

type Six = [number, number, number, number, number, number];

/** All arguments of a request, each read once. */
const argumentsOf = (slot: Slot): Six => [0, 1, 2, 3, 4, 5].map((index) => slot.argument(index)) as Six;

function vectorCall(slot: Slot, fd: number): Call {
  const [writes, address, count, offset, flags, positioned] = argumentsOf(slot);
  const run = writes === 0 ? calls.preadv2 : calls.pwritev2;
  return {
    name: `${positioned === 0 ? '' : 'p'}${writes === 0 ? 'read' : 'write'}v`,
    args: positioned === 0 ? [fd, count] : [fd, count, offset],
    begin: () => run(slot.task, fd, address, count, positioned === 0 ? undefined : offset, flags),
  };
}

/** Makes the files of both ends known to the call: the machine's own by their handles, others by what the library says of them. */
function takeEnd(slot: Slot, index: number): number {
  const { view, server } = slot.client;
  const at = slot.dataAt + index * END_SIZE;
  const fd = view.getInt32(at, true);
  const handle = view.getUint32(at + 4, true);
  const flags = view.getUint32(at + 8, true);
  const mode = view.getUint32(at + 12, true);
  const file = handle !== 0 ? slot.client.fileOf(handle) : slot.borrow(makeForeignFile(server.system, flags, mode));
  if (fd >= 0 && file !== undefined) slot.known.set(fd, file);
  return fd;
}

function spliceCall(slot: Slot, fd: number): Call {
  const [kind, inOffset, outOffset, length, flags] = argumentsOf(slot);
  const { task } = slot;
  if (kind === protocol.IO_VMSPLICE) {
    return { name: 'vmsplice', args: [fd, length, flags], begin: () => calls.vmsplice(task, fd, inOffset, length, flags) };
  }
  const from = takeEnd(slot, 0);
  const to = takeEnd(slot, 1);
  const args = [from, to, length, flags];
  switch (kind) {
    case protocol.IO_SENDFILE:
      return { name: 'sendfile', args: [to, from, length], begin: () => calls.sendfile(task, to, from, inOffset, length) };
    case protocol.IO_SPLICE_PIPE:
      return { name: 'splice', args, begin: () => calls.splice(task, from, inOffset, to, outOffset, length, flags) };
    case protocol.IO_TEE:
      return { name: 'tee', args, begin: () => calls.tee(task, from, to, length, flags) };
    case protocol.IO_COPY_RANGE:
      return { name: 'copy_file_range', args, begin: () => calls.copyFileRange(task, from, inOffset, to, outOffset, length, flags) };
    default:
      return refused(`splice ${kind}`, [], 'ENOSYS');
  }
}

function adviseCall(slot: Slot, fd: number): Call {
  const [kind, a, b, c] = argumentsOf(slot);
  const { task } = slot;
  switch (kind) {
    case protocol.IO_FADVISE:
      return { name: 'fadvise64', args: [fd, a, b, c], begin: () => calls.fadvise(task, fd, a, b, c) };
    case protocol.IO_READAHEAD:
      return { name: 'readahead', args: [fd, a, b], begin: () => calls.readahead(task, fd) };
    case protocol.IO_SYNC_RANGE:
      return { name: 'sync_file_range', args: [fd, a, b, c], begin: () => calls.syncFileRange(task, fd, a, b, c) };
    case protocol.IO_SYNCFS:
      return { name: 'syncfs', args: [fd], begin: () => calls.syncfs(task, fd) };
    default:
      return refused(`advise ${kind}`, [fd], 'ENOSYS');
  }
}

const timeOf = (sec: number, nsec: number): Timespec | 'now' | 'omit' =>
  nsec === UTIME_NOW ? 'now' : nsec === UTIME_OMIT ? 'omit' : { sec, nsec };

/** Sets something of a path, or of the descriptor when there is none. */
function setattrCall(slot: Slot, fd: number): Call {
  const path = pathOf(slot);
  const [kind, a, b, c, d, flags] = argumentsOf(slot);
  const { task } = slot;
  const how = path === '' ? AT_EMPTY_PATH : flags;
  const call = (name: string, args: readonly unknown[], begin: () => MaybeKernel<number>): Call => ({
    name,
    args: [path === '' ? fd : path, ...args],
    begin,
  });
  switch (kind) {
    case protocol.IO_CHMOD:
      return call('chmod', [a], () => calls.fchmodat(task, fd, path, a, how));
    case protocol.IO_CHOWN:
      return call('chown', [a, b], () => calls.fchownat(task, fd, path, a, b, how));
    case protocol.IO_UTIMES:
      return call('utimens', [], () => calls.utimensat(task, fd, path, timeOf(a, b), timeOf(c, d), how));
    case protocol.IO_TRUNCATE:
      return call('truncate', [a], () => (path === '' ? calls.truncateLinked(task, fd, a) : calls.truncate(task, path, a)));
    default:
      return refused(`setattr ${kind}`, [], 'ENOSYS');
  }
}

function xattrCall(slot: Slot, fd: number): Call {
  const path = pathOf(slot);
  const [kind, name, value, size, flags] = argumentsOf(slot);
  const { task } = slot;
  const follow = flags === 0;
  if (path !== '' && kind === protocol.IO_GETXATTR) {
    return { name: 'getxattr', args: [path, name, value, size], begin: () => calls.getxattr(task, path, follow, name, value, size) };
  }
  if (path !== '' && kind === protocol.IO_LISTXATTR) {
    return { name: 'listxattr', args: [path, value, size], begin: () => calls.listxattr(task, path, follow, value, size) };
  }
  switch (kind) {
    case protocol.IO_GETXATTR:
      return { name: 'fgetxattr', args: [fd, name, value, size], begin: () => calls.fgetxattr(task, fd, name, value, size) };
    case protocol.IO_SETXATTR:
      return { name: 'fsetxattr', args: [fd, name, value, size, flags], begin: () => calls.fsetxattr(task, fd, name, value, size, flags) };
    case protocol.IO_LISTXATTR:
      return { name: 'flistxattr', args: [fd, value, size], begin: () => calls.flistxattr(task, fd, value, size) };
    case protocol.IO_REMOVEXATTR:
      return { name: 'fremovexattr', args: [fd, name], begin: () => calls.fremovexattr(task, fd, name) };
    default:
      return refused(`xattr ${kind}`, [fd], 'ENOSYS');
  }
}

function statfsCall(slot: Slot, fd: number): Call {
  const path = pathOf(slot);
  const { task } = slot;
  return {
    name: path === '' ? 'fstatfs' : 'statfs',
    args: [path === '' ? fd : path],
    begin: () => (path === '' ? calls.fstatfs(task, fd) : calls.statfs(task, path)),
    end: ({ type, bsize, namelen, fsid, flags }: StatFs) => {
      for (const [index, value] of [type, bsize, namelen, fsid, flags].entries()) slot.set64(protocol.SLOT_ARGS + 8 * index, value);
      return 0;
    },
  };
}

/** Calls that every open file answers, most of them by an error. */
export const generic: Readers = {
  [protocol.IO_VECTOR]: vectorCall,
  [protocol.IO_SPLICE]: spliceCall,
  [protocol.IO_FLOCK]: plain('flock', 1, (slot, fd, operation = 0) => calls.flock(slot.task, fd, operation)),
  [protocol.IO_ADVISE]: adviseCall,
  [protocol.IO_STATFS]: statfsCall,
  [protocol.IO_SETATTR]: setattrCall,
  [protocol.IO_XATTR]: xattrCall,
};
