import { type AnyRequest, Errno } from '../abi/index.ts';
import { O_ACCMODE, O_NONBLOCK, O_PATH } from '../abi/uapi/index.ts';
import { isKernel, type Kernel, type MaybeKernel } from './colour.ts';
import { Counted } from './counted.ts';
import type { Inode } from './inode.ts';
import type { AsyncTransfer } from './kiocb.ts';
import type { MemoryObject } from './memory-object.ts';
import type { PollTable } from './poll.ts';
import type { PortalStore } from './portal.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';
import type { UserBuffer } from './user-memory.ts';
import type { Vma } from './vma.ts';
import { type WaitQueue, wait } from './wait.ts';

/** f_mode bits of linux/fs.h that calls look at. */
export const FMODE_READ = 0x1;
export const FMODE_WRITE = 0x2;
export const FMODE_LSEEK = 0x4;
export const FMODE_PREAD = 0x8;
export const FMODE_PWRITE = 0x10;
export const FMODE_PATH = 0x4000;
export const FMODE_OPENED = 0x80000;

/** Where in the file a call works: the file's own position, or the one that pread(2) gives. */
export interface Position {
  position: number;
}

/**
 * What a driver or file system does when a file of its kind is used, as `struct file_operations`. What is left out, Linux answers:
 * read and write EINVAL, ioctl ENOTTY, mmap ENODEV, lseek ESPIPE, poll always ready. Any of them may be a generator.
 */
export interface FileOperations<P = any> {
  /** FOP_UNSIGNED_OFFSET: offsets are 64 bits without a sign, so those with the top bit are only large. */
  readonly unsignedOffsets?: true;
  /** Makes `file.private`. If it throws, the file never existed and release is not called. */
  readonly open?: (file: File<P>, task: Task) => MaybeKernel<void>;
  /**
   * The last reference is gone. Called once. May be a generator: whoever let go last waits for it. O_PATH descriptors are no
   * references: they only hold the name, see {@link dentryRelease}.
   */
  readonly release?: (file: File<P>) => MaybeKernel<void>;
  /** d_release: neither the file nor a path to it is open any more. After `release`. */
  readonly dentryRelease?: (file: File<P>) => MaybeKernel<void>;
  /** @returns bytes moved; 0 is the end of the file */
  readonly read?: (file: File<P>, to: UserBuffer, at: Position, task: Task) => MaybeKernel<number>;
  readonly write?: (file: File<P>, from: UserBuffer, at: Position, task: Task) => MaybeKernel<number>;
  readonly llseek?: (file: File<P>, offset: number, whence: number, task: Task) => MaybeKernel<number>;
  /** @param argument the third argument of ioctl(2) as a signed 64-bit number: an address, or a plain value */
  readonly ioctl?: (file: File<P>, request: number, argument: number, task: Task) => MaybeKernel<number>;
  /** Requests that `ioctl` knows, for traces and for doors that fetch arguments early. */
  readonly requests?: readonly AnyRequest[];
  /** @returns POLL bits that hold now; registers the queues that can change that */
  readonly poll?: (file: File<P>, table: PollTable) => MaybeKernel<number>;
  /** Fills in `vma.backing`. */
  readonly mmap?: (file: File<P>, vma: Vma, task: Task) => MaybeKernel<void>;
  /** What bytes that are written mean, for traces; undefined when they mean nothing. */
  readonly formatData?: (bytes: Uint8Array) => string | undefined;
  /** A store to a mapping with `isPortal`. @returns whether the device took it */
  readonly portal?: (file: File<P>, store: PortalStore, task: Task) => MaybeKernel<boolean>;
  /**
   * read_iter and write_iter: how io_submit(2) reads and writes; without them it is EINVAL. `true`: by the operations read and write, to
   * their end before io_submit returns.
   */
  readonly readIter?: true | AsyncTransfer<P>;
  readonly writeIter?: true | AsyncTransfer<P>;
  /** Whether its read and write operations serve splice(2) and its like, too: splice_read and splice_write. */
  readonly splice?: true;
  readonly fsync?: (file: File<P>) => MaybeKernel<void>;
  readonly truncate?: (file: File<P>, length: number) => void;
  readonly allocate?: (file: File<P>, mode: number, offset: number, length: number) => void;
  /** Names in a directory, in order. */
  readonly readdir?: (file: File<P>) => readonly DirectoryEntry[];
  /** Lines that /proc/PID/fdinfo adds to the generic ones, each with its newline. */
  readonly showFdinfo?: (file: File<P>) => string;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number;
  /** S_IFMT bits. */
  readonly type: number;
  /** What lseek(2) takes to go on from here; its number in the list when left out. */
  readonly position?: number;
}

/** Something that watches a file without holding it, and ends with it: an entry of an epoll set. */
export interface FileWatch {
  /** The last reference is gone; the file's release comes next. */
  fileReleased(): void;
}

