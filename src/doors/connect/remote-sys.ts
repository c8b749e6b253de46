import { type AnyRequest, encodeWhole, type Layout, type Request, sizeOfValue } from '../../abi/index.ts';
import type { Data, MapOptions, Sys } from '../in-process/index.ts';
import { CALLS, type CallName, type MemoryCallName } from './call-table.ts';
import type { Connection } from './client.ts';
import type { Value } from './values.ts';
import { CALL_BYTES_MAX } from './wire.ts';

/** Memory of a connection's task, on the machine: allocated, or a mapping of a file. */
export interface RemoteMemory {
  readonly address: number;
  readonly length: number;
  /**
   * What load instructions read; all of it when nothing is said.
   *
   * @throws FailedCall EFAULT where a program would get SIGSEGV
   */
  read(offset?: number, length?: number): Promise<Uint8Array>;
  /** What store instructions do. @throws FailedCall EFAULT where a program would get SIGSEGV */
  write(offset: number, bytes: Uint8Array): Promise<void>;
}

/** The calls that are asked as they are made. */
type PlainCalls = Pick<Sys<'async'>, CallName>;

/** Calls with a number of bytes; as read(2) may, they move fewer than asked for. */
const BYTES_ASKED: ReadonlySet<string> = new Set(['read', 'pread']);
const BYTES_GIVEN: ReadonlySet<string> = new Set(['write', 'pwrite']);

function withinLimit(name: string, args: readonly Value[]): readonly Value[] {
  const [fd, what, ...rest] = args;
  if (BYTES_ASKED.has(name)) return [fd, Math.min(what as number, CALL_BYTES_MAX), ...rest];
  if (!BYTES_GIVEN.has(name)) return args;
  const bytes = typeof what === 'string' ? Buffer.from(what) : (what as Uint8Array);
  return [fd, bytes.subarray(0, CALL_BYTES_MAX), ...rest];
}

/** Bytes of an argument as the request has it. */
function encodeArgument(request: AnyRequest, argument: unknown): Uint8Array {
  if (request.shape === 'string') return Buffer.from(`${argument as string}\0`);
  const layout = request.layout as Layout<any, any>;
  const value = request.shape === 'out' ? undefined : argument;
  const bytes = new Uint8Array(sizeOfValue(layout, value));
  encodeWhole(layout, new DataView(bytes.buffer), 0, value);
  return bytes;
}

/**
 * The system calls of a connection's task: as those of {@link Sys}, by `await`. A call that waits holds up no other. At most 64 MiB
 * are moved at a time.
 */
export class RemoteSysCalls {
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;

  constructor(connection: Connection, signal?: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /**
   * The same task's calls, but a signal cuts them: one that waits ends as by a signal on Linux, with EINTR or with what it has done
   * already. One that only death ends goes on.
   */
  cutBy(signal: AbortSignal): RemoteSys {
    return new RemoteSysCalls(this.#connection, signal) as RemoteSys;
  }

  /** ioctl(2), as `Sys.ioctl`. */
  ioctl<A, D, R, W>(fd: number, request: Request<A, D, R, W>, ...argument: A extends undefined ? [] : [A]): Promise<R>;
  ioctl(fd: number, request: number, argument: number): Promise<number>;
  async ioctl(fd: number, request: AnyRequest | number, argument?: any): Promise<any> {
    if (typeof request === 'number') return this.ask('ioctl', [fd, request, argument]);
    if (request.shape === 'none' || request.shape === 'value') return this.ask('ioctl', [fd, request.number, argument ?? 0]);
    const { result, bytes } = (await this.ask('ioctlBytes', [fd, request.number, encodeArgument(request, argument)], 'ioctl')) as {
      result: number;
      bytes: Uint8Array;
    };
    if (request.shape === 'in' || request.shape === 'string') return result;
    return (request.layout as Layout<any, any>).decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
  }

  /** mmap(2) of a file. */
  async mmap(fd: number, options: MapOptions): Promise<RemoteMemory> {
    return this.#memory(await this.ask('mmap', [fd, options]));
  }

  /** Memory of the task's own, for pointers inside arguments: zero, page aligned. No call. */
  async allocate(length: number): Promise<RemoteMemory> {
    return this.#memory(await this.ask('allocate', [length]));
  }

  /** Frees what {@link allocate} gave. */
  async free(memory: Pick<RemoteMemory, 'address' | 'length'>): Promise<void> {
    await this.ask('free', [{ address: memory.address, length: memory.length }]);
  }

  /** Bytes of the task's memory. @throws FailedCall EFAULT */
  peek(address: number, length: number): Promise<Uint8Array> {
    return this.ask('peek', [address, length]) as Promise<Uint8Array>;
  }

  /** @throws FailedCall EFAULT */
  async poke(address: number, bytes: Data): Promise<void> {
    await this.ask('poke', [address, typeof bytes === 'string' ? Buffer.from(bytes) : bytes]);
  }

  /** @param syscall for messages */
  protected ask(name: CallName | MemoryCallName, args: readonly Value[], syscall: string = name): Promise<Value> {
    return this.#connection.ask({ name, args: withinLimit(name, args) }, this.#signal, syscall);
  }

  #memory(made: Value): RemoteMemory {
    const { address, length } = made as { address: number; length: number };
    return {
      address,
      length,
      read: (offset = 0, count = length - offset) => this.peek(address + offset, count),
      write: (offset, bytes) => this.poke(address + offset, bytes),
    };
  }
}

for (const name of Object.keys(CALLS) as CallName[]) {
  Object.defineProperty(RemoteSysCalls.prototype, name, {
    value(this: { ask(name: CallName, args: readonly Value[]): Promise<Value> }, ...args: readonly Value[]) {
      return this.ask(name, args);
    },
  });
}

export type RemoteSys = RemoteSysCalls & PlainCalls;
