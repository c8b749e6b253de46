import type { PreloadServer } from '../preload/index.ts';
import type { Ask } from './protocol.ts';
import type { Session } from './session.ts';

/** A connection of a launcher, which says what it has started: time may jump while that only waits. */
export class LauncherSession implements Session {
  readonly #programs: PreloadServer;
  #unfollow: () => void = () => undefined;

  constructor(programs: PreloadServer) {
    this.#programs = programs;
  }

  ask(ask: Ask): void {
    const pid = 'name' in ask && ask.name === 'follow' ? ask.args[0] : undefined;
    if (!Number.isSafeInteger(pid)) throw new Error('a launcher says what it has started, nothing else');
    this.#unfollow();
    this.#unfollow = this.#programs.follow(pid as number);
  }

  end(): void {
    this.#unfollow();
  }
}