export interface FileDescription<P> {
  readonly ops: FileOperations<P>;
  readonly inode: Inode;
  /** Open flags as F_GETFL will show them, O_LARGEFILE included where Linux sets it. */
  readonly flags: number;
  /** FMODE_ bits beyond those that follow from flags and ops. */
  readonly mode?: number;
  readonly private?: P;
  /** What /proc/self/fd shows. */
  readonly path: () => string;
  /**
   * The memory that the file is, if it is nothing but one memory object from its first byte to its last: the native door hands
   * such a file out as that memory.
   */
  readonly memory?: MemoryObject;
  /** The file whose name a file opened with O_PATH holds, when that is more than its inode. */
  readonly pathOf?: File;
  /** Whether a fault plan has been asked already: whoever opens by a path asks before the walk. */
  readonly isAllocated?: true;
}

/** OPEN_FMODE of linux/fs.h: access mode 3 is neither readable nor writable. */
function accessBits(flags: number): number {
  return ((flags & O_ACCMODE) + 1) & O_ACCMODE;
}

/**
 * An open file, as `struct file`: shared by every descriptor that dup, fork or a socket made of it.
 *
 * Its holders are descriptors, mappings, messages in flight and kernel users. The operation `release` runs when the last one lets go.
 */
export class File<P = any> extends Counted {
  readonly kind = 'file';
  readonly system: System;
  readonly ops: FileOperations<P>;
  readonly inode: Inode;
  flags: number;
  mode: number;
  private: P;
  position = 0;
  /** Of F_SETOWN and F_SETSIG: who is told by SIGIO, and by which signal instead. */
  owner = 0;
  signal = 0;
  readonly memory: MemoryObject | undefined;
  /** Most files never have one. */
  watches: Set<FileWatch> | undefined;
  /** Set by a door that keeps one reference for holders outside: how many there are beyond that one. */
  holdersOutside: (() => number) | undefined;
  readonly #path: () => string;
  readonly #pathOf: File | undefined;
  /** Files opened with O_PATH that hold its name. */
  #paths = 0;

  /** alloc_empty_file. @throws Errno ENFILE, ENOMEM by a fault plan */
  constructor(system: System, description: FileDescription<P>) {
    super();
    if (system.faults.isActive && description.isAllocated !== true) system.faults.check('file', description.path());
    this.system = system;
    this.ops = description.ops;
    this.inode = description.inode;
    this.flags = description.flags;
    this.mode =
      FMODE_OPENED |
      (description.mode ?? 0) |
      ((description.flags & O_PATH) !== 0
        ? FMODE_PATH
        : accessBits(description.flags) | (description.ops.llseek === undefined ? 0 : FMODE_LSEEK));
    this.private = description.private as P;
    this.#path = description.path;
    this.memory = description.memory;
    const { pathOf } = description;
    // A path of a path leads to the same name.
    this.#pathOf = pathOf === undefined ? undefined : (pathOf.#pathOf ?? pathOf);
    if (this.#pathOf !== undefined) this.#pathOf.#paths++;
    system.ledger.add(this);
  }

  /** What a link in /proc/self/fd says. */
  get path(): string {
    return this.#path();
  }

  /** file_count: descriptors, mappings, messages in flight, kernel users. */
  get holders(): number {
    return this.count + (this.holdersOutside?.() ?? 0);
  }

  protected released(): void {
    this.system.ledger.remove(this);
    if (this.watches !== undefined) for (const watch of [...this.watches]) watch.fileReleased();
    this.inode.locks?.dropFile(this);
    if (this.#pathOf !== undefined) this.#pathOf.#dropPath();
    if ((this.mode & FMODE_PATH) === 0 && (this.mode & FMODE_OPENED) !== 0) {
      this.#finish(this.ops.release?.(this));
      if (this.#paths === 0) this.#finish(this.ops.dentryRelease?.(this));
    }
    this.inode.fs.onFileGone?.();
  }

  #dropPath(): void {
    this.#paths--;
    if (this.#paths === 0 && this.count === 0) this.#finish(this.ops.dentryRelease?.(this));
  }

  #finish(release: MaybeKernel<void>): void {
    if (isKernel(release)) this.system.defer(`release of ${this.path}`, release);
  }

  /** Forgets a file whose open failed: it is not released. */
  abandon(): void {
    this.mode &= ~FMODE_OPENED;
    this.put();
  }

  /** nonseekable_open and stream_open: no position, so pread and pwrite are ESPIPE. For `open` operations. */
  makeNonseekable(): void {
    this.mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
  }

  /** What seq_open does: no pwrite. For `open` operations. */
  makeUnwritableAt(): void {
    this.mode &= ~FMODE_PWRITE;
  }

  describe(): string {
    return `file ${this.path}`;
  }
}

/**
 * The wait of a read or write operation: until a condition holds, or not at all for a file that is open with O_NONBLOCK.
 *
 * @throws Errno EAGAIN when it would have to wait and must not; ERESTARTSYS when a signal comes first
 */
export function* waitOrAgain(file: File, queue: WaitQueue, condition: () => boolean): Kernel<void> {
  if ((file.flags & O_NONBLOCK) !== 0 && !condition()) throw new Errno('EAGAIN', `it would wait for ${queue.name}`);
  yield* wait(queue, condition);
}
