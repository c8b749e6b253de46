/** The locks of an inode: fs/locks.c. */
import { F_UNLCK, F_WRLCK } from '../abi/uapi/index.ts';
import type { File } from './file.ts';
import { WaitQueue } from './wait.ts';

/** Who holds record locks: a process by its descriptors or by its door, or an open file (F_OFD_SETLK). */
export type LockOwner = object;

/** A stretch of a file that is locked; the last byte is included, as in Linux. */
export interface RecordLock {
  readonly owner: LockOwner;
  /** -1 for a lock of an open file. */
  readonly pid: number;
  /** F_RDLCK or F_WRLCK; F_UNLCK when it asks for an unlock. */
  readonly type: number;
  readonly start: bigint;
  readonly end: bigint;
}

const overlap = (a: RecordLock, b: RecordLock) => a.start <= b.end && b.start <= a.end;
const collide = (a: { readonly type: number }, b: { readonly type: number }) => a.type === F_WRLCK || b.type === F_WRLCK;

/** What flock(2) and fcntl(2) have locked of one file. */
export class FileLocks {
  /** Of flock(2): by open file, F_RDLCK or F_WRLCK. */
  readonly #whole = new Map<File, number>();
  /** Of fcntl(2): of one owner never overlapping, sorted. */
  #records: RecordLock[] = [];
  readonly released = new WaitQueue('a file lock');

  /** flock_lock_inode, without the wait. A lock of another type is given up first, whether the new one can be had or not. */
  tryFlock(file: File, type: number): boolean {
    if (this.#whole.get(file) === type) return true;
    if (this.#whole.delete(file)) this.released.wake();
    if (type === F_UNLCK) return true;
    for (const other of this.#whole.values()) if (collide({ type }, { type: other })) return false;
    this.#whole.set(file, type);
    return true;
  }

  /** posix_test_lock: the first lock of somebody else that is in the way. */
  conflict(wanted: RecordLock): RecordLock | undefined {
    if (wanted.type === F_UNLCK) return undefined;
    return this.#records.find((lock) => lock.owner !== wanted.owner && overlap(lock, wanted) && collide(lock, wanted));
  }

  /** posix_lock_inode, after nothing is in the way: cuts what the owner had there, and joins what touches. */
  apply(wanted: RecordLock): void {
    const kept: RecordLock[] = [];
    let { start, end } = wanted;
    for (const lock of this.#records) {
      const touches = lock.owner === wanted.owner && lock.start <= end + 1n && start <= lock.end + 1n;
      if (touches && lock.type === wanted.type) {
        if (lock.start < start) start = lock.start;
        if (lock.end > end) end = lock.end;
      } else if (touches && overlap(lock, wanted)) {
        if (lock.start < wanted.start) kept.push({ ...lock, end: wanted.start - 1n });
        if (lock.end > wanted.end) kept.push({ ...lock, start: wanted.end + 1n });
      } else kept.push(lock);
    }
    if (wanted.type !== F_UNLCK) kept.push({ ...wanted, start, end });
    this.#records = kept.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    this.released.wake();
  }

  /** The end of an open file. */
  dropFile(file: File): void {
    this.#whole.delete(file);
    this.dropOwner(file);
  }

  /** A process closed a descriptor of the file, or has ended. */
  dropOwner(owner: LockOwner): void {
    this.#records = this.#records.filter((lock) => lock.owner !== owner);
    this.released.wake();
  }
}
