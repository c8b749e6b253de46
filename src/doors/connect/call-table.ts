import type { Sys } from '../in-process/index.ts';
import type { Value } from './values.ts';
import { CALL_BYTES_MAX } from './wire.ts';

/** Whether what came may be passed to a call. */
type Check = (value: Value) => boolean;

const isObject = (value: Value): value is Readonly<Record<string, Value>> => typeof value === 'object' && value !== null;

const int: Check = (value) => Number.isSafeInteger(value);
const text: Check = (value) => typeof value === 'string';
/** How many bytes a call brings back. */
const size: Check = (value) => int(value) && (value as number) >= 0 && (value as number) <= CALL_BYTES_MAX;
const data: Check = (value) => typeof value === 'string' || value instanceof Uint8Array;
const time: Check = (value) => value === 'now' || value === 'omit' || (isObject(value) && int(value.sec) && int(value.nsec));
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));

const vectors = either(record({ address: int, count: int }), list(record({ address: int, length: int })));
const memory = record({ address: int, length: int });
const number = either(int, (value) => typeof value === 'bigint');

/** The calls of {@link Sys} that a connection can make as they are, and what each takes. */
export const CALLS = {
  open: [text, optional(int), optional(int)],
  openat: [int, text, optional(int), optional(int)],
  stat: [text],
  lstat: [text],
  fstatat: [int, text, int],
  access: [text, optional(int)],
  readlink: [text],
  mkdir: [text, optional(int)],
  rmdir: [text],
  unlink: [text],
  link: [text, text],
  symlink: [text, text],
  rename: [text, text],
  chmod: [text, int],
  chown: [text, int, int],
  lchown: [text, int, int],
  utimens: [text, time, time, optional(int)],
  truncate: [text, int],
  chdir: [text],
  getcwd: [],
  statfs: [text],
  fstatfs: [int],
  mount: [text, text, text, optional(int), optional(text)],
  umount: [text, optional(int)],
  umask: [int],

  close: [int],
  dup: [int],
  dup2: [int, int],
  dup3: [int, int, int],
  fcntl: [int, int, optional(int)],
  fstat: [int],
  fchmod: [int, int],
  fchown: [int, int, int],
  futimens: [int, time, time],
  fsync: [int],
  ftruncate: [int, int],
  fallocate: [int, int, int, int],
  flock: [int, int],
  fgetxattr: [int, text, optional(size)],
  fsetxattr: [int, text, data, optional(int)],
  flistxattr: [int],
  fremovexattr: [int, text],
  fdinfo: [int],
  fdLink: [int],
  reopen: [int, int],
  getdents: [int],
  getdents64: [int, int],
  fchdir: [int],

  read: [int, size],
  write: [int, data],
  pread: [int, size, int],
  pwrite: [int, data, int],
  readv: [int, vectors],
  writev: [int, vectors],
  preadv2: [int, vectors, optional(int), optional(int)],
  pwritev2: [int, vectors, optional(int), optional(int)],
  lseek: [int, int, int],
  sendfile: [int, int, int],
  splice: [int, int, int, optional(int)],
  copyFileRange: [int, int, int],
  fadvise: [int, int, int, int],
  readahead: [int],
  syncFileRange: [int, int, int, int],
  syncfs: [int],

  poll: [list(record({ fd: int, events: int })), optional(int)],
  epoll_create: [int],
  epoll_create1: [optional(int)],
  epoll_ctl: [int, int, int, optional(record({ events: int, data: optional(number) }))],
  epoll_wait: [int, int, optional(int)],
  epoll_pwait: [int, int, int, list(int)],

  munmap: [memory],
  mprotect: [memory, int],
  mremap: [memory, int, optional(int), optional(int)],
  msync: [memory, int],
  madvise: [memory, int],

  socketpair: [optional(int)],
  sendmsg: [int, data, optional(list(int))],
  recvmsg: [int, optional(int)],
  setFileLimit: [int],
} as const satisfies { readonly [N in keyof Sys<'async'>]?: readonly Check[] };

export type CallName = keyof typeof CALLS;

/** What else a connection can ask: calls whose arguments or results are laid out by the client, and the task's memory. */
export const MEMORY_CALLS = {
  ioctl: [int, int, int],
  ioctlBytes: [int, int, data],
  mmap: [int, record({ length: int, prot: optional(int), flags: optional(int), offset: optional(int), address: optional(int) })],
  allocate: [size],
  free: [memory],
  peek: [int, size],
  poke: [int, data],
} as const satisfies Readonly<Record<string, readonly Check[]>>;

export type MemoryCallName = keyof typeof MEMORY_CALLS;

const table: Readonly<Record<string, readonly Check[]>> = { ...CALLS, ...MEMORY_CALLS };

/** Whether a call may be made with these arguments: there is one of that name, and it takes such. */
export function isCall(name: Value, args: Value): name is CallName | MemoryCallName {
  if (typeof name !== 'string' || !Object.hasOwn(table, name) || !Array.isArray(args)) return false;
  const checks = table[name] as readonly Check[];
  return args.length <= checks.length && checks.every((check, index) => check(args[index]));
}
