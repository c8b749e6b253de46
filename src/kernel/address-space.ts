import { Errno } from '../abi/index.ts';
import { MAP_FIXED, MAP_FIXED_NOREPLACE, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../abi/uapi/index.ts';
import { AioContexts } from './aio-context.ts';
import type { Kernel } from './colour.ts';
import type { CopyWatch } from './copy-watch.ts';
import type { Ledger, Tracked } from './ledger.ts';
import type { MemoryRange } from './memory-object.ts';
import type { UserMemory } from './user-memory.ts';
import { type MappedFile, sliceRanges, type Vma } from './vma.ts';

/** Where a door puts the arguments of calls: about where a program's stack is. */
const ARGUMENTS = 0x7ffe_0000_0000;
const ARGUMENTS_SIZE = 0x10000;
const HEAP_FIRST = 0x5555_0000_0000;
const MAPPINGS_FIRST = 0x7f00_0000_0000;
const TASK_SIZE = 0x7fff_ffff_f000;

/** What is mapped of a file whose pages come and go. */
interface Window {
  readonly source: MappedFile;
  /** Where in the file it begins, in bytes. */
  readonly offset: number;
}

/** Anonymous bytes, parts of memory, or a part of a file that is asked at each access. */
type Content = Uint8Array | readonly MemoryRange[] | Window;

/** A stretch of memory: anonymous bytes, or a part of a file mapping, which then holds references to the file and to what it shows. */
class Area implements Tracked {
  readonly kind = 'mapping';
  readonly start: number;
  readonly end: number;
  readonly protection: number;
  readonly content: Content;
  readonly vma: Vma | undefined;

  constructor(start: number, end: number, protection: number, content: Content, vma: Vma | undefined) {
    this.start = start;
    this.end = end;
    this.protection = protection;
    this.content = content;
    this.vma = vma;
  }

  /** The same kind of area for a part of it. */
  part(start: number, end: number, protection = this.protection): Area {
    return new Area(start, end, protection, this.#contentAt(start - this.start, end - start), this.vma);
  }

  /** Whether the processor lets a program do that; what may be written or run may be read, too. @param right 0, PROT_READ or PROT_WRITE */
  allows(right: number): boolean {
    return right === PROT_READ ? (this.protection & (PROT_READ | PROT_WRITE | PROT_EXEC)) !== 0 : (this.protection & right) === right;
  }

  /** What it keeps: none for anonymous bytes, and for a file that is asked at each access. */
  get memories(): readonly MemoryRange[] {
    return this.content instanceof Uint8Array || 'source' in this.content ? [] : this.content;
  }

  /** Where in a file whose pages come and go an address lies. */
  fileOffset(address: number): number {
    return 'source' in this.content ? this.content.offset + address - this.start : 0;
  }

  #contentAt(offset: number, length: number): Content {
    const { content } = this;
    if (content instanceof Uint8Array) return content.subarray(offset, offset + length);
    if ('source' in content) return { source: content.source, offset: content.offset + offset };
    return sliceRanges(content, offset, length);
  }

  /** What of a part is memory of others. */
  rangesAt(from: number, to: number): readonly MemoryRange[] {
    const { content } = this;
    if (content instanceof Uint8Array) return [];
    const [offset, length] = [from - this.start, to - from];
    return 'source' in content ? content.source.rangesAt(content.offset + offset, length) : sliceRanges(content, offset, length);
  }

  /** Calls back for each stretch of bytes in [from, to). @returns where it ended: before `to` where the file does */
  chunks(from: number, to: number, use: (bytes: Uint8Array, at: number) => void): number {
    const { content } = this;
    if (content instanceof Uint8Array) {
      use(content.subarray(from - this.start, to - this.start), from);
      return to;
    }
    let at = from;
    for (const range of this.rangesAt(from, to)) {
      use(range.memory.bytes().subarray(range.offset, range.offset + range.length), at);
      at += range.length;
    }
    return at;
  }

  describe(): string {
    return `mapping of ${this.vma?.file.path ?? 'memory'} at 0x${this.start.toString(16)}, ${this.end - this.start} bytes`;
  }
}

/** A stretch of mapped memory, for calls that look at what there is. */
export interface MappedPiece {
  readonly start: number;
  readonly end: number;
  /** The mapping of a file that it belongs to; undefined for anonymous memory. */
  readonly vma: Vma | undefined;
  /** Where the whole area ends. */
  readonly areaEnd: number;
  /** Where in the file it begins, when that is one whose pages come and go; else 0. */
  readonly offset: number;
}

const roundUp = (bytes: number) => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

/**
 * The memory of an in-process task: a page for call arguments, a heap, and mappings. Addresses behave as in a program: what is not
 * mapped, or not with that right, faults.
 */
export class AddressSpace implements UserMemory {
  watch: CopyWatch | undefined;
  readonly view = new DataView(new ArrayBuffer(ARGUMENTS_SIZE));
  /** Of io_setup(2): they end with the memory. */
  readonly aio = new AioContexts();
  /** Sorted by address, without overlap. */
  #areas: Area[] = [];
  readonly #ledger: Ledger;
  /** Where each block of arguments in use begins, -1 for one that was freed out of order. */
  readonly #arguments: number[] = [];
  #argumentsEnd = 0;
  #heapNext = HEAP_FIRST;
  #mappingNext = MAPPINGS_FIRST;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  readable(address: number, length: number): number {
    return address >= ARGUMENTS && address + length <= ARGUMENTS + ARGUMENTS_SIZE ? address - ARGUMENTS : -1;
  }

  writable(address: number, length: number): number {
    return this.readable(address, length);
  }

  /**
   * Room for call arguments, until {@link dropArguments}. Aligned to 8 bytes, not cleared.
   *
   * @throws Errno E2BIG when the arguments of all calls under way do not fit
   */
  pushArguments(length: number): number {
    const at = this.#argumentsEnd;
    if (at + length > ARGUMENTS_SIZE) throw new Errno('E2BIG', `${length} bytes of arguments do not fit; use memory of the task`);
    this.#arguments.push(at);
    this.#argumentsEnd = (at + Math.max(length, 1) + 7) & ~7;
    return ARGUMENTS + at;
  }

  /** Frees that room. Threads may do so in any order; room is used again when all that came after it is free too. */
  dropArguments(address: number): void {
    const blocks = this.#arguments;
    const index = blocks.lastIndexOf(address - ARGUMENTS);
    if (index < blocks.length - 1) {
      blocks[index] = -1;
      return;
    }
    this.#argumentsEnd = blocks.pop() as number;
    while (blocks[blocks.length - 1] === -1) blocks.pop();
    if (blocks.length === 0) this.#argumentsEnd = 0;
  }

  *read(address: number, length: number): Kernel<Uint8Array> {
    return this.#read(address, length);
  }

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    return this.#write(address, bytes);
  }

  /** What the program itself reads. @throws Errno EFAULT where it would get SIGSEGV */
  load(address: number, length: number): Uint8Array {
    const bytes = this.#read(address, length);
    if (bytes.length < length) throw new Errno('EFAULT', `0x${(address + bytes.length).toString(16)} cannot be read`);
    return bytes;
  }

  /** What the program itself writes. @throws Errno EFAULT where it would get SIGSEGV */
  store(address: number, bytes: Uint8Array): void {
    const done = this.#write(address, bytes);
    if (done < bytes.length) throw new Errno('EFAULT', `0x${(address + done).toString(16)} cannot be written`);
  }

  #read(address: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    const done = this.#walk(address, length, PROT_READ, (bytes, at) => out.set(bytes, at - address));
    return done === length ? out : out.subarray(0, done);
  }

  #write(address: number, bytes: Uint8Array): number {
    return this.#walk(address, bytes.length, PROT_WRITE, (target, at) => {
      target.set(bytes.subarray(at - address, at - address + target.length));
    });
  }

  /** Anonymous memory, as malloc gives: zero, page aligned, with an unmapped page behind it. @returns its address */
  allocate(length: number): number {
    const size = roundUp(Math.max(length, 1));
    const start = this.#heapNext;
    this.#heapNext += size + PAGE_SIZE;
    this.#insert(new Area(start, start + size, PROT_READ | PROT_WRITE, new Uint8Array(size), undefined));
    return start;
  }

  /**
   * The bytes at an address as a window, when they lie in one piece of memory.
   *
   * @throws Errno EFAULT when they do not, or nothing is mapped there
   */
  bytes(address: number, length: number): Uint8Array {
    let found: Uint8Array | undefined;
    const at = this.readable(address, length);
    if (at >= 0) return new Uint8Array(this.view.buffer, at, length);
    this.#walk(address, length, 0, (bytes) => {
      found ??= bytes;
    });
    if (found === undefined || found.length < length)
      throw new Errno('EFAULT', `no ${length} bytes in one piece at 0x${address.toString(16)}`);
    return found;
  }

  *rangesAt(address: number, length: number): Kernel<readonly MemoryRange[]> {
    const found: MemoryRange[] = [];
    let at = this.readable(address, length) < 0 ? address : address + length;
    for (let index = this.#firstEndingAfter(address); at < address + length; index++) {
      const area = this.#areas[index];
      if (area === undefined || area.start > at) throw new Errno('EFAULT', `nothing is mapped at 0x${at.toString(16)}`);
      const end = Math.min(area.end, address + length);
      found.push(...area.rangesAt(at, end));
      at = end;
    }
    return found;
  }

  *map(vma: Vma): Kernel<number> {
    const start = this.#place(vma);
    let content: Content = vma.source === undefined ? vma.backing : { source: vma.source, offset: vma.offset };
    if (!vma.shared) {
      // JavaScript cannot notice the first store, so a private mapping is a copy from the start.
      const copy = new Uint8Array(vma.length);
      let at = 0;
      for (const { memory, offset, length } of vma.source?.rangesAt(vma.offset, vma.length) ?? vma.backing) {
        copy.set(memory.bytes().subarray(offset, offset + length), at);
        at += length;
      }
      content = copy;
    }
    vma.address = start;
    this.unmap(start, vma.length);
    this.#insert(new Area(start, start + vma.length, vma.protection, content, vma));
    return start;
  }

  /** munmap(2) of whole pages, of whatever is mapped there. */
  unmap(start: number, length: number): void {
    this.#replace(start, start + length, () => undefined);
  }

  /** mprotect(2) of whole pages. @throws Errno ENOMEM when a part is not mapped, EACCES when the file does not allow it */
  protect(start: number, length: number, protection: number): void {
    if (!this.#isMapped(start, start + length)) throw new Errno('ENOMEM', 'a part of the range is not mapped');
    this.#replace(start, start + length, (area) => {
      const writable = area.vma === undefined || !area.vma.shared || area.vma.mayWrite;
      if ((protection & PROT_WRITE) !== 0 && !writable) throw new Errno('EACCES', 'the file is not open for writing');
      return area.part(area.start, area.end, protection);
    });
  }

  /** What is mapped in [start, end), in order, each piece cut to it. */
  *pieces(start: number, end: number): Iterable<MappedPiece> {
    for (let index = this.#firstEndingAfter(start); index < this.#areas.length; index++) {
      const area = this.#areas[index] as Area;
      if (area.start >= end) break;
      const from = Math.max(area.start, start);
      yield { start: from, end: Math.min(area.end, end), vma: area.vma, areaEnd: area.end, offset: area.fileOffset(from) };
    }
  }

  #isMapped(start: number, end: number): boolean {
    let at = start;
    for (const piece of this.pieces(start, end)) {
      if (piece.start !== at) return false;
      at = piece.end;
    }
    return at >= end;
  }

  /** Puts one piece of memory, which may become longer when it is anonymous or of a file's pages, somewhere else. @returns where it is then */
  move(start: number, length: number, newLength: number, to: number | undefined): number {
    const area = this.#areas[this.#firstEndingAfter(start)] as Area;
    const target = to ?? this.#mappingNext;
    if (to === undefined) this.#mappingNext += newLength + PAGE_SIZE;
    const part = area.part(start, start + Math.min(length, newLength));
    let { content } = part;
    if (content instanceof Uint8Array) {
      const grown = new Uint8Array(newLength);
      grown.set(content);
      content = grown;
    }
    const moved = new Area(target, target + newLength, part.protection, content, part.vma);
    this.unmap(target, newLength);
    this.#insert(moved);
    this.unmap(start, length);
    return target;
  }

  /** What fork(2) gives the child: shared mappings stay shared, everything else is copied. */
  copy(): AddressSpace {
    const child = new AddressSpace(this.#ledger);
    child.#heapNext = this.#heapNext;
    child.#mappingNext = this.#mappingNext;
    for (const { start, end, protection, content, vma } of this.#areas) {
      child.#insert(new Area(start, end, protection, content instanceof Uint8Array ? content.slice() : content, vma));
    }
    return child;
  }

  /** The end of the task: everything is unmapped. */
  clear(): void {
    this.aio.exit();
    this.unmap(0, TASK_SIZE);
  }

  #place(vma: Vma): number {
    if ((vma.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
      if (vma.hint + vma.length > TASK_SIZE) throw new Errno('ENOMEM', 'the mapping would end beyond user memory');
      const overlaps = this.#areas.some((area) => area.start < vma.hint + vma.length && area.end > vma.hint);
      if (overlaps && (vma.flags & MAP_FIXED_NOREPLACE) !== 0) throw new Errno('EEXIST', 'something is mapped there');
      return vma.hint;
    }
    const start = this.#mappingNext;
    if (start + vma.length > TASK_SIZE) throw new Errno('ENOMEM', `no ${vma.length} bytes of addresses are left`);
    this.#mappingNext = start + vma.length + PAGE_SIZE;
    return start;
  }

  /** Visits the mapped bytes from an address on, up to the first that lacks a right. @returns how many there are */
  #walk(address: number, length: number, right: number, use: (bytes: Uint8Array, at: number) => void): number {
    const here = this.readable(address, length);
    if (here >= 0) {
      use(new Uint8Array(this.view.buffer, here, length), address);
      return length;
    }
    let at = address;
    const end = address + length;
    for (let index = this.#firstEndingAfter(address); at < end; index++) {
      const area = this.#areas[index];
      if (area === undefined || area.start > at || !area.allows(right)) break;
      const to = Math.min(end, area.end);
      at = area.chunks(at, to, use);
      if (at < to) break;
    }
    return at - address;
  }

  #firstEndingAfter(address: number): number {
    let low = 0;
    let high = this.#areas.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#areas[middle] as Area).end > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #insert(area: Area): void {
    this.#hold(area);
    this.#areas.splice(this.#firstEndingAfter(area.start), 0, area);
  }

  #hold(area: Area): void {
    if (area.vma === undefined) return;
    area.vma.file.get();
    for (const { memory } of area.memories) memory.get();
    area.vma.source?.mapped(area.vma);
    this.#ledger.add(area);
  }

  #drop(area: Area): void {
    if (area.vma === undefined) return;
    this.#ledger.remove(area);
    for (const { memory } of area.memories) memory.put();
    area.vma.source?.unmapped(area.vma);
    area.vma.file.put();
  }

  /** Puts another area, or none, in place of everything mapped in [start, end), cutting areas at the borders. */
  #replace(start: number, end: number, by: (area: Area) => Area | undefined): void {
    const first = this.#firstEndingAfter(start);
    let next = first;
    const pieces: Area[] = [];
    for (let area = this.#areas[next]; area !== undefined && area.start < end; area = this.#areas[++next]) {
      if (area.start < start) pieces.push(area.part(area.start, start));
      const middle = by(area.part(Math.max(area.start, start), Math.min(area.end, end)));
      if (middle !== undefined) pieces.push(middle);
      if (area.end > end) pieces.push(area.part(end, area.end));
    }
    if (next === first) return;
    for (const piece of pieces) this.#hold(piece);
    for (const area of this.#areas.splice(first, next - first, ...pieces)) this.#drop(area);
  }
}
