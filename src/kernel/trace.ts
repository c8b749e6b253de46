import { type AnyRequest, Errno, formatIoc, type Layout, quote } from '../abi/index.ts';
import {
  AT_FDCWD,
  epoll_event,
  formatEpollOperation,
  formatMapFlags,
  formatMemfdFlags,
  formatMountFlags,
  formatOpenFlags,
  formatPollEvents,
  formatProtection,
  O_CREAT,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../abi/uapi/index.ts';
import type { Kernel } from './colour.ts';
import type { CopyWatch } from './copy-watch.ts';
import type { EpollEvent } from './epoll-item.ts';
import type { Stat } from './inode.ts';
import type { MemoryRange } from './memory-object.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';
import type { UserMemory } from './user-memory.ts';
import type { Vma } from './vma.ts';

/** One traced call. */
export interface TraceLine {
  readonly at_ns: number;
  readonly pid: number;
  readonly comm: string;
  /** As strace prints it, without the pid. */
  readonly text: string;
}

/** What a call was given, by name; see `formats` for the arguments of each. */
export type CallArguments = readonly unknown[];

interface Copy {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Most bytes of a read or write that a line shows. */
const BYTES_SHOWN_MAX = 32;

/**
 * The memory of a traced program: it notes what the kernel reads and writes, so that a line shows exactly the bytes that the call
 * saw, and tracing touches nothing that the call does not.
 */
export class RecordingMemory implements UserMemory {
  readonly #memory: UserMemory;
  readonly reads: Copy[] = [];
  readonly writes: (Copy | { readonly address: number; readonly at: number; readonly length: number })[] = [];

  constructor(memory: UserMemory) {
    this.#memory = memory;
  }

  get watch(): CopyWatch | undefined {
    return this.#memory.watch;
  }

  get view(): DataView {
    return this.#memory.view;
  }

  readable(address: number, length: number): number {
    const at = this.#memory.readable(address, length);
    if (at >= 0) this.reads.push({ address, bytes: this.#window(at, length).slice() });
    return at;
  }

  writable(address: number, length: number): number {
    const at = this.#memory.writable(address, length);
    if (at >= 0) this.writes.push({ address, at, length });
    return at;
  }

  *read(address: number, length: number): Kernel<Uint8Array> {
    const bytes = yield* this.#memory.read(address, length);
    // The call may use its copy to build the answer.
    this.reads.push({ address, bytes: bytes.slice() });
    return bytes;
  }

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    const count = yield* this.#memory.write(address, bytes);
    if (count > 0) this.writes.push({ address, bytes: bytes.slice(0, count) });
    return count;
  }

  *rangesAt(address: number, length: number): Kernel<readonly MemoryRange[]> {
    return this.#memory.rangesAt === undefined ? [] : yield* this.#memory.rangesAt(address, length);
  }

  map(vma: Vma): Kernel<number> {
    return this.#memory.map(vma);
  }

  /** What was read at an address, if it was read as one piece of at least that length. */
  readAt(address: number, length: number): Uint8Array | undefined {
    return this.reads.find((copy) => copy.address === address && copy.bytes.length >= length)?.bytes;
  }

  writtenAt(address: number, length: number): Uint8Array | undefined {
    const copy = this.writes.find((one) => one.address === address && ('bytes' in one ? one.bytes.length : one.length) >= length);
    if (copy === undefined) return undefined;
    return 'bytes' in copy ? copy.bytes : this.#window(copy.at, copy.length);
  }

  forget(): void {
    this.reads.length = 0;
    this.writes.length = 0;
  }

  #window(at: number, length: number): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + at, length);
  }
}

function formatBytes(bytes: Uint8Array): string {
  const shown = quote(String.fromCharCode(...bytes.subarray(0, BYTES_SHOWN_MAX)));
  return bytes.length > BYTES_SHOWN_MAX ? `${shown}...` : shown;
}

function decodeBytes(layout: Layout<any, any>, bytes: Uint8Array): string {
  return layout.format(layout.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0));
}

const octal = (mode: unknown) => `0${(mode as number).toString(8)}`;
const hexadecimal = (value: unknown) => ((value as number) < 0 ? String(value) : `0x${(value as number).toString(16)}`);
const address = (value: unknown) => (value === 0 ? 'NULL' : hexadecimal(value));
const at = (dirfd: unknown) => (dirfd === AT_FDCWD ? 'AT_FDCWD' : String(dirfd));
const path = (name: unknown) => quote(name as string);
const whence = (value: unknown) =>
  ({ [SEEK_SET]: 'SEEK_SET', [SEEK_CUR]: 'SEEK_CUR', [SEEK_END]: 'SEEK_END' })[value as number] ?? String(value);

function formatStat(stat: Stat): string {
  return `{st_mode=${octal(stat.mode)}, st_size=${stat.size}, st_ino=${stat.ino}}`;
}

type Format = (args: CallArguments, memory: RecordingMemory | undefined, task: Task, result: unknown) => string[];

/** How the arguments of each call are shown; calls that are not here show them as they are. */
const formats: Readonly<Record<string, Format>> = {
  openat: ([dirfd, name, flags, mode]) => [
    at(dirfd),
    path(name),
    formatOpenFlags(flags as number),
    ...(((flags as number) & O_CREAT) !== 0 ? [octal(mode)] : []),
  ],
  read: ([fd, length], memory) => [String(fd), data(memory?.writes), String(length)],
  write: ([fd, length], memory, task) => [String(fd), written(fd as number, memory, task), String(length)],
  pread: ([fd, length, offset], memory) => [String(fd), data(memory?.writes), String(length), String(offset)],
  pwrite: ([fd, length, offset], memory) => [String(fd), data(memory?.reads), String(length), String(offset)],
  lseek: ([fd, offset, from]) => [String(fd), String(offset), whence(from)],
  fstat: ([fd], _memory, _task, result) => [String(fd), ...(result === undefined ? [] : [formatStat(result as Stat)])],
  fstatat: ([dirfd, name, flags], _memory, _task, result) => [
    at(dirfd),
    path(name),
    ...(result === undefined ? [] : [formatStat(result as Stat)]),
    String(flags),
  ],
  mount: ([source, place, type, flags, options]) => [
    path(source),
    path(place),
    path(type),
    formatMountFlags(flags as number),
    options === '' ? 'NULL' : path(options),
  ],
  memfd_create: ([name, flags]) => [path(name), formatMemfdFlags(flags as number)],
  mmap: ([hint, length, protection, flags, fd, offset]) => [
    address(hint),
    String(length),
    formatProtection(protection as number).replace(/^0$/, 'PROT_NONE'),
    formatMapFlags(flags as number),
    String(fd),
    hexadecimal(offset),
  ],
  munmap: ([where, length]) => [address(where), String(length)],
  ioctl: ([fd, request, argument], memory, task) => [
    String(fd),
    ...formatIoctl(fd as number, (request as number) >>> 0, argument as number, memory, task),
  ],
  poll: ([entries, timeout]) => [
    `[${(entries as { fd: number; events: number; revents: number }[])
      .map(
        (entry) =>
          `{fd=${entry.fd}, events=${formatPollEvents(entry.events)}${entry.revents === 0 ? '' : ` => ${formatPollEvents(entry.revents)}`}}`,
      )
      .join(', ')}]`,
    String(timeout),
  ],
  epoll_ctl: ([epfd, op, fd, event], memory) => [String(epfd), formatEpollOperation(op as number), String(fd), formatEvent(event, memory)],
  epoll_wait: ([epfd, events, max, timeout], memory) => [String(epfd), formatEvents(events, memory), String(max), String(timeout)],
  epoll_pwait: ([epfd, events, max, timeout], memory) => [String(epfd), formatEvents(events, memory), String(max), String(timeout)],
  io_submit: ([context, count]) => [address(context), String(count)],
  io_getevents: ([context, ...numbers]) => [address(context), ...numbers.map(String)],
  io_pgetevents: ([context, ...numbers]) => [address(context), ...numbers.map(String)],
  io_cancel: ([context, request]) => [address(context), address(request)],
  io_destroy: ([context]) => [address(context)],
};

/** @param event as it is, or the address that the call read it at */
function formatEvent(event: unknown, memory: RecordingMemory | undefined): string {
  if (typeof event !== 'number') return epoll_event.format(event as EpollEvent);
  const bytes = memory?.readAt(event, epoll_event.size);
  return bytes === undefined ? address(event) : decodeBytes(epoll_event, bytes);
}

/** @param events as they are, or the address that the call wrote them to, one by one */
function formatEvents(events: unknown, memory: RecordingMemory | undefined): string {
  const shown =
    typeof events !== 'number'
      ? (events as readonly EpollEvent[]).map((event) => epoll_event.format(event))
      : (memory?.writes ?? []).flatMap((copy) => ('bytes' in copy ? [decodeBytes(epoll_event, copy.bytes)] : []));
  return `[${shown.join(', ')}]`;
}

function data(copies: RecordingMemory['reads'] | RecordingMemory['writes'] | undefined): string {
  const first = copies?.[0];
  return first === undefined || !('bytes' in first) ? '""' : formatBytes(first.bytes);
}

/** What a driver makes of the first bytes that it took, or these. */
function written(fd: number, memory: RecordingMemory | undefined, task: Task): string {
  const first = memory?.reads[0];
  const meaning = first !== undefined && 'bytes' in first ? task.files.at(fd)?.ops.formatData?.(first.bytes) : undefined;
  return meaning ?? data(memory?.reads);
}

function formatIoctl(fd: number, request: number, argument: number, memory: RecordingMemory | undefined, task: Task): string[] {
  const known = task.files.at(fd)?.ops.requests?.find((candidate) => candidate.number === request);
  if (known === undefined) return [formatIoc(request), address(argument)];
  return [known.name, ...formatArgument(known, argument, memory)];
}

function formatArgument(request: AnyRequest, argument: number, memory: RecordingMemory | undefined): string[] {
  if (request.shape === 'none') return [];
  if (request.shape === 'value') return [String(argument)];
  if (request.shape === 'string') {
    const bytes = memory?.reads.find((copy) => copy.address === argument)?.bytes;
    const end = bytes?.indexOf(0) ?? -1;
    return [bytes === undefined ? address(argument) : formatBytes(end < 0 ? bytes : bytes.subarray(0, end))];
  }
  const layout = request.layout as Layout<any, any>;
  const before = memory?.readAt(argument, layout.size);
  const after = memory?.writtenAt(argument, layout.size);
  const parts = [before, after].filter((bytes): bytes is Uint8Array => bytes !== undefined).map((bytes) => decodeBytes(layout, bytes));
  return [parts.length === 0 ? address(argument) : parts.join(' => ')];
}

function formatResult(name: string, result: unknown): string {
  if (result instanceof Errno) return `-1 ${result.code}${result.reason === '' ? '' : ` (${result.reason})`}`;
  if (result instanceof Error) return `? (${result.message.split('\n')[0]})`;
  if (name === 'mmap') return hexadecimal((result as Vma).address);
  if (typeof result === 'number') return String(result);
  if (typeof result === 'string') return quote(result);
  return '0';
}

/** Writes a line per call, at its end; a call that has to wait is announced when it begins to. */
export class Tracer {
  readonly #system: System;
  readonly #sink: (line: TraceLine) => void;

  constructor(system: System, sink: (line: TraceLine) => void) {
    this.#system = system;
    this.#sink = sink;
  }

  /** @param result what the call returned, or the error it threw */
  finished(task: Task, name: string, args: CallArguments, result: unknown): void {
    this.#print(task, `${this.#call(task, name, args, result)} = ${formatResult(name, result)}`);
    if (task.memory instanceof RecordingMemory) task.memory.forget();
  }

  /** A call that the kernel had no part in. @param text as it is to be shown */
  note(task: Task, text: string): void {
    this.#print(task, text);
  }

  waiting(task: Task, name: string, args: CallArguments, what: string): void {
    this.#print(task, `${this.#call(task, name, args, undefined)} waits for ${what}`);
  }

  #call(task: Task, name: string, args: CallArguments, result: unknown): string {
    const memory = task.memory instanceof RecordingMemory ? task.memory : undefined;
    const shown = result instanceof Error ? undefined : result;
    const parts = formats[name]?.(args, memory, task, shown) ?? args.map((arg) => (typeof arg === 'string' ? quote(arg) : String(arg)));
    return `${name}(${parts.join(', ')})`;
  }

  #print(task: Task, text: string): void {
    this.#sink({ at_ns: this.#system.now(), pid: task.pid, comm: task.comm, text });
  }
}
