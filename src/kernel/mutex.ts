import type { Kernel } from './colour.ts';
import type { HeldLock, LockClass } from './lockdep.ts';
import { type WaitOptions, WaitQueue, wait } from './wait.ts';

/** `struct mutex`: sleeps, knows its owner's purpose, is handed to whoever the scheduler runs first. */
export class Mutex {
  readonly #queue: WaitQueue;
  readonly #lockClass: LockClass | undefined;
  #locked = false;
  #held: HeldLock | undefined;

  /** @param lockClass whose order is checked; a lock that is not the machine's kernel's has none */
  constructor(name: string, lockClass?: LockClass) {
    this.#queue = new WaitQueue(`the lock of ${name}`);
    this.#lockClass = lockClass;
  }

  get isLocked(): boolean {
    return this.#locked;
  }

  /** lockdep_is_held: whether it was the caller that took it. Never of a lock without a class. */
  get isHeldByCaller(): boolean {
    return this.#held?.lockClass.isHeldByCaller(this.#held) ?? false;
  }

  tryLock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    this.#held = this.#lockClass?.taken(this);
    return true;
  }

  /** @throws Errno ERESTARTSYS when the wait is interruptible and a signal comes */
  *lock(options: WaitOptions = { mode: 'uninterruptible' }): Kernel<void> {
    this.#lockClass?.wanted(this);
    while (!this.tryLock()) yield* wait(this.#queue, () => !this.#locked, options);
  }

  unlock(): void {
    if (!this.#locked) throw new Error(`unlock of ${this.#queue.name}, which nobody holds`);
    this.#locked = false;
    if (this.#held !== undefined) this.#lockClass?.gaveBack(this.#held);
    this.#held = undefined;
    this.#queue.wakeOne();
  }

  /** For findings. */
  describe(): string {
    return this.#queue.name;
  }
}
