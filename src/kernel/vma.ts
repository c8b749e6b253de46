import type { File } from './file.ts';
import type { MemoryRange } from './memory-object.ts';

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
  readonly mayWrite: boolean;
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
