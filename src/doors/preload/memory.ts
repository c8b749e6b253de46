import { fstatSync } from 'node:fs';
import { PAGE_SIZE } from '../../abi/uapi/index.ts';
import { Counted, type Ledger, type MemoryObject, type MemoryProvider } from '../../kernel/index.ts';
import type { Addon } from './addon.ts';
import { granted } from './exhausted.ts';

const O_RDWR = 2;
/** A process may have 65 530 mappings; the rest of Node needs some. */
const MAPPED_MAX = 16_384;

/** Where shared memory is mapped from, and who knows where it is mapped here. */
export interface SharedMemoryKeeper {
  bytesOf(memory: SharedMemory): Uint8Array;
  /** Nobody refers to it any more. */
  forget(memory: SharedMemory): void;
}

/** What shared memory is a part of. */
export interface SharedMemoryPlace {
  /**
   * The server's description of the file. Of a file of its own that is the only one, so that a lease can tell whether anyone else
   * has one.
   */
  readonly fd: number;
  /** Where in the file the memory begins, in bytes: 0 in a file of its own. */
  readonly fileOffset: number;
  /** In bytes. */
  readonly size: number;
}

/** Memory that programs share with the server: a part of a memory file, mapped here only when somebody looks. */
export class SharedMemory extends Counted implements MemoryObject {
  readonly kind = 'memory';
  readonly size: number;
  readonly fd: number;
  readonly fileOffset: number;
  readonly #name: string;
  readonly #keeper: SharedMemoryKeeper;

  constructor(place: SharedMemoryPlace, name: string, keeper: SharedMemoryKeeper) {
    super();
    this.size = place.size;
    this.fd = place.fd;
    this.fileOffset = place.fileOffset;
    this.#name = name;
    this.#keeper = keeper;
  }

  bytes(): Uint8Array {
    this.assertHeld('use');
    return this.#keeper.bytesOf(this);
  }

  protected released(): void {
    this.#keeper.forget(this);
  }

  describe(): string {
    return `memory of ${this.#name}, ${this.size} bytes`;
  }
}

/** Makes shared memory, and keeps the most recently used of it mapped. */
export class SharedMemoryProvider implements MemoryProvider, SharedMemoryKeeper {
  readonly #addon: Addon;
  readonly #ledger: () => Ledger;
  /** Least recently used first. */
  readonly #mapped = new Map<SharedMemory, Uint8Array>();
  /** By the number of its memory file's inode. */
  readonly #byInode = new Map<number, SharedMemory>();

  constructor(addon: Addon, ledger: () => Ledger) {
    this.#addon = addon;
    this.#ledger = ledger;
  }

  allocate(size: number, name: string): SharedMemory {
    if (size <= 0 || size % PAGE_SIZE !== 0) throw new RangeError(`memory of ${size} bytes is not a number of pages`);
    const made = granted(this.#addon.memfd('ioctopus', size), 'memfd_create');
    // The lease does not see the description that memfd_create made, so nobody may keep that one.
    const again = this.#addon.reopen(made, O_RDWR);
    this.#addon.close(made);
    const fd = granted(again, 'opening a memory file again');
    const memory = new SharedMemory({ fd, fileOffset: 0, size }, name, this);
    this.#byInode.set(fstatSync(fd).ino, memory);
    this.#ledger().add(memory);
    return memory;
  }

  /** The memory whose file has that inode, if it is of this machine and still there. */
  behind(ino: number): SharedMemory | undefined {
    return this.#byInode.get(ino);
  }

  bytesOf(memory: SharedMemory): Uint8Array {
    const known = this.#mapped.get(memory);
    if (known !== undefined) {
      this.#mapped.delete(memory);
      this.#mapped.set(memory, known);
      return known;
    }
    if (this.#mapped.size >= MAPPED_MAX)
      for (const [oldest] of this.#mapped) {
        this.#unmap(oldest);
        break;
      }
    const buffer = this.#addon.map(memory.fd, memory.size, 0);
    if (typeof buffer === 'number') granted(buffer, `mapping ${memory.describe()}`);
    const bytes = new Uint8Array(buffer as ArrayBuffer);
    this.#mapped.set(memory, bytes);
    return bytes;
  }

  forget(memory: SharedMemory): void {
    this.#unmap(memory);
    this.#byInode.delete(fstatSync(memory.fd).ino);
    this.#addon.close(memory.fd);
    this.#ledger().remove(memory);
  }

  #unmap(memory: SharedMemory): void {
    const bytes = this.#mapped.get(memory);
    if (bytes === undefined) return;
    this.#mapped.delete(memory);
    this.#addon.unmap(bytes.buffer as ArrayBuffer);
  }
}
