import { Errno, isErrno } from '../../../abi/index.ts';
import { AT_FDCWD, AT_REMOVEDIR } from '../../../abi/uapi/index.ts';
import { calls, copyFails, type DirectoryEntry, finish, type Kernel, type MaybeKernel } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import { resolvePath } from '../resolve-path.ts';
import type { Slot } from '../slot.ts';
import { type Call, type Reader, type Readers, refused } from './call.ts';
import { pathOf } from './paths.ts';

/** Puts text into the slot's data. @returns its length in bytes, all of it, though only what fits is there */
function putText(slot: Slot, text: string): number {
  const bytes = Buffer.from(text);
  slot.data(bytes.length).set(bytes.subarray(0, protocol.IO_DATA_SIZE));
  return bytes.length;
}

type Strings = readonly [string, string, string, string];

/** The strings of a request, each with a NUL behind it. */
function stringsOf(slot: Slot): Strings {
  const [a = '', b = '', c = '', d = ''] = pathOf(slot).split('\0');
  return [a, b, c, d];
}

/** `struct linux_dirent64`, one behind the other. */
function recordsOf(entries: readonly DirectoryEntry[], positions: readonly number[], length: number): Uint8Array {
  const out = Buffer.alloc(length);
  let at = 0;
  for (const [index, { name, ino, type }] of entries.entries()) {
    const size = calls.recordLength(name);
    out.writeBigUInt64LE(BigInt(ino), at);
    out.writeBigInt64LE(BigInt(positions[index] as number), at + 8);
    out.writeUInt16LE(size, at + 16);
    out.writeUInt8(type >> 12, at + 18);
    out.write(name, at + calls.DIRENT_HEADER);
    at += size;
  }
  return out;
}

function* getdents(slot: Slot, fd: number, address: number, length: number): Kernel<number> {
  const { entries, positions, bytes } = calls.getdents64(slot.task, fd, length);
  const records = recordsOf(entries, positions, bytes);
  if (copyFails(slot.memory, 'copy_to_user') || (yield* slot.memory.write(address, records)) < bytes)
    throw new Errno('EFAULT', 'the buffer is not writable');
  return bytes;
}

function getdentsCall(slot: Slot, fd: number): Call {
  const address = slot.argument(0);
  const length = slot.argument(1);
  return { name: 'getdents64', args: [fd, length], begin: () => getdents(slot, fd, address, length) };
}

/** A target is looked for from where the program works. */
function* symlinkFrom(slot: Slot, cwd: string, target: string, path: string): Kernel<number> {
  const { task } = slot;
  const before = task.fs.cwd;
  try {
    if (!target.startsWith('/') && slot.client.server.page.emulates(cwd)) calls.chdir(task, cwd);
    const making = calls.symlinkat(task, target, AT_FDCWD, path);
    return typeof making === 'number' ? making : yield* making;
  } finally {
    task.fs.cwd = before;
  }
}

/** Makes, removes or moves a name. */
function nameCall(slot: Slot): Call {
  const kind = slot.argument(0);
  const mode = slot.argument(1);
  const [path, other, cwd] = stringsOf(slot);
  const { task } = slot;
  const call = (name: string, args: Call['args'], begin: () => MaybeKernel<number>): Call => ({ name, args, begin });
  switch (kind) {
    case protocol.IO_MKDIR:
      return call('mkdir', [path, mode], () => calls.mkdirat(task, AT_FDCWD, path, mode));
    case protocol.IO_RMDIR:
      return call('rmdir', [path], () => calls.unlinkat(task, AT_FDCWD, path, AT_REMOVEDIR));
    case protocol.IO_UNLINK:
      return call('unlink', [path], () => calls.unlinkat(task, AT_FDCWD, path, 0));
    case protocol.IO_RENAME:
      return call('rename', [path, other], () => calls.renameat(task, AT_FDCWD, path, AT_FDCWD, other));
    case protocol.IO_LINK_TO:
      return call('link', [path, other], () => calls.linkat(task, AT_FDCWD, path, AT_FDCWD, other, mode));
    case protocol.IO_SYMLINK:
      return call('symlink', [other, path], () => symlinkFrom(slot, cwd, other, path));
    default:
      return refused(`name ${kind}`, [], 'ENOSYS');
  }
}

/** Folders of the machine's own up to a folder of the host at which something is to be mounted. */
function* makeMountPoint(slot: Slot, path: string): Kernel<void> {
  for (const { index } of `${path}/`.matchAll(/(?!^)\//g)) {
    try {
      yield* finish(calls.mkdirat(slot.task, AT_FDCWD, path.slice(0, index), 0o755));
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

function* mount(slot: Slot, [path, source, type, data]: Strings, flags: number): Kernel<number> {
  if (!slot.client.server.page.emulates(path)) yield* makeMountPoint(slot, path);
  return yield* finish(calls.mount(slot.task, source, path, type, flags, data));
}

function mountCall(slot: Slot): Call {
  const flags = slot.argument(0);
  const strings = stringsOf(slot);
  const [path, source, type, data] = strings;
  return { name: 'mount', args: [source, path, type, flags, data], begin: () => mount(slot, strings, flags) };
}

/** A call on one path, with a number. */
const onPath =
  (name: string, begin: (slot: Slot, path: string, argument: number) => MaybeKernel<unknown>): Reader =>
  (slot) => {
    const path = pathOf(slot);
    const argument = slot.argument(0);
    return {
      name,
      args: [path],
      begin: () => begin(slot, path, argument),
      end: (value) => (typeof value === 'string' ? putText(slot, value) : value),
    };
  };

/** Folders and the names in them. */
export const tree: Readers = {
  [protocol.IO_GETDENTS]: getdentsCall,
  [protocol.IO_RESOLVE]: onPath('resolve', (slot, path, follow) => {
    const { server } = slot.client;
    return resolvePath(slot.task, path, follow !== 0, (at) => server.page.emulates(at));
  }),
  [protocol.IO_READLINK]: onPath('readlink', (slot, path) => calls.readlinkat(slot.task, AT_FDCWD, path)),
  [protocol.IO_NAME]: nameCall,
  [protocol.IO_MOUNT]: mountCall,
  [protocol.IO_UMOUNT]: onPath('umount', (slot, path, flags) => calls.umount(slot.task, path, flags)),
  [protocol.IO_CHDIR]: onPath('chdir', (slot, path) => {
    const { task, client } = slot;
    const before = task.fs.cwd;
    calls.chdir(task, path);
    const at = calls.getcwd(task);
    // Where a program works is the program's own to know; here only whether it may.
    task.fs.cwd = before;
    client.server.mirror(at);
    return at;
  }),
};
