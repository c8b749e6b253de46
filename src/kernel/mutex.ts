import type { Kernel } from './colour.ts';
import { type WaitOptions, WaitQueue, wait } from './wait.ts';

/** `struct mutex`: sleeps, knows its owner's purpose, is handed to whoever the scheduler runs first. */
export class Mutex {
  readonly #queue: WaitQueue;
  readonly #caller: () => unknown;
  #locked = false;
  #holder: unknown;

  /** @param caller who asks, for {@link isHeldByCaller} */
  constructor(name: string, caller: () => unknown = () => undefined) {
    this.#queue = new WaitQueue(`the lock of ${name}`);
    this.#caller = caller;
  }

  get isLocked(): boolean {
    return this.#locked;
  }

  /** lockdep_is_held: whether it was the caller that took it. */
  get isHeldByCaller(): boolean {
    return this.#locked && this.#holder === this.#caller();
  }

  tryLock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    this.#holder = this.#caller();
    return true;
  }

  /** @throws Errno ERESTARTSYS when the wait is interruptible and a signal comes */
  *lock(options: WaitOptions = { mode: 'uninterruptible' }): Kernel<void> {
    while (!this.tryLock()) yield* wait(this.#queue, () => !this.#locked, options);
  }

  unlock(): void {
    if (!this.#locked) throw new Error(`unlock of ${this.#queue.name}, which nobody holds`);
    this.#locked = false;
    this.#holder = undefined;
    this.#queue.wakeOne();
  }
}
