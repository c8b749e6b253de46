import { Errno, errnoName } from '../../abi/index.ts';
import { MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_LOCKED, MAP_POPULATE, O_RDONLY, PAGE_SIZE } from '../../abi/uapi/index.ts';
import { type CopyWatch, joinRanges, type Kernel, type MemoryRange, type UserMemory, type Vma } from '../../kernel/index.ts';
import { must } from './addon.ts';
import { mappedRanges } from './mapped-ranges.ts';
import { SharedMemory, SharedMemoryProvider } from './memory.ts';
import type { NativeInode } from './native-files.ts';
import {
  IO_DATA_SIZE,
  IO_UP_DRAIN,
  IO_UP_FILL,
  IO_UP_HOLD,
  IO_UP_MAP,
  IO_UP_READ,
  IO_UP_RESERVE,
  IO_UP_UNMAP,
  IO_UP_WRITE,
  IO_VMA_FSYNC,
  IO_VMA_IO,
  IO_VMA_JOINS,
  IO_VMA_MAYWRITE,
  IO_VMA_PORTAL,
  IO_VMA_SHARED,
  SLOT_LENGTH,
} from './protocol.ts';
import type { Slot } from './slot.ts';
import { WINDOW_SIZE } from './transfer-windows.ts';

/** A read begins with room for so much. */
const GROWTH = 65_536;
/** From so many bytes on, sending a descriptor for them costs less than asking for them piece by piece. */
const MANY = 16_384;

/** The memory of a program behind the native door: read and written by the thread that waits for the call. */
export class RemoteMemory implements UserMemory {
  watch: CopyWatch | undefined;
  readonly #slot: Slot;
  /** What came with the request: bytes of the program from this address on. */
  #prefetched = 0;
  #prefetchedLength = 0;

  constructor(slot: Slot) {
    this.#slot = slot;
  }

  get view(): DataView {
    return this.#slot.client.view;
  }

  /** The request brought bytes of the program with it. */
  prefetch(address: number, length: number): void {
    this.#prefetched = address;
    this.#prefetchedLength = Math.min(length, IO_DATA_SIZE);
  }

  /** The slot's data is about to be used for something else. */
  dropPrefetched(): void {
    this.#prefetchedLength = 0;
  }

  readable(address: number, length: number): number {
    const at = address - this.#prefetched;
    if (!this.#slot.client.isAlive) return -1;
    return at >= 0 && at + length <= this.#prefetchedLength ? this.#slot.dataAt + at : -1;
  }

  writable(): number {
    return -1;
  }

  *read(address: number, length: number): Kernel<Uint8Array> {
    const at = this.readable(address, length);
    if (at >= 0) return this.#slot.client.bytes.slice(at, at + length);
    this.dropPrefetched();
    if (length >= MANY) {
      const bytes = yield* this.#readMany(address, length);
      if (bytes !== undefined) return bytes;
    }
    // It grows with what there is: a program can name any length.
    let out = new Uint8Array(Math.min(length, GROWTH));
    let done = 0;
    while (done < length) {
      const wanted = Math.min(length - done, IO_DATA_SIZE);
      const got = Math.min(yield* this.#slot.ask(IO_UP_READ, address + done, wanted), wanted);
      if (done + got > out.length) {
        const larger = new Uint8Array(Math.min(length, 2 * out.length));
        larger.set(out);
        out = larger;
      }
      if (got > 0) out.set(this.#slot.data(got), done);
      done += Math.max(got, 0);
      if (got < wanted) return out.subarray(0, done);
    }
    return out.subarray(0, done);
  }

  /** Through a window. @returns undefined when there is none, or the program has no descriptor left for it */
  *#readMany(address: number, length: number): Kernel<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (let done = 0; done < length; done += WINDOW_SIZE) {
      const wanted = Math.min(length - done, WINDOW_SIZE);
      const moved = yield* this.#throughWindow(IO_UP_FILL, address + done, wanted, (bytes, got) => {
        parts.push(bytes.slice(0, got));
      });
      if (moved === undefined) return undefined;
      if (moved < wanted) break;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  }

