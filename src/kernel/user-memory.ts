import { type DecodedStruct, type EncodableStruct, Errno, type Layout, type Members, type Struct } from '../abi/index.ts';
import type { Kernel } from './colour.ts';
import type { CopyService, CopyWatch } from './copy-watch.ts';
import type { MemoryRange } from './memory-object.ts';
import type { Vma } from './vma.ts';

/**
 * The memory of the program behind a task. Addresses are numbers: exact up to 2^53, which is more than a user address has; what
 * does not fit (a pointer with high garbage) is never mapped, so it faults as it should.
 */
export interface UserMemory {
  /** Set by the task whose memory it is. */
  watch?: CopyWatch | undefined;
  /** The bytes that are at hand without asking the program: see {@link readable}. */
  readonly view: DataView;
  /** The place in {@link view} of a range of the program's memory, or -1 when it must be read by {@link read}. */
  readable(address: number, length: number): number;
  /** The same for writing. */
  writable(address: number, length: number): number;
  /** Reads until the end or the first byte that cannot be read. The bytes are the caller's own copy. */
  read(address: number, length: number): Kernel<Uint8Array>;
  /** Writes until the end or the first byte that cannot be written. @returns how many bytes were written */
  write(address: number, bytes: Uint8Array): Kernel<number>;
  /**
   * What stands behind a range of the program's memory: memory objects, without what is the program's alone. Where it cannot be told
   * (the memory of no program) there is no such operation.
   *
   * @throws Errno EFAULT when a byte is not mapped
   */
  rangesAt?(address: number, length: number): Kernel<readonly MemoryRange[]>;
  /** Makes a mapping visible to the program. @returns its address @throws Errno ENOMEM, EEXIST, EINVAL */
  map(vma: Vma): Kernel<number>;
}

const fault = (address: number, length: number, verb: string) =>
  new Errno('EFAULT', `the program's memory at 0x${address.toString(16)} cannot be ${verb} for ${length} bytes`);

/** Whether a copy fails before it begins. To be asked once for each copy. */
export function copyFails(memory: UserMemory, service: CopyService): boolean {
  const { watch } = memory;
  return watch?.isOn === true && watch.copying(service);
}

/** copy_from_user. @throws Errno EFAULT when a byte cannot be read */
export function* copyFromUser(memory: UserMemory, address: number, length: number): Kernel<Uint8Array> {
  if (copyFails(memory, 'copy_from_user')) throw fault(address, length, 'read');
  const bytes = yield* memory.read(address, length);
  if (bytes.length < length) throw fault(address, length, 'read');
  return bytes;
}

