import type { File, QueuedWait, ScheduledEvent, Waiter } from '../../kernel/index.ts';
import type { Slot } from './slot.ts';

/**
 * Looks on for a program while its own kernel polls: tells it once, when one of the files may have become ready or the time is up. What
 * holds then, the program asks again. Keeps the files as poll(2) does.
 */
export class PollWatch implements Waiter {
  /** Whether there was something to tell. */
  hasTold = false;
  readonly #slot: Slot;
  readonly #queues: readonly QueuedWait[];
  readonly #files: readonly (File | undefined)[];
  readonly #timer: ScheduledEvent | undefined;

  /** @param timeout_ns Infinity when the program keeps the time */
  constructor(slot: Slot, queues: readonly QueuedWait[], files: readonly (File | undefined)[], timeout_ns: number) {
    this.#slot = slot;
    this.#queues = queues;
    this.#files = files;
    for (const { queue, key } of queues) queue.add(this, key);
    if (timeout_ns !== Number.POSITIVE_INFINITY)
      this.#timer = slot.task.system.clock.schedule(timeout_ns, 'timeout of poll', () => this.wake());
  }

  wake(): void {
    this.#leave();
    this.hasTold = true;
    this.#slot.wake();
  }

  /** Nobody asks any more. */
  end(): void {
    this.#leave();
    for (const file of this.#files) file?.put();
  }

  #leave(): void {
    for (const { queue } of this.#queues) queue.remove(this);
    this.#timer?.cancel();
  }
}
