import type { System } from '../../kernel/index.ts';
import type { Pacer } from '../../machine/index.ts';
import type { Client } from './client.ts';
import { pictureOfRest } from './programs.ts';

/** How long to wait before the next look at programs that were busy, in milliseconds: at first, and at most. */
const PAUSE_FIRST_MS = 1;
const PAUSE_MAX_MS = 50;

/**
 * Lets the machine's time jump to its next event whenever no thread under the launcher could do anything before: each waits in a call
 * of ours or a sleep, or for another one of them. Two looks must show the same rest, so that nobody ran between or during them.
 */
export class Warp {
  readonly #system: System;
  readonly #pacer: Pacer;
  readonly #clients: () => readonly Client[];
  readonly #onJump: (ahead_ns: number) => void;
  /** Processes whose families are looked at, and how often each is followed. */
  readonly #followed = new Map<number, number>();
  #last: string | undefined;
  #pause_ms = PAUSE_FIRST_MS;
  #cancel: (() => void) | undefined;

  /** @param onJump told by how much the machine is ahead of the host, before anything runs at the new time */
  constructor(system: System, pacer: Pacer, clients: () => readonly Client[], onJump: (ahead_ns: number) => void) {
    this.#system = system;
    this.#pacer = pacer;
    this.#clients = clients;
    this.#onJump = onJump;
  }

  /** This process and its children count, too, until the function that comes back is called. */
  follow(pid: number): () => void {
    this.#followed.set(pid, (this.#followed.get(pid) ?? 0) + 1);
    this.consider();
    return () => {
      const left = (this.#followed.get(pid) ?? 0) - 1;
      if (left > 0) this.#followed.set(pid, left);
      else this.#followed.delete(pid);
    };
  }

  /** The server has nothing to do: perhaps nobody has. */
  consider(): void {
    this.#last = undefined;
    this.#pause_ms = PAUSE_FIRST_MS;
    this.#lookSoon();
  }

  stop(): void {
    this.#followed.clear();
    this.#cancel?.();
  }

  #lookSoon(): void {
    this.#cancel?.();
    if (this.#followed.size === 0 || this.#system.clock.nextAt_ns === Number.POSITIVE_INFINITY) return;
    const look = setImmediate(() => this.#look());
    this.#cancel = () => clearImmediate(look);
  }

  #lookLater(): void {
    const timer = setTimeout(() => this.#look(), this.#pause_ms);
    this.#pause_ms = Math.min(2 * this.#pause_ms, PAUSE_MAX_MS);
    this.#cancel = () => clearTimeout(timer);
  }

  #look(): void {
    if (this.#followed.size === 0) return;
    const clients = this.#clients();
    const pids = [...this.#followed.keys(), ...clients.map((client) => client.process.pid)];
    const isWaiting = (pid: number, tid: number) => clients.some((client) => client.process.pid === pid && client.isWaiting(tid));
    const picture = pictureOfRest(pids, isWaiting);
    const isSure = picture !== undefined && picture === this.#last;
    this.#last = picture;
    if (picture === undefined) this.#lookLater();
    else if (isSure) this.#jump();
    else this.#lookSoon();
  }

  #jump(): void {
    this.#pacer.skipToNext();
    this.#onJump(this.#pacer.ahead_ns);
    this.#pacer.catchUp();
    this.consider();
  }
}
