import type { Tracked } from './ledger.ts';

/**
 * A thing that several hold, as what embeds `struct kref`.
 *
 * Invariants: (1) the count is the number of its holders, the maker being the first; (2) {@link released} runs exactly once, when it
 * becomes 0; (3) nobody uses a thing whose count is 0: that is a fault of a driver, and an exception.
 */
export abstract class Counted implements Tracked {
  abstract readonly kind: Tracked['kind'];
  ledgerSlot = -1;
  #count = 1;

  /** Holders now. */
  get count(): number {
    return this.#count;
  }

  /** One more holder. */
  get(): this {
    this.assertHeld('get');
    this.#count++;
    return this;
  }

  /** One holder less; the last one releases. */
  put(): void {
    this.assertHeld('put');
    if (--this.#count === 0) this.released();
  }

  /** The last holder has let go. */
  protected abstract released(): void;

  /** @param use what was about to be done with it, for the message */
  protected assertHeld(use: string): void {
    if (this.#count === 0) throw new Error(`${use} of ${this.describe()} after its last put`);
  }

  abstract describe(): string;
}
