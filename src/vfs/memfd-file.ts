import { Errno } from '../abi/index.ts';
import {
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_PUNCH_HOLE,
  PAGE_SIZE,
  PROT_WRITE,
} from '../abi/uapi/index.ts';
import {
  type File,
  type FileOperations,
  type FileSystem,
  joinRanges,
  type Kernel,
  type MappedFile,
  type MaybeKernel,
  type MemoryRange,
  type PinnedPages,
  type SealableFile,
  type Stat,
  sleep,
  sliceRanges,
  type Vma,
} from '../kernel/index.ts';
import { PageCache, type PhysicalMemory } from '../memory/index.ts';
import type { MemfdMemory } from './memfd-memory.ts';
import { pageOf, pagesFor, ShmemFile, shmemOperations } from './shmem-file.ts';
import type { NewInode } from './tree-inode.ts';

const WRITE_SEALS = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
const EXECUTABLE = 0o111;
/** memfd_wait_for_pins gives those who have pinned pages so long to let go: HZ << scan, a 200th of it. */
const PATIENCE_ns = [10e6, 20e6, 40e6, 80e6];

/** What a new memory file is. */
export interface NewMemfd extends NewInode {
  readonly ino: number;
  readonly seals: number;
}

/** A file of memfd_create(2): pages in the machine's RAM, and seals. */
export class MemfdFile extends ShmemFile implements SealableFile, MappedFile {
  readonly sizeMax = Number.MAX_SAFE_INTEGER;
  seals: number;
  readonly #memory: MemfdMemory;
  readonly #pages: PageCache;
  #size = 0;
  /** Shared mappings that write or may be made to. */
  #writableMappings = 0;
  #openFiles = 0;

  constructor(fs: FileSystem, attributes: NewMemfd, ram: PhysicalMemory, memory: MemfdMemory) {
    super(fs, attributes);
    this.nlink = 0;
    this.seals = attributes.seals;
    this.#memory = memory;
    this.#pages = new PageCache(ram, (first, wanted) => memory.take(first, wanted, pagesFor(this.#size)));
  }

  override get operations(): FileOperations {
    return memfdOperations;
  }

  override get sealable(): SealableFile {
    return this;
  }

  override get size(): number {
    return this.#size;
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: this.#pages.count * (PAGE_SIZE / 512) };
  }

  /** Counts the open files: the pages go with the last. */
  opened(): void {
    this.#openFiles++;
  }

