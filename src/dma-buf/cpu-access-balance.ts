import type { System, Tracked } from '../kernel/index.ts';

/**
 * Counts the CPU accesses to one buffer. Linux 6.12 does not: a program that forgets an END, or sends one too many, only has wrong bytes
 * on machines that are not coherent.
 */
export class CpuAccessBalance {
  readonly #system: System;
  readonly #buffer: Tracked;
  #open = 0;

  constructor(system: System, buffer: Tracked) {
    this.#system = system;
    this.#buffer = buffer;
  }

  began(): void {
    this.#open++;
  }

  ended(): void {
    if (this.#open > 0) this.#open--;
    else this.#report('was ended without having begun');
  }

  released(): void {
    if (this.#open > 0) this.#report('was not ended before the last reference went');
  }

  #report(what: string): void {
    this.#system.findings.report('cpu-access-unbalanced', `a CPU access to ${this.#buffer.describe()} ${what}`, this.#buffer);
  }
}
