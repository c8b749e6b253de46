import { Errno, errno, errnoName } from '../../abi/index.ts';
import { O_NONBLOCK, O_RDWR, PAGE_SIZE } from '../../abi/uapi/index.ts';
import type { Memfd, PageRange, PinnedPages, System } from '../../kernel/index.ts';
import { PageCache, type PhysicalMemory } from '../../memory/index.ts';
import { type Addon, must } from './addon.ts';
import { granted } from './exhausted.ts';
import { SharedMemory } from './memory.ts';

/** So much of a file is one memory object: more does not fit a typed array everywhere. In bytes. */
const WINDOW = 2 ** 30;

/** What a program can have done to a file that nobody shall open. */
const REFUSED: ReadonlySet<number> = new Set([errno.EACCES, errno.EPERM, errno.EAGAIN]);

/** Part of a memory file of a program's, mapped here for as long as a driver keeps pages of the file. */
interface Window {
  readonly memory: SharedMemory;
  readonly cache: PageCache;
}

/**
 * A memory file that a program has made and some driver keeps pages of. The server maps it so that it can write, which has the
 * host's kernel refuse F_SEAL_WRITE as Linux does for pinned pages. It is sealed against getting shorter, so nothing mapped goes away.
 */
class PinnedFile {
  readonly #addon: Addon;
  readonly #system: System;
  readonly #ram: PhysicalMemory;
  readonly #fd: number;
  readonly #size: number;
  readonly #forget: () => void;
  readonly #windows = new Map<number, Window>();
  #pins = 0;

  /** @param fd becomes its own */
  constructor(owner: { addon: Addon; system: System; ram: PhysicalMemory }, fd: number, size: number, forget: () => void) {
    this.#addon = owner.addon;
    this.#system = owner.system;
    this.#ram = owner.ram;
    this.#fd = fd;
    this.#size = size;
    this.#forget = forget;
  }

  /** Pages from `offset` up to, but not including, `end`. @throws Errno ENOMEM */
  pin(offset: number, end: number): PinnedPages {
    this.#pins++;
    const parts: PinnedPages[] = [];
    const unpin = () => {
      for (const part of parts) part.unpin();
      if (--this.#pins === 0) this.#release();
    };
    try {
      // Pages that are there stay when memory runs out later: a missing one would be a signal in the server.
      const allocated = this.#addon.allocate(this.#fd, offset, end - offset);
      if (allocated < 0) throw new Errno('ENOMEM', `the host has no memory for the pages: ${errnoName(-allocated)}`);
      for (let at = offset; at < end; ) {
        const index = Math.floor(at / WINDOW);
        const until = Math.min(end, (index + 1) * WINDOW);
        parts.push(this.#window(index).cache.pin(at / PAGE_SIZE, until / PAGE_SIZE));
        at = until;
      }
    } catch (error) {
      unpin();
      throw error;
    }
    return { ranges: parts.flatMap(({ ranges }) => ranges as PageRange[]), unpin };
  }

  #window(index: number): Window {
    const known = this.#windows.get(index);
    if (known !== undefined) return known;
    const start = index * WINDOW;
    const size = Math.min(Math.floor(this.#size / PAGE_SIZE) * PAGE_SIZE - start, WINDOW);
    const buffer = this.#addon.map(this.#fd, size, start);
    if (typeof buffer === 'number') granted(buffer, 'mapping a memory file');
    const bytes = new Uint8Array(buffer as ArrayBuffer);
    const { ledger } = this.#system;
    const memory = new SharedMemory({ fd: this.#fd, fileOffset: start, size }, 'a memory file of a program', {
      bytesOf: () => bytes,
      forget: () => {
        this.#addon.unmap(bytes.buffer as ArrayBuffer);
        ledger.remove(memory);
      },
    });
    ledger.add(memory);
    const cache = new PageCache(this.#ram, (first, count) => ({ memory: memory.get(), offset: first * PAGE_SIZE - start, count }));
    const window = { memory, cache };
    this.#windows.set(index, window);
    return window;
  }

  /** Nobody keeps a page. */
  #release(): void {
    for (const { memory, cache } of this.#windows.values()) {
      cache.drop(0);
      memory.put();
    }
    this.#addon.close(this.#fd);
    this.#forget();
  }
}

/** Memory files that programs have handed over. */
export class HostMemfds {
  readonly addon: Addon;
  readonly system: System;
  readonly ram: PhysicalMemory;
  /** Those with pinned pages, by device, inode and size. */
  readonly #pinned = new Map<string, PinnedFile>();

  constructor(addon: Addon, system: System, ram: PhysicalMemory) {
    this.addon = addon;
    this.system = system;
    this.ram = ram;
  }

  /**
   * The memory file behind a descriptor; undefined for another kind of file.
   *
   * @param fd a program's own description, to be closed after the call
   */
  of(fd: number): Memfd | undefined {
    const { addon } = this;
    const seals = addon.seals(fd);
    if (seals < 0) return undefined;
    return { seals, pin: (offset, length) => this.#pin(fd, offset, length) };
  }

  #pin(fd: number, offset: number, length: number): PinnedPages {
    const size = must(this.addon.fileSize(fd), 'fstat');
    if (offset < 0 || length <= 0) throw new Errno('EINVAL', 'no pages are wanted');
    if (offset + length > size) throw new Errno('EINVAL', `the file ends at ${size}`);
    return this.#pinnedFile(fd, size).pin(offset, offset + length);
  }

  #pinnedFile(fd: number, size: number): PinnedFile {
    const key = `${(this.addon.identity(fd) as number[]).join()},${size}`;
    const known = this.#pinned.get(key);
    if (known !== undefined) return known;
    // The program may have opened it to read only; its pages can be written all the same. A lease on it must not make the server wait.
    const again = this.addon.reopen(fd, O_RDWR | O_NONBLOCK);
    if (REFUSED.has(-again)) throw new Errno('EBADFD', `the server cannot open the memory file: ${errnoName(-again)}`);
    const file = new PinnedFile(this, granted(again, 'opening a memory file again'), size, () => this.#pinned.delete(key));
    this.#pinned.set(key, file);
    return file;
  }
}
