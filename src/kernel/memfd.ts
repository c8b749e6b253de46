/** linux/memfd.h: files whose pages drivers may pin, which are those of tmpfs and hugetlbfs. */
import type { MaybeKernel } from './colour.ts';
import type { PageRange } from './memory-object.ts';

/** Pages that stay where they are, with what is in them, whatever becomes of their file. */
export interface PinnedPages {
  /** In order. Neighbours in memory that are neighbours in the file are one range. */
  readonly ranges: readonly PageRange[];
  /** unpin_folios. */
  unpin(): void;
}

/** A file of shared pages, as drivers see it. */
export interface Memfd {
  /** F_SEAL_ bits. */
  readonly seals: number;
  /**
   * memfd_pin_folios: keeps pages, and makes those that the file does not have yet.
   *
   * @param offset in bytes, a multiple of the page size; below 0 for one beyond 2^63
   * @param length in bytes, a multiple of the page size
   * @throws Errno EINVAL for a range that is empty or not wholly in the file; ENOMEM
   */
  pin(offset: number, length: number): PinnedPages;
}

/** The same, where the file is the machine's own. */
export interface SealableFile extends Memfd {
  /** F_ADD_SEALS. @throws Errno EINVAL for unknown seals, EPERM when more are sealed off, EBUSY when somebody may write */
  addSeals(seals: number): MaybeKernel<void>;
}