  released(): void {
    if (--this.#openFiles > 0) return;
    this.#pages.drop(0);
    this.#memory.release();
  }

  // ---- seals and pins ---------------------------------------------------------------

  /** memfd_add_seals. Before nobody may write, nobody may have a mapping to write by, nor keep a page. */
  addSeals(seals: number): MaybeKernel<void> {
    if ((this.seals & F_SEAL_SEAL) !== 0) throw new Errno('EPERM', 'the file is sealed against seals');
    const added = this.seals | seals | (this.#becomesFixed(seals) ? F_SEAL_SHRINK | F_SEAL_GROW | WRITE_SEALS : 0);
    if ((seals & ~this.seals & F_SEAL_WRITE) === 0) {
      this.seals = added;
      return;
    }
    if (this.#writableMappings > 0) throw new Errno('EBUSY', 'it is mapped so that it may be written');
    if (this.#pages.isPinned) return this.#sealUnpinned(added);
    this.seals = added;
  }

  /** A program that is sealed executable is sealed against change, too. */
  #becomesFixed(seals: number): boolean {
    return (seals & F_SEAL_EXEC) !== 0 && (this.mode & EXECUTABLE) !== 0;
  }

  *#sealUnpinned(seals: number): Kernel<void> {
    for (const duration_ns of PATIENCE_ns) {
      yield* sleep(duration_ns);
      if (this.#pages.isPinned) continue;
      this.seals = seals;
      return;
    }
    throw new Errno('EBUSY', 'a driver keeps pages of it');
  }

  pin(offset: number, length: number): PinnedPages {
    if (offset < 0 || length <= 0) throw new Errno('EINVAL', 'no pages are wanted');
    if (offset + length > this.#size) throw new Errno('EINVAL', `the file ends at ${this.#size}`);
    return this.#pages.pin(pageOf(offset), pageOf(offset + length));
  }

  // ---- bytes ------------------------------------------------------------------------

  bytesAt(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#size);
    const out = new Uint8Array(Math.max(end - offset, 0));
    for (let at = offset; at < end; ) {
      const within = at % PAGE_SIZE;
      const part = Math.min(end - at, PAGE_SIZE - within);
      const page = this.#pages.bytesOf(pageOf(at));
      if (page !== undefined) out.set(page.subarray(within, within + part), at - offset);
      at += part;
    }
    return out;
  }

  write(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    if ((this.seals & WRITE_SEALS) !== 0) throw new Errno('EPERM', 'the file is sealed against writing');
    this.#assertMayGrow(end);
    this.#fill(at, bytes);
    this.#size = Math.max(this.#size, end);
  }

  override truncate(length: number): void {
    if (length < this.#size && (this.seals & F_SEAL_SHRINK) !== 0) throw new Errno('EPERM', 'the file is sealed against getting shorter');
    this.#assertMayGrow(length);
    super.truncate(length);
  }

  override allocate(mode: number, offset: number, length: number): void {
    const punches = (mode & FALLOC_FL_PUNCH_HOLE) !== 0;
    if (punches && (this.seals & WRITE_SEALS) !== 0) throw new Errno('EPERM', 'the file is sealed against writing');
    if (!punches) this.#assertMayGrow(offset + length);
    super.allocate(mode, offset, length);
  }

  #assertMayGrow(end: number): void {
    if (end > this.#size && (this.seals & F_SEAL_GROW) !== 0) throw new Errno('EPERM', 'the file is sealed against getting longer');
  }

  #fill(at: number, bytes: Uint8Array): void {
    let done = 0;
    for (const { memory, offset, length } of this.#pages.ranges(pageOf(at), pagesFor(at + bytes.length))) {
      const from = done === 0 ? offset + (at % PAGE_SIZE) : offset;
      const part = bytes.subarray(done, done + length - (from - offset));
      memory.bytes().set(part, from);
      done += part.length;
    }
  }

  protected nextPage(page: number): number | undefined {
    const end = pagesFor(this.#size);
    for (let at = page; at < end; at++) if (this.#pages.has(at)) return at;
    return undefined;
  }

  protected nextGap(page: number): number {
    let at = page;
    while (this.#pages.has(at)) at++;
    return at;
  }

  protected addPages(first: number, end: number): void {
    this.#pages.ranges(first, end);
  }

  protected dropPages(first: number, end: number): void {
    this.#pages.drop(first, end);
  }

  /** Behind the end of a file are zeros, when it becomes longer again. */
  protected resize(length: number): void {
    if (length < this.#size) this.clear(length, Math.min(this.#size, pagesFor(length) * PAGE_SIZE));
    this.#size = length;
  }

  protected clear(offset: number, end: number): void {
    for (let at = offset; at < end; ) {
      const within = at % PAGE_SIZE;
      const part = Math.min(end - at, PAGE_SIZE - within);
      this.#pages.bytesOf(pageOf(at))?.fill(0, within, within + part);
      at += part;
    }
  }

  // ---- mappings ---------------------------------------------------------------------

  rangesAt(offset: number, length: number): readonly MemoryRange[] {
    const end = Math.min(offset + length, pagesFor(this.#size) * PAGE_SIZE);
    if (end <= offset) return [];
    const pages = joinRanges(this.#pages.ranges(pageOf(offset), pagesFor(end)));
    return sliceRanges(pages, offset % PAGE_SIZE, end - offset);
  }

  mapped(vma: Vma): void {
    if (vma.shared && vma.mayWrite) this.#writableMappings++;
  }

  unmapped(vma: Vma): void {
    if (vma.shared && vma.mayWrite) this.#writableMappings--;
  }

  punch(offset: number, length: number): void {
    this.allocate(FALLOC_FL_PUNCH_HOLE, offset, length);
  }
}

const inodeOf = (file: File) => file.inode as MemfdFile;

const memfdOperations: FileOperations = {
  ...shmemOperations,

  open: (file) => inodeOf(file).opened(),

  release: (file) => inodeOf(file).released(),

  /** seal_check_write: what is sealed against writing is never mapped so that it may become writable. */
  mmap(file, vma) {
    const inode = inodeOf(file);
    if (vma.shared && (inode.seals & WRITE_SEALS) !== 0) {
      if ((vma.protection & PROT_WRITE) !== 0) throw new Errno('EPERM', 'the file is sealed against writing');
      vma.mayWrite = false;
    }
    vma.kind = 'pages';
    vma.source = inode;
    inode.accessed(file);
  },
};
