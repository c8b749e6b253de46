/** The contexts in which several locks of a class are taken: ww_acquire_ctx of linux/ww_mutex.h. */
import type { Tracked } from './ledger.ts';
import type { LockClass } from './lockdep.ts';
import type { System } from './system.ts';
import type { WwMutex } from './ww-mutex.ts';

/** Locks that are taken together in any order, as a `struct ww_class` of the wait-die kind. */
export class WwClass {
  readonly system: System;
  /** For people: `reservation`. */
  readonly name: string;
  readonly lockClass: LockClass;
  #lastStamp = 0;

  constructor(system: System, name: string) {
    this.system = system;
    this.name = name;
    this.lockClass = system.lockdep.lockClass(`${name}_ww_class_mutex`);
  }

  /** The number of the next context: the lower, the older. */
  takeStamp(): number {
    return ++this.#lastStamp;
  }
}

/**
 * Somebody who takes several locks of a class, as `struct ww_acquire_ctx`: made by ww_acquire_init, ended by {@link finish}. One that
 * is never ended is a leak.
 *
 * Misuse that a kernel with CONFIG_DEBUG_MUTEXES warns about is a finding: `ww-acquire-after-done`, `ww-done-twice`,
 * `ww-finished-holding-locks`, `ww-foreign-class`, `ww-other-lock-after-deadlock`, `ww-locks-kept-after-deadlock`.
 */
export class WwAcquireContext implements Tracked {
  readonly kind = 'acquire context';
  readonly class: WwClass;
  /** Of two contexts, the one with the lower stamp began earlier and goes first. */
  readonly stamp: number;
  #acquired = 0;
  #isDone = false;
  /** The lock of the last EDEADLK, until it is taken. */
  #contended: WwMutex | undefined;

  constructor(wwClass: WwClass) {
    this.class = wwClass;
    this.stamp = wwClass.takeStamp();
    wwClass.system.ledger.add(this);
  }

  /** Locks held. */
  get acquired(): number {
    return this.#acquired;
  }

  /** The lock to take first after EDEADLK, when all others have been given back. */
  get contended(): WwMutex | undefined {
    return this.#contended;
  }

  isYoungerThan(other: WwAcquireContext): boolean {
    return this.stamp > other.stamp;
  }

  /** ww_acquire_done: says that no more locks will be taken. Needs not be called. */
  done(): void {
    if (this.#isDone) this.#report('ww-done-twice', `${this.describe()} was said to be done twice`);
    this.#isDone = true;
  }

  /** ww_acquire_fini, when all locks have been given back. */
  finish(): void {
    if (this.#acquired > 0) this.#report('ww-finished-holding-locks', `${this.describe()} was ended with ${this.#acquired} locks held`);
    this.#isDone = true;
    this.class.system.ledger.remove(this);
  }

  /** For {@link WwMutex}: it was taken in this context. */
  lockAcquired(lock: WwMutex): void {
    if (this.#isDone) this.#report('ww-acquire-after-done', `${lock.name} was taken by ${this.describe()}, which was done`);
    if (lock.class !== this.class) this.#report('ww-foreign-class', `${lock.name} is not a lock of ${this.describe()}`);
    if (this.#contended !== undefined) {
      if (this.#contended !== lock)
        this.#report('ww-other-lock-after-deadlock', `${lock.name} was taken instead of ${this.#contended.name}, which said EDEADLK`);
      if (this.#acquired > 0)
        this.#report('ww-locks-kept-after-deadlock', `${this.describe()} kept ${this.#acquired} locks after EDEADLK of ${lock.name}`);
      this.#contended = undefined;
    }
    this.#acquired++;
  }

  /** For {@link WwMutex}: it was given back. */
  lockReleased(): void {
    this.#acquired--;
  }

  /** For {@link WwMutex}: this context must give way. */
  die(lock: WwMutex): void {
    this.#contended = lock;
  }

  #report(rule: string, text: string): void {
    this.class.system.findings.report(rule, text);
  }

  describe(): string {
    return `acquire context ${this.stamp} of class ${this.class.name}`;
  }
}
