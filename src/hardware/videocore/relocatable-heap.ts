/** The VPU's heap of blocks that move: section 11 of docs/reference/vc-sm-cma.md. */
import { roundedUp } from './arithmetic.ts';
import { describeBlock } from './heap-dump.ts';

export const MEM_FLAG_DISCARDABLE = 1 << 0;
export const MEM_FLAG_DIRECT = 1 << 2;
export const MEM_FLAG_COHERENT = 2 << 2;
export const MEM_FLAG_ZERO = 1 << 4;
export const MEM_FLAG_NO_INIT = 1 << 5;
export const MEM_FLAG_RESIZEABLE = 1 << 8;
/** In a request: retained from the start. In a block: its contents mean nothing any more. */
export const MEM_FLAG_RETAINED = 1 << 9;

export const MEM_COMPACT_NONE = 0;
export const MEM_COMPACT_NORMAL = 1;
export const MEM_COMPACT_DISCARD = 2;
export const MEM_COMPACT_AGGRESSIVE = 4;
export const MEM_COMPACT_ALL = 7;
export const MEM_COMPACT_SHUFFLE = 0x80;

/** What a handle is told by its owner to do when its last reference goes. */
export type Terminator = (address: number, size: number) => void;

/** What a handle names. */
export interface Block {
  readonly handle: number;
  readonly description: string;
  readonly align: number;
  flags: number;
  size: number;
  references: number;
  locks: number;
  retains: number;
  /** Where its space begins, header included; of wrapped memory, where the memory is. */
  address: number;
  readonly isWrapped: boolean;
  terminator: Terminator | undefined;
  /** A long-term locker, asked to let go by aggressive compaction and told when it may lock again. */
  locker: ((what: 'unlock' | 'relock') => void) | undefined;
}

export interface AllocationOptions {
  /** A power of two; 32 when left out. */
  readonly align?: number;
  /** MEM_FLAG_ bits. */
  readonly flags?: number;
  readonly description?: string;
  /** MEM_COMPACT_ bits: what may be done to make room. */
  readonly mode?: number;
}

const HEADER = 32;
const FIRST_HANDLE = 0xc0000000;
/** The firmware has its own handles before anybody else has one. */
const FIRST_INDEX = 0x20;

/**
 * Handles, and the pool that their blocks are in.
 *
 * Invariant: blocks of the pool do not overlap, and one that is locked keeps its address.
 */
export class RelocatableHeap {
  readonly base: number;
  readonly size: number;
  #bytes: Uint8Array | undefined;
  readonly #byIndex: (Block | undefined)[] = [];

  /** @param size of the pool in bytes, a multiple of 32 */
  constructor(base: number, size: number) {
    this.base = base;
    this.size = size;
  }

  /** Every handle that is valid, by its number. */
  get blocks(): readonly Block[] {
    return this.#byIndex.filter((block) => block !== undefined);
  }

  /** Of the pool; what is wrapped takes nothing of it. */
  get usedBytes(): number {
    return this.#pooled().reduce((sum, block) => sum + space(block), 0);
  }

  /** @returns undefined for a number that is no handle */
  find(handle: number): Block | undefined {
    return this.#byIndex[handle - FIRST_HANDLE];
  }

  /** @returns a handle, unlocked and with one reference; 0 when there is no room */
  allocate(size: number, options: AllocationOptions = {}): number {
    const { align = HEADER, flags = 0, description = '', mode = MEM_COMPACT_NORMAL } = options;
    const isRetained = (flags & MEM_FLAG_RETAINED) !== 0;
    const block = this.#add({ size, align, flags: flags & ~MEM_FLAG_RETAINED, description, retains: isRetained ? 1 : 0, isWrapped: false });
    if (!this.#place(block, mode)) {
      this.#forget(block);
      return 0;
    }
    this.#fill(block, 0, size);
    return block.handle;
  }

