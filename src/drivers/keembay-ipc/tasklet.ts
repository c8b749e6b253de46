import type { ScheduledEvent, System } from '../../kernel/index.ts';

/** `struct tasklet_struct`: work that an interrupt leaves for when it is over. */
export class Tasklet {
  readonly #system: System;
  readonly #name: string;
  readonly #delay_ns: number;
  readonly #run: () => void;
  #event: ScheduledEvent | undefined;
  #isKilled = false;

  /** @param delay_ns how long soft interrupts keep it waiting */
  constructor(system: System, name: string, delay_ns: number, run: () => void) {
    this.#system = system;
    this.#name = name;
    this.#delay_ns = delay_ns;
    this.#run = run;
  }

  /** tasklet_schedule: once, however often it is said. */
  schedule(): void {
    if (this.#isKilled) this.#system.findings.report('keembay-ipc-tasklet-after-kill', `${this.#name} was scheduled after it was killed`);
    if (this.#event?.pending === true) return;
    this.#event = this.#system.clock.schedule(this.#delay_ns, this.#name, this.#run);
  }

  /** tasklet_kill: what is scheduled is done first. */
  kill(): void {
    this.#isKilled = true;
    this.finish();
  }

  /** Runs it now, if it is scheduled. */
  finish(): void {
    if (this.#event?.pending !== true) return;
    this.#event.cancel();
    this.#run();
  }
}