/** copy_to_user. @throws Errno EFAULT when a byte cannot be written; those before it are */
export function* copyToUser(memory: UserMemory, address: number, bytes: Uint8Array): Kernel<void> {
  if (copyFails(memory, 'copy_to_user') || (yield* memory.write(address, bytes)) < bytes.length)
    throw fault(address, bytes.length, 'written');
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Copies a struct in and decodes it. @throws Errno EFAULT */
export function* copyStructFromUser<T>(memory: UserMemory, layout: Layout<T, any>, address: number): Kernel<T> {
  const at = memory.readable(address, layout.size);
  if (at >= 0 && copyFails(memory, 'copy_from_user')) throw fault(address, layout.size, 'read');
  if (at >= 0) return layout.decode(memory.view, at);
  return layout.decode(viewOf(yield* copyFromUser(memory, address, layout.size)), 0);
}

/** Encodes a struct and copies it out. @throws Errno EFAULT */
export function* copyStructToUser<I>(memory: UserMemory, layout: Layout<any, I>, address: number, value: I): Kernel<void> {
  const at = memory.writable(address, layout.size);
  if (at >= 0) {
    if (copyFails(memory, 'copy_to_user')) throw fault(address, layout.size, 'written');
    layout.encode(memory.view, at, value);
    return;
  }
  const bytes = new Uint8Array(layout.size);
  layout.encode(viewOf(bytes), 0, value);
  yield* copyToUser(memory, address, bytes);
}

/**
 * The kernel's copy of a program's struct. Fields that are given back are written over the bytes that came, so that what nobody
 * understands (padding, text behind a NUL) goes back as it was.
 */
export class StructCopy<M extends Members> {
  /** The fields as they came. */
  readonly value: DecodedStruct<M>;
  readonly bytes: Uint8Array;
  readonly #memory: UserMemory;
  readonly #layout: Struct<M>;
  readonly #address: number;

  constructor(memory: UserMemory, layout: Struct<M>, address: number, bytes: Uint8Array) {
    this.#memory = memory;
    this.#layout = layout;
    this.#address = address;
    this.bytes = bytes;
    this.value = layout.decode(viewOf(bytes), 0);
  }

  /** Writes the struct back with some fields changed. @throws Errno EFAULT */
  *giveBack(fields: EncodableStruct<M> = {}): Kernel<void> {
    this.#layout.assign(viewOf(this.bytes), 0, fields);
    yield* copyToUser(this.#memory, this.#address, this.bytes);
  }
}

/** Copies a struct in to be given back. @throws Errno EFAULT */
export function* takeStruct<M extends Members>(memory: UserMemory, layout: Struct<M>, address: number): Kernel<StructCopy<M>> {
  return new StructCopy(memory, layout, address, yield* copyFromUser(memory, address, layout.size));
}

/**
 * strncpy_from_user: the bytes before the NUL.
 *
 * @param max bytes to look at, the NUL included
 * @returns undefined when there is no NUL among them
 * @throws Errno EFAULT when memory ends before the NUL and before `max`
 */
export function* copyStringFromUser(memory: UserMemory, address: number, max: number): Kernel<Uint8Array | undefined> {
  if (copyFails(memory, 'copy_from_user')) throw fault(address, max, 'read');
  const bytes = yield* memory.read(address, max);
  const end = bytes.indexOf(0);
  if (end >= 0) return bytes.subarray(0, end);
  if (bytes.length < max) throw fault(address, max, 'read');
  return undefined;
}

interface Segment {
  readonly address: number;
  readonly length: number;
}

/** The memory that a read(2) fills or a write(2) takes, piece by piece: an iov_iter. */
export class UserBuffer {
  readonly #memory: UserMemory;
  readonly #segments: readonly Segment[];
  #segment = 0;
  #within = 0;
  /** Bytes still to be moved. */
  remaining: number;

  constructor(memory: UserMemory, segments: readonly Segment[]) {
    this.#memory = memory;
    this.#segments = segments;
    this.remaining = segments.reduce((sum, segment) => sum + segment.length, 0);
  }

  /**
   * Moves bytes to the program, at most {@link remaining}.
   *
   * @returns how many were moved: fewer than given when memory or the buffer ends
   * @throws Errno EFAULT when not one could be moved
   */
  *put(bytes: Uint8Array): Kernel<number> {
    const wanted = Math.min(bytes.length, this.remaining);
    let done = 0;
    while (done < wanted) {
      const { address, length } = this.#here(wanted - done);
      const moved = copyFails(this.#memory, 'copy_to_user') ? 0 : yield* this.#memory.write(address, bytes.subarray(done, done + length));
      done += moved;
      this.#advance(moved);
      if (moved < length) {
        if (done === 0) throw fault(address, length, 'written');
        break;
      }
    }
    return done;
  }

  /**
   * Takes bytes from the program.
   *
   * @param length at most {@link remaining}
   * @throws Errno EFAULT when a byte cannot be read; nothing is taken then
   */
  *take(length: number): Kernel<Uint8Array> {
    const out = new Uint8Array(Math.min(length, this.remaining));
    const start = [this.#segment, this.#within, this.remaining] as const;
    let done = 0;
    while (done < out.length) {
      const here = this.#here(out.length - done);
      const bytes = copyFails(this.#memory, 'copy_from_user') ? out.subarray(0, 0) : yield* this.#memory.read(here.address, here.length);
      out.set(bytes, done);
      done += bytes.length;
      this.#advance(bytes.length);
      if (bytes.length < here.length) {
        [this.#segment, this.#within, this.remaining] = start;
        throw fault(here.address, here.length, 'read');
      }
    }
    return out;
  }

  #here(wanted: number): Segment {
    let segment = this.#segments[this.#segment] as Segment;
    while (this.#within === segment.length) {
      segment = this.#segments[++this.#segment] as Segment;
      this.#within = 0;
    }
    return { address: segment.address + this.#within, length: Math.min(wanted, segment.length - this.#within) };
  }

  #advance(bytes: number): void {
    this.#within += bytes;
    this.remaining -= bytes;
    const { watch } = this.#memory;
    if (watch !== undefined) watch.bytes += bytes;
  }
}
