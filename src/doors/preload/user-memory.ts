import { Errno, errnoName } from '../../abi/index.ts';
import type { Kernel, UserMemory, Vma } from '../../kernel/index.ts';
import { SharedMemory } from './memory.ts';
import { IO_DATA_SIZE, IO_UP_MAP, IO_UP_READ, IO_UP_WRITE, SLOT_LENGTH } from './protocol.ts';
import type { Slot } from './slot.ts';

/** A read begins with room for so much. */
const GROWTH = 65_536;

/** The memory of a program behind the native door: read and written by the thread that waits for the call. */
export class RemoteMemory implements UserMemory {
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

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    this.dropPrefetched();
    let done = 0;
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

  /** A mapping is made of the program's own descriptor where that is the memory, else of one that is sent for it. */
  *map(vma: Vma): Kernel<number> {
    const [range] = vma.backing;
    if (vma.backing.length !== 1 || range === undefined || !(range.memory instanceof SharedMemory)) {
      throw new Errno('ENODEV', 'only mappings of one piece of shared memory can be made in a native program');
    }
    const { client } = this.#slot;
    const own = vma.file.memory === range.memory;
    const map = (fd: number) => this.#slot.ask(IO_UP_MAP, vma.hint, vma.length, vma.protection, vma.flags, range.offset, fd);
    const address = own ? yield* map(this.#slot.primaryFd) : yield* client.sending(range.memory.fd, () => map(-1));
    if (address < 0 && address >= -4095) throw new Errno(errnoName(-address) ?? 'ENOMEM', 'mmap in the program');
    return address;
  }
}
