import { Errno } from '../../abi/index.ts';
import { O_APPEND, O_NONBLOCK } from '../../abi/uapi/index.ts';
import {
  type CallArguments,
  calls,
  type Descriptors,
  type DirectoryEntry,
  type File,
  FMODE_LSEEK,
  FMODE_PREAD,
  FMODE_PWRITE,
  finish,
  type Kernel,
  type MaybeKernel,
  type Task,
} from '../../kernel/index.ts';

/** Flags that fcntl(2) may change while the file is open. */
const CHANGEABLE = O_APPEND | O_NONBLOCK;

/** A folder's names, and the file system that they are in. */
export interface Listing {
  readonly dev: number;
  readonly entries: readonly DirectoryEntry[];
}

/** What the kernel asks of a mount. Its arguments are plain values: the machine may be another process's. */
export interface Call {
  readonly name: MountCallName;
  readonly args: CallArguments;
  /** What a read fills or a write brings. */
  readonly bytes?: Uint8Array;
}

/** A call of the machine's kernel. */
export interface Step {
  /** As traces show it. */
  readonly name: string;
  readonly args: CallArguments;
  begin(task: Task): MaybeKernel<unknown>;
}

function refuseNode(): never {
  throw new Errno('EPERM', 'only the machine makes such nodes');
}

/** Calls of the machine's kernel that are made as they are. */
const plainCalls = {
  openat: calls.openat,
  close: calls.close,
  fstat: calls.fstat,
  fstatat: calls.fstatat,
  fsync: calls.fsync,
  ftruncate: calls.ftruncate,
  truncate: calls.truncate,
  utimensat: calls.utimensat,
  readlinkat: calls.readlinkat,
  faccessat: calls.faccessat,
  mknodat: refuseNode,
  mkdirat: calls.mkdirat,
  unlinkat: calls.unlinkat,
  symlinkat: calls.symlinkat,
  renameat: calls.renameat,
  linkat: calls.linkat,
  fchmodat: calls.fchmodat,
  fchownat: calls.fchownat,
  statfs: calls.statfs,
} as const satisfies Readonly<Record<string, (task: Task, ...args: any[]) => MaybeKernel<unknown>>>;

function fileOf(files: Descriptors, fd: number): File {
  const file = files.at(fd);
  if (file === undefined) throw new Errno('EBADF', `the mount has no file ${fd}`);
  return file;
}

function* list(task: Task, fd: number): Kernel<Listing> {
  const entries = yield* finish(calls.getdents(task, fd));
  return { dev: fileOf(task.files, fd).inode.fs.dev, entries };
}

/** Bytes are moved where the kernel says, unless the file has no positions. */
function moving(files: Descriptors, verb: 'read' | 'write', [fd, length, offset, flags]: readonly number[]): Step {
  const memory = [{ address: 0, length: length as number }];
  const file = fileOf(files, fd as number);
  const isPlaced = (file.mode & FMODE_LSEEK) !== 0 && (file.mode & (verb === 'write' ? FMODE_PWRITE : FMODE_PREAD)) !== 0;
  file.flags = (file.flags & ~CHANGEABLE) | ((flags as number) & CHANGEABLE);
  return isPlaced
    ? { name: `p${verb}`, args: [fd, length, offset], begin: (task) => calls[`p${verb}`](task, fd as number, memory, offset as number) }
    : { name: verb, args: [fd, length], begin: (task) => calls[verb](task, fd as number, memory) };
}

/** By name: `read` and `write` take descriptor, length, offset and the flags of open(2); `getdents` brings a {@link Listing}. */
export type MountCallName = keyof typeof plainCalls | 'read' | 'write' | 'getdents';

/** @throws Errno EBADF for a file that the mount does not have, ENOSYS for a call that there is not */
export function stepOf(files: Descriptors, { name, args }: Call): Step {
  if (name === 'read' || name === 'write') return moving(files, name, args as readonly number[]);
  if (name === 'getdents') return { name, args, begin: (task) => list(task, args[0] as number) };
  if (!Object.hasOwn(plainCalls, name)) throw new Errno('ENOSYS', `no mount asks for ${name}`);
  const call: (task: Task, ...args: any[]) => MaybeKernel<unknown> = plainCalls[name];
  return { name, args, begin: (task) => call(task, ...args) };
}