  /** Makes a handle of memory that is somebody else's: it stays where it is and is told of when it is released. */
  wrap(address: number, size: number, description: string, terminator: Terminator): number {
    const block = this.#add({ size, align: HEADER, flags: MEM_FLAG_DIRECT, description, retains: 0, isWrapped: true });
    block.address = address;
    block.terminator = terminator;
    return block.handle;
  }

  acquire(handle: number): void {
    this.#block(handle).references++;
  }

  /** At the last reference the block ends; its terminator runs first. */
  release(handle: number): void {
    const block = this.#block(handle);
    if (block.references > 1) {
      block.references--;
      return;
    }
    if (block.locks > 0 || block.retains > 0) throw new RangeError(`${this.describe(block)} is released while locked or retained`);
    block.references = 0;
    block.terminator?.(block.size === 0 ? 0 : addressOf(block), block.size);
    this.#forget(block);
  }

  /** The block ends, whoever holds or has locked it. */
  terminate(handle: number): void {
    const block = this.#block(handle);
    Object.assign(block, { references: 1, locks: 0, retains: 0 });
    this.release(handle);
  }

  /** @returns false when the caller has the last reference: nothing happens then */
  tryRelease(handle: number): boolean {
    if (this.#block(handle).references === 1) return false;
    this.release(handle);
    return true;
  }

  /** @returns the address, valid until the last unlock; 0 for an empty block */
  lock(handle: number): number {
    const block = this.#block(handle);
    if (block.size === 0) return 0;
    block.locks++;
    block.flags &= ~MEM_FLAG_RETAINED;
    return addressOf(block);
  }

  unlock(handle: number): void {
    const block = this.#block(handle);
    if (block.size === 0) return;
    if (block.locks === 0) throw new RangeError(`${this.describe(block)} is not locked`);
    block.locks--;
  }

  /** @returns whether the contents still exist */
  retain(handle: number): boolean {
    const block = this.#block(handle);
    block.retains++;
    return block.size > 0;
  }

  unretain(handle: number): void {
    const block = this.#block(handle);
    if (block.retains === 0) throw new RangeError(`${this.describe(block)} is not retained`);
    block.retains--;
  }

  /** Its contents mean nothing from the next unlock on. */
  abandon(handle: number): void {
    this.#block(handle).flags |= MEM_FLAG_RETAINED;
  }

  /** @returns false when it cannot grow; it is as it was then */
  resize(handle: number, size: number, mode = MEM_COMPACT_NORMAL): boolean {
    const block = this.#block(handle);
    if (block.locks > 0 || block.isWrapped || (block.flags & MEM_FLAG_RESIZEABLE) === 0) return false;
    const before = block.size;
    if (size <= before) {
      block.size = size;
      return true;
    }
    const contents = this.#pool().slice(this.#at(block), this.#at(block) + before);
    const address = block.address;
    // It may stay or go elsewhere, but not lie over itself.
    block.size = 0;
    const grown: Block = { ...block, size, references: 1 };
    block.address = -1;
    if (!this.#place(grown, mode)) {
      Object.assign(block, { size: before, address });
      return false;
    }
    Object.assign(block, { size, address: grown.address });
    this.#pool().set(contents, this.#at(block));
    this.#fill(block, before, size);
    return true;
  }

  setLocker(handle: number, locker: Block['locker']): void {
    this.#block(handle).locker = locker;
  }

  /** Moves unlocked blocks together, as far as the mode permits. */
  compact(mode: number): void {
    const lockers = (mode & MEM_COMPACT_AGGRESSIVE) === 0 ? [] : this.#pooled().filter(({ locks, locker }) => locks > 0 && locker);
    for (const block of lockers) block.locker?.('unlock');
    if ((mode & MEM_COMPACT_DISCARD) !== 0)
      for (const block of this.#pooled())
        if ((block.flags & MEM_FLAG_DISCARDABLE) !== 0 && block.locks === 0 && block.retains === 0) block.size = 0;
    if ((mode & MEM_COMPACT_SHUFFLE) !== 0) this.#shuffle();
    else if ((mode & (MEM_COMPACT_NORMAL | MEM_COMPACT_AGGRESSIVE)) !== 0) this.#slide();
    for (const block of lockers) block.locker?.('relock');
  }

  /** Of the pool. @param address within a block that the caller has locked */
  read(address: number, length: number): Uint8Array {
    return this.#pool().slice(address - this.base, address - this.base + length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#pool().set(bytes, address - this.base);
  }

  /** As `vcdbg reloc` shows it. */
  dump(): string {
    const lines = this.blocks.map((block, at) => `[${String(at).padStart(4)}] ${this.describe(block)}`);
    return `total space allocated is ${this.size}, with ${this.usedBytes} used\n${lines.map((line) => `${line}\n`).join('')}`;
  }

  describe(block: Block): string {
    return describeBlock(block, space(block), block.isWrapped || block.address < 0 ? block.address : addressOf(block));
  }

  #block(handle: number): Block {
    const block = this.find(handle);
    if (block === undefined || block.references === 0) throw new RangeError(`0x${handle.toString(16)} is no handle of the VPU's heap`);
    return block;
  }

  #add(made: Pick<Block, 'size' | 'align' | 'flags' | 'description' | 'retains' | 'isWrapped'>): Block {
    let index = FIRST_INDEX;
    while (this.#byIndex[index] !== undefined) index++;
    const handle = FIRST_HANDLE + index;
    const block: Block = { ...made, handle, references: 1, locks: 0, address: -1, terminator: undefined, locker: undefined };
    this.#byIndex[index] = block;
    return block;
  }

  #forget(block: Block): void {
    this.#byIndex[block.handle - FIRST_HANDLE] = undefined;
  }

