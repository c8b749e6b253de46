import type { System } from '../../kernel/index.ts';

/** DEFAULT_RATELIMIT_INTERVAL and DEFAULT_RATELIMIT_BURST. */
const INTERVAL_NS = 5e9;
const BURST = 10;

/** `struct ratelimit_state`: what is said too often is not said. */
export class RateLimit {
  readonly #system: System;
  #begin_ns = Number.NEGATIVE_INFINITY;
  #said = 0;

  constructor(system: System) {
    this.#system = system;
  }

  run(say: () => void): void {
    const now = this.#system.now();
    if (now - this.#begin_ns > INTERVAL_NS) {
      this.#begin_ns = now;
      this.#said = 0;
    }
    if (this.#said++ < BURST) say();
  }
}
