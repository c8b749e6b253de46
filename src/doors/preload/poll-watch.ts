import type { File, QueuedWait, Waiter } from '../../kernel/index.ts';

/**
 * Looks on for a program while its own kernel polls: tells it once, when one of the files may have become ready. What holds then, the
 * program asks again. Keeps the files as poll(2) does.
 */
export class PollWatch implements Waiter {
  readonly #queues: readonly QueuedWait[];
  readonly #files: readonly (File | undefined)[];
  readonly #tell: () => void;

  constructor(queues: readonly QueuedWait[], files: readonly (File | undefined)[], tell: () => void) {
    this.#queues = queues;
    this.#files = files;
    this.#tell = tell;
    for (const { queue, key } of queues) queue.add(this, key);
  }

  wake(): void {
    this.#leave();
    this.#tell();
  }

  /** Nobody asks any more. */
  end(): void {
    this.#leave();
    for (const file of this.#files) file?.put();
  }

  #leave(): void {
    for (const { queue } of this.#queues) queue.remove(this);
  }
}