  #pool(): Uint8Array {
    this.#bytes ??= new Uint8Array(this.size);
    return this.#bytes;
  }

  #at(block: Block): number {
    return addressOf(block) - this.base;
  }

  #fill({ flags, ...block }: Block, from: number, to: number): void {
    if ((flags & MEM_FLAG_NO_INIT) !== 0 || from === to) return;
    const at = addressOf({ ...block, flags }) - this.base;
    this.#pool().fill((flags & MEM_FLAG_ZERO) !== 0 ? 0 : 0xff, at + from, at + to);
  }

  /** Blocks that have a place in the pool, by address. */
  #pooled(): Block[] {
    return this.blocks.filter(({ isWrapped, address }) => !isWrapped && address >= 0).sort((a, b) => a.address - b.address);
  }

  /** Gives a block the lowest place that fits, after a compaction if there is none. */
  #place(block: Block, mode: number): boolean {
    if (block.size === 0) return true;
    for (const isSecond of [false, true]) {
      if (isSecond) this.compact(mode);
      let at = this.base;
      for (const other of this.#pooled()) {
        if (at + space(block) <= other.address) break;
        at = other.address + space(other);
      }
      if (at + space(block) <= this.base + this.size) {
        block.address = at;
        return true;
      }
      if (mode === MEM_COMPACT_NONE) return false;
    }
    return false;
  }

  #slide(): void {
    let at = this.base;
    for (const block of this.#pooled()) {
      if (block.locks === 0 && at < block.address) this.#move(block, at);
      at = block.address + space(block);
    }
  }

  /** Moves the lowest unlocked block behind all others, if it fits there. */
  #shuffle(): void {
    const blocks = this.#pooled();
    const lowest = blocks.find(({ locks }) => locks === 0);
    const last = blocks.at(-1);
    if (lowest === undefined || last === undefined || lowest === last) return;
    const end = last.address + space(last);
    if (end + space(lowest) <= this.base + this.size) this.#move(lowest, end);
  }

  #move(block: Block, address: number): void {
    const from = this.#at(block);
    block.address = address;
    this.#pool().copyWithin(this.#at(block), from, from + block.size);
  }
}

/** Bytes of the pool that a block takes. */
function space({ size, align }: Block): number {
  return size === 0 ? 0 : roundedUp(size, HEADER) + align + HEADER;
}

/** Of the first byte of the contents. */
function addressOf({ address, align, isWrapped }: Block): number {
  return isWrapped ? address : roundedUp(address + HEADER, align);
}
