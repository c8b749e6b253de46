import { Errno } from '../abi/index.ts';
import type { Kernel } from './colour.ts';
import { type EventfdContext, eventfdOf } from './eventfd.ts';
import type { Faults } from './faults.ts';
import { type File, FMODE_PATH } from './file.ts';
import type { Memfd } from './memfd.ts';

/**
 * The descriptors of a task, as `files_struct`. In process they are a table of ours; for a native program they are the real ones,
 * and each operation but {@link at} asks the program.
 */
export interface Descriptors {
  /** The file of a descriptor that is known without asking, an O_PATH one included. */
  at(fd: number): File | undefined;
  /** fget, with a reference for the caller. @throws Errno EBADF when it is not open, or open with O_PATH */
  get(fd: number): Kernel<File>;
  /**
   * The file of a descriptor as one whose pages a driver may pin, for the time of the call; undefined for other files.
   *
   * @throws Errno EBADF as {@link get}
   */
  memfd(fd: number): Kernel<Memfd | undefined>;
  /**
   * eventfd_ctx_fdget: the counter of an eventfd, to be kept until it is put.
   *
   * @throws Errno EBADF as {@link get}; EINVAL for another kind of file
   */
  eventfd(fd: number): Kernel<EventfdContext>;
  /** get_unused_fd_flags: takes the lowest free number for a file to come. @throws Errno EMFILE */
  reserve(closeOnExec: boolean): Kernel<number>;
  /** fd_install: puts a file, whose reference becomes the table's, behind a reserved number. */
  fill(fd: number, file: File): Kernel<void>;
  /** put_unused_fd. It does not fail, whatever has become of the task meanwhile. */
  cancel(fd: number): Kernel<void>;
  /** Reserves and fills in one step. @throws Errno EMFILE; the reference stays the caller's then */
  install(file: File, closeOnExec: boolean): Kernel<number>;
}

/** A reserved number without a file answers as if it were closed. */
type Slot = { file: File | undefined; closeOnExec: boolean };

/** The table of an in-process task. */
export class FdTable implements Descriptors {
  readonly #slots: (Slot | undefined)[] = [];
  /** No number below this is free. */
  #lowest = 0;
  /** RLIMIT_NOFILE: one more than the highest number. */
  limit: number;
  readonly #faults: Faults | undefined;

  constructor(limit: number, faults?: Faults) {
    this.limit = limit;
    this.#faults = faults;
  }

  at(fd: number): File | undefined {
    return this.#slots[fd]?.file;
  }

  *get(fd: number): Kernel<File> {
    const file = this.at(fd);
    if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is not open`);
    if ((file.mode & FMODE_PATH) !== 0) throw new Errno('EBADF', `descriptor ${fd} is only a path`);
    return file.get();
  }

  *memfd(fd: number): Kernel<Memfd | undefined> {
    const file = yield* this.get(fd);
    const { sealable } = file.inode;
    file.put();
    return sealable;
  }

  *eventfd(fd: number): Kernel<EventfdContext> {
    const file = yield* this.get(fd);
    try {
      return eventfdOf(file);
    } finally {
      file.put();
    }
  }

  *reserve(closeOnExec: boolean): Kernel<number> {
    return this.#take(undefined, closeOnExec, 0);
  }

  *fill(fd: number, file: File): Kernel<void> {
    const slot = this.#slots[fd];
    if (slot === undefined || slot.file !== undefined) throw new Error(`descriptor ${fd} was not reserved`);
    slot.file = file;
  }

  *cancel(fd: number): Kernel<void> {
    this.#free(fd);
  }

  *install(file: File, closeOnExec: boolean): Kernel<number> {
    return this.#take(file, closeOnExec, 0);
  }

  /** dup(2) and F_DUPFD. @param from the lowest number wanted @throws Errno EINVAL for a `from` beyond the limit, EMFILE */
  duplicate(file: File, from: number, closeOnExec: boolean): number {
    if (from < 0 || from >= this.limit) throw new Errno('EINVAL', `descriptor ${from} is beyond the limit of ${this.limit}`);
    const fd = this.#take(file, closeOnExec, from);
    file.get();
    return fd;
  }

  /** dup2(2): what was at `fd` is closed. @returns the file that was there, whose reference is the caller's now */
  replace(fd: number, file: File, closeOnExec: boolean): File | undefined {
    if (fd < 0 || fd >= this.limit) throw new Errno('EBADF', `descriptor ${fd} is beyond the limit of ${this.limit}`);
    const slot = this.#slots[fd];
    if (slot !== undefined && slot.file === undefined) throw new Errno('EBUSY', `descriptor ${fd} is being opened`);
    this.#slots[fd] = { file: file.get(), closeOnExec };
    return slot?.file;
  }

  /** Takes a file out. @returns it; the reference is the caller's now @throws Errno EBADF */
  remove(fd: number): File {
    const file = this.at(fd);
    if (file === undefined) throw new Errno('EBADF', `descriptor ${fd} is not open`);
    this.#free(fd);
    return file;
  }

  closeOnExec(fd: number): boolean {
    return this.#slots[fd]?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, value: boolean): void {
    const slot = this.#slots[fd];
    if (slot !== undefined) slot.closeOnExec = value;
  }

  /** What fork(2) gives the child. */
  copy(): FdTable {
    const child = new FdTable(this.limit, this.#faults);
    for (const [fd, slot] of this.#slots.entries()) {
      if (slot?.file !== undefined) child.#slots[fd] = { file: slot.file.get(), closeOnExec: slot.closeOnExec };
    }
    return child;
  }

  /** Open descriptors, in order. */
  *entries(): Generator<[fd: number, file: File]> {
    for (const [fd, slot] of this.#slots.entries()) if (slot?.file !== undefined) yield [fd, slot.file];
  }

  #take(file: File | undefined, closeOnExec: boolean, from: number): number {
    this.#faults?.check('fd', '');
    let fd = Math.max(from, this.#lowest);
    while (this.#slots[fd] !== undefined) fd++;
    if (fd >= this.limit) throw new Errno('EMFILE', `all ${this.limit} descriptors are in use`);
    if (from <= this.#lowest) this.#lowest = fd + 1;
    this.#slots[fd] = { file, closeOnExec };
    return fd;
  }

  #free(fd: number): void {
    this.#slots[fd] = undefined;
    this.#lowest = Math.min(this.#lowest, fd);
  }
}
