import { encodeWhole, type Layout, sizeOfValue } from '../../../abi/index.ts';
import { iovec } from '../../../abi/uapi/index.ts';
import type { AddressSpace, IoVector, Kernel, Task, Vma } from '../../../kernel/index.ts';
import type { Caller, Mode, Result } from '../caller.ts';
import type { ProgramStarter } from './tasks.ts';

/** A mapping in a task's memory. */
export interface Mapping {
  readonly address: number;
  readonly length: number;
  /**
   * The bytes, when they lie in one piece of memory: a window, not a copy, also for a device that shares them. Gone once unmapped.
   * @throws Errno EFAULT when the mapping is made of several pieces: read those by `sys.peek`
   */
  readonly bytes: Uint8Array;
}

/** Pieces of a task's memory, or an array of `struct iovec` that lies there. */
export type Vectors = readonly IoVector[] | { readonly address: number; readonly count: number };

/** Anything that a call writes: bytes, or text that is written as UTF-8. */
export type Data = Uint8Array | string;

export const utf8 = new TextEncoder();
export const bytesOf = (data: Data): Uint8Array => (typeof data === 'string' ? utf8.encode(data) : data);
export const same = <T>(value: T): T => value;
/** Larger arguments get memory of their own. */
const ARGUMENTS_MAX = 0x8000;

/** What all calls of a task stand on: how they run, and memory for their arguments. */
export abstract class SysBase<M extends Mode> {
  protected readonly caller: Caller<M>;
  protected readonly task: Task;
  protected readonly space: AddressSpace;
  protected readonly programs: ProgramStarter;

  constructor(caller: Caller<M>, programs: ProgramStarter) {
    const { space } = caller.task;
    if (space === undefined) throw new Error(`${caller.task.describe()} is not in process`);
    this.caller = caller;
    this.task = caller.task;
    this.space = space;
    this.programs = programs;
  }

  /** Memory of the task's own, for pointers inside arguments: zero, page aligned, with an unmapped page behind it. No call. */
  allocate(length: number): Mapping {
    const address = this.space.allocate(length);
    const space = this.space;
    return {
      address,
      length,
      get bytes() {
        return space.bytes(address, length);
      },
    };
  }

  /**
   * What a load instruction reads: a copy of the bytes. No call.
   *
   * @throws Errno EFAULT where a program would get SIGSEGV
   */
  peek(address: number, length: number): Uint8Array {
    return this.space.load(address, length);
  }

  /** What a store instruction does. No call. @throws Errno EFAULT where a program would get SIGSEGV; bytes before it are stored */
  poke(address: number, bytes: Uint8Array): void {
    this.space.store(address, bytes);
  }

  /** Frees what {@link allocate} gave. */
  free(memory: Pick<Mapping, 'address' | 'length'>): void {
    this.space.unmap(memory.address, Math.ceil(memory.length / 4096) * 4096);
  }

  protected invoke<T>(name: string, args: readonly unknown[], begin: () => T | Kernel<T>): Result<M, T> {
    return this.caller.call(name, args, begin, same);
  }

  /** A call that takes an array of `struct iovec`. */
  protected vectored(name: string, fd: number, vectors: Vectors, begin: (address: number, count: number) => Kernel<number>) {
    if ('address' in vectors) return this.invoke(name, [fd, vectors.count], () => begin(vectors.address, vectors.count));
    const room = this.room(vectors.length * iovec.size);
    const bytes = this.space.bytes(room.address, Math.max(room.length, 1));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const [index, { address, length }] of vectors.entries())
      iovec.encode(view, index * iovec.size, { iov_base: address, iov_len: length });
    return this.caller.call(name, [fd, vectors.length], () => begin(room.address, vectors.length), same, room.free);
  }

  /** Memory for an argument of that length until `free` is called. */
  protected room(length: number): IoVector & { readonly free: () => void } {
    if (length <= ARGUMENTS_MAX) {
      const address = this.space.pushArguments(length);
      return { address, length, free: () => this.space.dropArguments(address) };
    }
    const memory = this.allocate(length);
    return { address: memory.address, length, free: () => this.free(memory) };
  }

  protected filled(bytes: Uint8Array): IoVector & { readonly free: () => void } {
    const room = this.room(bytes.length);
    if (bytes.length > 0) this.space.bytes(room.address, bytes.length).set(bytes);
    return room;
  }

  protected struct(layout: Layout<any, any>, value: unknown): { readonly address: number; readonly free: () => void } {
    const length = sizeOfValue(layout, value);
    const address = this.space.pushArguments(length);
    encodeWhole(layout, this.space.view, this.space.readable(address, length), value);
    return { address, free: () => this.space.dropArguments(address) };
  }

  protected mapping(vma: Vma, length: number): Mapping {
    const space = this.space;
    const { address } = vma;
    return {
      address,
      length,
      get bytes() {
        return space.bytes(address, length);
      },
    };
  }
}
