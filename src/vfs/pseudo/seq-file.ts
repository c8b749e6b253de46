/** fs/seq_file.c: text that is made record by record while it is read. */
import { Errno, isErrno } from '../../abi/index.ts';
import { PAGE_SIZE, SEEK_CUR, SEEK_SET } from '../../abi/uapi/index.ts';
import {
  type File,
  type FileOperations,
  finish,
  type Kernel,
  type MaybeKernel,
  Mutex,
  type Position,
  type Task,
  type UserBuffer,
} from '../../kernel/index.ts';

/**
 * The text of record number `index`; one character is one byte. Nothing behind the last record; an empty text is skipped.
 */
export type ShowRecord = (index: number, task: Task) => MaybeKernel<string | undefined>;

/** single_open: everything is one record. */
export const single =
  (show: (task: Task) => MaybeKernel<string>): ShowRecord =>
  (index, task) =>
    index === 0 ? show(task) : undefined;

const EMPTY = new Uint8Array(0);

/**
 * One reader's place, as `struct seq_file`.
 *
 * Invariants: (1) `rest` is what has been made but not read, and begins at `readPosition`; (2) `index` is the record behind it;
 * (3) one buffer holds whole records, so a read ends before a record that does not fit.
 */
export class SeqFile {
  readonly lock: Mutex;
  readonly #show: ShowRecord;
  #room = PAGE_SIZE;
  #rest: Uint8Array = EMPTY;
  #index = 0;
  #readPosition = 0;

  constructor(file: File, show: ShowRecord) {
    const { lockdep } = file.system;
    file.system.kmalloc('struct seq_file');
    this.lock = new Mutex(file.path, lockdep.lockClass('seq_file'));
    this.#show = show;
  }

  /** seq_read_iter. @throws Errno EFAULT, what a record says when nothing was read before it */
  *read(to: UserBuffer, at: Position, task: Task): Kernel<number> {
    if (to.remaining === 0) return 0;
    yield* this.lock.lock();
    try {
      if (at.position === 0) this.#rewind();
      if (at.position !== this.#readPosition) {
        const position = at.position;
        this.#readPosition = 0;
        yield* this.#traverse(position, task);
        this.#readPosition = position;
      }
      const done = yield* this.#fillFrom(to, task);
      at.position += done;
      this.#readPosition += done;
      return done;
    } finally {
      this.lock.unlock();
    }
  }

  /** seq_lseek. @throws Errno EINVAL for SEEK_END and its like */
  *seek(file: File, offset: number, whence: number, task: Task): Kernel<number> {
    const position = whence === SEEK_CUR ? file.position + offset : offset;
    if ((whence !== SEEK_SET && whence !== SEEK_CUR) || position < 0)
      throw new Errno('EINVAL', 'text that is being made has no such position');
    yield* this.lock.lock();
    try {
      if (position !== this.#readPosition) {
        file.position = this.#readPosition = 0;
        yield* this.#traverse(position, task);
        this.#readPosition = position;
      }
      file.position = position;
      return position;
    } finally {
      this.lock.unlock();
    }
  }

  #rewind(): void {
    this.#index = 0;
    this.#rest = EMPTY;
  }

  /** traverse: makes records up to a position and keeps what lies behind it. */
  *#traverse(position: number, task: Task): Kernel<void> {
    this.#rewind();
    for (let from = 0; from < position; ) {
      const record = yield* this.#make(this.#index, task);
      if (record === undefined) return;
      this.#index++;
      this.#rest = record.subarray(Math.min(record.length, position - from));
      from += record.length;
    }
  }

  *#fillFrom(to: UserBuffer, task: Task): Kernel<number> {
    let done = 0;
    if (this.#rest.length > 0) {
      done = yield* to.put(this.#rest);
      this.#rest = this.#rest.subarray(done);
      if (this.#rest.length > 0 || to.remaining === 0) return done;
    }
    try {
      this.#rest = yield* this.#gather(to.remaining, task);
    } catch (error) {
      if (done > 0 && isErrno(error)) return done;
      throw error;
    }
    if (this.#rest.length === 0) return done;
    try {
      const more = yield* to.put(this.#rest);
      this.#rest = this.#rest.subarray(more);
      return done + more;
    } catch (error) {
      if (done > 0 && isErrno(error, 'EFAULT')) return done;
      throw error;
    }
  }

  /** A record that is not empty, and as many more as are wanted and fit. */
  *#gather(wanted: number, task: Task): Kernel<Uint8Array> {
    const records: Uint8Array[] = [];
    let length = 0;
    while (length < wanted) {
      let record: Uint8Array | undefined;
      try {
        record = yield* this.#make(this.#index, task);
      } catch (error) {
        if (length > 0 && isErrno(error)) break;
        throw error;
      }
      if (record === undefined) break;
      while (length === 0 && record.length >= this.#room) this.#room *= 2;
      if (length + record.length >= this.#room) break;
      this.#index++;
      if (record.length > 0) records.push(record);
      length += record.length;
    }
    return records.length === 1 ? (records[0] as Uint8Array) : Buffer.concat(records);
  }

  *#make(index: number, task: Task): Kernel<Uint8Array | undefined> {
    const text = yield* finish(this.#show(index, task));
    return text === undefined ? undefined : Buffer.from(text, 'latin1');
  }
}

/** The operations of a file that is only such text. @param show from what the file is, when it is opened */
export function seqOperations(show: (file: File, task: Task) => ShowRecord): FileOperations<SeqFile> {
  return {
    open(file, task) {
      file.makeUnwritableAt();
      file.private = new SeqFile(file, show(file, task));
    },
    read: (file, to, at, task) => file.private.read(to, at, task),
    llseek: (file, offset, whence, task) => file.private.seek(file, offset, whence, task),
  };
}