  /** @param after with the window's bytes, when the program's thread has moved so many @returns how many; undefined as {@link #readMany} */
  *#throughWindow(
    up: number,
    address: number,
    length: number,
    after?: (bytes: Uint8Array, got: number) => void,
    before?: Uint8Array,
  ): Kernel<number | undefined> {
    const { client } = this.#slot;
    this.#slot.assertReachable();
    const window = client.windows.take();
    if (window === undefined) return undefined;
    try {
      if (before !== undefined) window.bytes.set(before);
      const moved = Math.min(yield* client.sending(window.fd, () => this.#slot.ask(up, address, length)), length);
      if (moved < 0) return undefined;
      after?.(window.bytes, moved);
      return moved;
    } finally {
      client.windows.give(window);
    }
  }

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    this.dropPrefetched();
    let done = 0;
    while (bytes.length - done >= MANY) {
      const part = bytes.subarray(done, done + WINDOW_SIZE);
      const moved = yield* this.#throughWindow(IO_UP_DRAIN, address + done, part.length, undefined, part);
      if (moved === undefined) break;
      done += moved;
      if (moved < part.length) return done;
    }
    while (done < bytes.length) {
      const part = bytes.subarray(done, done + IO_DATA_SIZE);
      this.#slot.data(part.length).set(part);
      this.#slot.set(SLOT_LENGTH, part.length);
      const moved = Math.min(yield* this.#slot.ask(IO_UP_WRITE, address + done), part.length);
      done += Math.max(moved, 0);
      if (moved < part.length) break;
    }
    return done;
  }

  *rangesAt(address: number, length: number): Kernel<readonly MemoryRange[]> {
    const { process, server } = this.#slot.client;
    const { memory } = server.system;
    return memory instanceof SharedMemoryProvider ? mappedRanges(process.pid, memory, address, length) : [];
  }

  /**
   * A mapping is made of the program's own descriptor where that is the memory. Else of memory that is sent for it, piece by piece, and
   * a page of the file's own inode is mapped beside, which keeps the file as a mapping of Linux does.
   *
   * @throws Errno ENODEV when a piece is no shared memory; what the program's kernel says, and then nothing is mapped
   */
  *map(vma: Vma): Kernel<number> {
    const pieces = joinRanges(vma.backing);
    if (pieces.length === 0 || !pieces.every(({ memory }) => memory instanceof SharedMemory)) {
      throw new Errno('ENODEV', 'only shared memory can be mapped in a native program');
    }
    // What a device shows is never locked (VM_SPECIAL), and page frames come one by one.
    const flags = vma.flags & ~(vma.kind === 'frames' ? MAP_LOCKED | MAP_POPULATE : MAP_LOCKED);
    const [first] = pieces as [MemoryRange, ...MemoryRange[]];
    if (pieces.length === 1 && this.#inode?.memory === first.memory) {
      return yield* this.#mapPiece(vma, { range: first, address: vma.hint, flags, holder: 0, joins: false });
    }
    const holder = addressOf(yield* this.#slot.ask(IO_UP_HOLD, this.#slot.primaryFd, this.#inode?.ino ?? 0));
    try {
      if (pieces.length > 1) return yield* this.#mapPieces(vma, pieces, flags, holder);
      return yield* this.#mapPiece(vma, { range: first, address: vma.hint, flags, holder, joins: false });
    } catch (error) {
      yield* this.#slot.ask(IO_UP_UNMAP, holder, PAGE_SIZE);
      throw error;
    }
  }

  *#mapPieces(vma: Vma, pieces: readonly MemoryRange[], flags: number, holder: number): Kernel<number> {
    const start = addressOf(yield* this.#slot.ask(IO_UP_RESERVE, vma.hint, vma.length, flags));
    const fixed = (flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
    let at = 0;
    try {
      for (const range of pieces) {
        yield* this.#mapPiece(vma, { range, address: start + at, flags: fixed, holder, joins: at > 0 });
        at += range.length;
      }
    } catch (error) {
      yield* this.#slot.ask(IO_UP_UNMAP, start, vma.length);
      throw error;
    }
    return start;
  }

  *#mapPiece(vma: Vma, piece: Piece): Kernel<number> {
    const { client } = this.#slot;
    const { addon } = client.server;
    const { range, holder } = piece;
    const offset = range.offset + (range.memory as SharedMemory).fileOffset;
    const ask = (fd: number) => {
      this.#describe(vma, piece);
      return this.#slot.ask(IO_UP_MAP, piece.address, range.length, vma.protection, piece.flags, offset, fd);
    };
    if (holder === 0) return addressOf(yield* ask(this.#slot.primaryFd));
    const memory = range.memory as SharedMemory;
    if (!vma.shared || vma.mayWrite) return addressOf(yield* client.sending(memory.fd, () => ask(-1)));
    // Through a description that cannot write, mprotect(2) refuses to make it writable.
    const readOnly = must(addon.reopen(memory.fd, O_RDONLY), 'opening a memory file again');
    try {
      return addressOf(yield* client.sending(readOnly, () => ask(-1)));
    } finally {
      addon.close(readOnly);
    }
  }

  /** Of the descriptor that is mapped. A buffer that was handed out a second time has one there without its memory. */
  get #inode(): NativeInode | undefined {
    return this.#slot.client.inodeOf(this.#slot.primaryHandle);
  }

  /** Puts a `struct io_vma` into the slot. */
  #describe(vma: Vma, { holder, joins }: Piece): void {
    this.dropPrefetched();
    const { view } = this.#slot.client;
    const at = this.#slot.dataAt;
    view.setBigUint64(at, BigInt(this.#inode?.ino ?? 0), true);
    view.setBigUint64(at + 8, BigInt(holder), true);
    const flags =
      (vma.shared ? IO_VMA_SHARED : 0) |
      (vma.mayWrite ? IO_VMA_MAYWRITE : 0) |
      (joins ? IO_VMA_JOINS : 0) |
      (vma.kind === 'io' ? IO_VMA_IO : 0) |
      (vma.isPortal ? IO_VMA_PORTAL : 0) |
      (vma.file.ops.fsync === undefined ? 0 : IO_VMA_FSYNC);
    view.setUint32(at + 16, flags, true);
    view.setUint32(at + 20, this.#slot.primaryHandle, true);
  }
}

/** A part of a mapping that is one part of one memory. */
interface Piece {
  readonly range: MemoryRange;
  readonly address: number;
  readonly flags: number;
  /** Where the page is mapped that keeps the file; 0 when the mapping itself does. */
  readonly holder: number;
  readonly joins: boolean;
}

/** The address that an mmap in the program gave. @throws Errno what the program's kernel said */
function addressOf(result: number): number {
  if (result < 0 && result >= -4095) throw new Errno(errnoName(-result) ?? 'ENOMEM', 'mmap in the program');
  return result;
}
