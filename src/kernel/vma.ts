import type { File } from './file.ts';
import type { MemoryRange } from './memory-object.ts';

/**
 * How a mapping is made, which decides what calls about memory may do with it: of device memory (VM_IO and VM_PFNMAP, as
 * remap_pfn_range makes it), of page frames (VM_PFNMAP alone), or of the pages of a file.
 */
export type VmaKind = 'io' | 'frames' | 'pages';

/** A mapped file whose pages come and go meanwhile: asked at each access, as by page faults. */
export interface MappedFile {
  /** What there is from an offset on, made if it must be; shorter where the file ends. @throws Errno ENOMEM */
  rangesAt(offset: number, length: number): readonly MemoryRange[];
  /** vm_operations_struct: one more stretch of memory shows it, and one less. */
  mapped(vma: Vma): void;
  unmapped(vma: Vma): void;
  /** MADV_REMOVE: makes a hole. */
  punch(offset: number, length: number): void;
}

/**
 * A mapping of a file in a program's memory, as `struct vm_area_struct`. The file's mmap operation fills in {@link backing}; the
 * mapping then holds a reference to the file until it is unmapped.
 */
export class Vma {
  readonly file: File;
  /** In bytes, a multiple of the page size. */
  readonly length: number;
  /** Into the file, in bytes, a multiple of the page size. */
  readonly offset: number;
  /** PROT_ bits. */
  readonly protection: number;
  /** MAP_ bits as given, MAP_FIXED and its like included. */
  readonly flags: number;
  /** Where the program would like it, or must have it (MAP_FIXED); 0 for anywhere. */
  readonly hint: number;
  readonly shared: boolean;
  /** Whether mprotect(2) may make it writable: VM_MAYWRITE. */
  mayWrite: boolean;
  kind: VmaKind = 'io';
  /** Whether the device must see each store: the file's operation `portal` is asked then. */
  isPortal = false;
  /** Set by a file whose pages may change while it is mapped; {@link backing} stays empty then. */
  source: MappedFile | undefined;
  /** What it shows, in order; together as long as the mapping. */
  backing: readonly MemoryRange[] = [];
  /** Set once it is mapped. */
  address = 0;

  constructor(file: File, where: Pick<Vma, 'length' | 'offset' | 'protection' | 'flags' | 'hint' | 'shared' | 'mayWrite'>) {
    this.file = file;
    this.length = where.length;
    this.offset = where.offset;
    this.protection = where.protection;
    this.flags = where.flags;
    this.hint = where.hint;
    this.shared = where.shared;
    this.mayWrite = where.mayWrite;
  }
}

/** Cuts the part [offset, offset + length) out of a list of ranges. */
export function sliceRanges(ranges: readonly MemoryRange[], offset: number, length: number): MemoryRange[] {
  const out: MemoryRange[] = [];
  let at = 0;
  for (const range of ranges) {
    const from = Math.max(offset, at);
    const to = Math.min(offset + length, at + range.length);
    if (from < to) out.push({ memory: range.memory, offset: range.offset + from - at, length: to - from });
    at += range.length;
  }
  return out;
}

/** The same bytes as the fewest ranges. */
export function joinRanges(ranges: readonly MemoryRange[]): MemoryRange[] {
  const out: MemoryRange[] = [];
  for (const range of ranges) {
    const last = out.at(-1);
    if (last !== undefined && last.memory === range.memory && last.offset + last.length === range.offset) {
      out[out.length - 1] = { ...last, length: last.length + range.length };
    } else out.push(range);
  }
  return out;
}
