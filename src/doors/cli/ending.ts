const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Waits for a signal that ends the command, or for something else that does. */
export class Ending {
  readonly wanted: Promise<void>;
  #end: () => void = () => undefined;

  constructor() {
    this.wanted = new Promise((resolve) => {
      this.#end = resolve;
    });
    for (const signal of ENDING) process.on(signal, this.#end);
  }

  readonly now = () => this.#end();

  stop(): void {
    for (const signal of ENDING) process.off(signal, this.#end);
  }
}
