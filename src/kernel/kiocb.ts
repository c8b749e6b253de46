/** Reading and writing that may end after the call that began it: what drivers see of io_submit(2). */
import type { MaybeKernel } from './colour.ts';
import type { File } from './file.ts';
import type { Task } from './task.ts';
import type { UserBuffer } from './user-memory.ts';

/** A request under way, as `struct kiocb` of linux/fs.h. */
export interface Kiocb {
  /** ki_pos. */
  readonly position: number;
  /** IOCB_EVENTFD: its end is told by an eventfd of the request's own. */
  readonly hasEventfd: boolean;
  /**
   * kiocb_set_cancel_fn: has io_cancel(2), io_destroy(2) and the end of the program cancel it, once. Before it is queued.
   *
   * @param cancel begins to end it; {@link complete} comes then or later @throws Errno what io_cancel fails with
   */
  setCancel(cancel: () => void): void;
  /**
   * ki_complete, once, after the operation has said `queued`. Anything may run it but code that waits.
   *
   * @param result bytes moved, or a negated errno
   * @param bytes what was read, to be put into the memory of who submitted the request; as many as fit count, and EFAULT when that
   *   cannot be written
   */
  complete(result: number, bytes?: Uint8Array): void;
}

/**
 * read_iter or write_iter of a request that io_submit(2) has begun. It takes from its buffer what it needs before it ends.
 *
 * @returns bytes moved, or 'queued' (EIOCBQUEUED): then the request is completed later
 * @throws Errno what becomes the result of the request, never one of io_submit
 */
export type AsyncTransfer<P = any> = (file: File<P>, buffer: UserBuffer, request: Kiocb, task: Task) => MaybeKernel<number | 'queued'>;
