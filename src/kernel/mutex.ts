import type { Kernel } from './colour.ts';
import { type WaitOptions, WaitQueue, wait } from './wait.ts';

/** `struct mutex`: sleeps, knows its owner's purpose, is handed to whoever the scheduler runs first. */
export class Mutex {
  readonly #queue: WaitQueue;
  #locked = false;

  constructor(name: string) {
    this.#queue = new WaitQueue(`the lock of ${name}`);
  }

  get isLocked(): boolean {
    return this.#locked;
  }

  tryLock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    return true;
  }

  /** @throws Errno ERESTARTSYS when the wait is interruptible and a signal comes */
  *lock(options: WaitOptions = { mode: 'uninterruptible' }): Kernel<void> {
    while (!this.tryLock()) yield* wait(this.#queue, () => !this.#locked, options);
  }

  unlock(): void {
    if (!this.#locked) throw new Error(`unlock of ${this.#queue.name}, which nobody holds`);
    this.#locked = false;
    this.#queue.wakeOne();
  }
}
