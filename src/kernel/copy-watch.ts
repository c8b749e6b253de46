import type { Faults } from './faults.ts';
import type { Lockdep } from './lockdep.ts';

/** Which way bytes of a program are copied. */
export type CopyService = 'copy_from_user' | 'copy_to_user';

/**
 * Looks on when the kernel touches a program's memory: such an access may fault and sleep, so it breaks a rule under some locks, and a
 * fault plan may let it fail.
 */
export class CopyWatch {
  /** Bytes that reads and writes have copied between the kernel and programs. */
  bytes = 0;
  readonly #lockdep: Lockdep;
  readonly #faults: Faults;

  constructor(lockdep: Lockdep, faults: Faults) {
    this.#lockdep = lockdep;
    this.#faults = faults;
  }

  /** Whether anybody cares now. Looked at by every copy, so it is cheap. */
  get isOn(): boolean {
    return this.#lockdep.held > 0 || this.#faults.isActive;
  }

  /** might_fault. @returns whether the copy is to fail */
  copying(service: CopyService): boolean {
    this.#lockdep.mightTake(this.#lockdep.mmapLock);
    return this.#faults.fails(service, '') !== undefined;
  }
}
