import type { System } from '../kernel/index.ts';

/** The host's time and timers, as a door has them. */
export interface HostTime {
  /** Monotonic nanoseconds. */
  now(): number;
  /** Calls back once after a delay; a delay below a millisecond may take a whole one. @returns a function that cancels */
  after(delay_ns: number, run: () => void): () => void;
}

/**
 * Makes a machine follow the host's monotonic clock: events run when the host's time has come to them, in their order. A machine
 * with a door to the outside is paced; it cannot be stepped any more.
 */
export class Pacer {
  readonly #system: System;
  readonly #host: HostTime;
  /** Host time when virtual time was 0. */
  #zero_ns: number;
  #ahead_ns = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt_ns = Number.POSITIVE_INFINITY;

  constructor(system: System, host: HostTime) {
    this.#system = system;
    this.#host = host;
    this.#zero_ns = host.now() - system.now();
    system.clock.onSchedule = (at_ns) => {
      if (at_ns < this.#timerAt_ns) this.#setTimer(at_ns);
    };
    this.catchUp();
  }

  /** Runs what is due, and everything that this woke. To be called before a call from outside is served, and after. */
  catchUp(): void {
    this.catchUpTo(this.#host.now());
  }

  /** The same for a door that has just looked at the host's clock. */
  catchUpTo(host_ns: number): void {
    const { clock, scheduler } = this.#system;
    clock.runUntil(host_ns - this.#zero_ns);
    if (scheduler.ready > 0) scheduler.runReady();
    if (clock.nextAt_ns !== this.#timerAt_ns) this.#setTimer(clock.nextAt_ns);
  }

  /** By how much virtual time is ahead of where the host's clock would have brought it, in nanoseconds. */
  get ahead_ns(): number {
    return this.#ahead_ns;
  }

  /** Moves the time to the next event without waiting for it. The event itself runs at the next {@link catchUp}. */
  skipToNext(): void {
    const left_ns = this.#system.clock.nextAt_ns - (this.#host.now() - this.#zero_ns);
    if (left_ns <= 0 || left_ns === Number.POSITIVE_INFINITY) return;
    this.#zero_ns -= left_ns;
    this.#ahead_ns += left_ns;
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#system.clock.onSchedule = undefined;
  }

  #setTimer(at_ns: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt_ns = at_ns;
    if (at_ns === Number.POSITIVE_INFINITY) return;
    const delay_ns = Math.max(0, at_ns + this.#zero_ns - this.#host.now());
    this.#cancelTimer = this.#host.after(delay_ns, () => {
      this.#timerAt_ns = Number.POSITIVE_INFINITY;
      this.#cancelTimer = undefined;
      this.catchUp();
    });
  }
}
