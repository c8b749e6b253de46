import type { File } from './file.ts';

/** What is needed of a socket: the files in messages that nobody has received yet, and to drop those messages. */
export interface Inbox {
  files(): Iterable<File>;
  drop(): void;
}

/**
 * Sockets that are themselves under way in messages. Two that lie in each other's inboxes keep each other alive when every
 * descriptor is closed; they are found and closed when some socket is next (unix_gc in net/unix/garbage.c, which runs at the same
 * times).
 */
export class SocketsInFlight {
  readonly #open = new Map<File, Inbox>();
  readonly #timesUnderWay = new Map<File, number>();

  opened(socket: File, inbox: Inbox): void {
    this.#open.set(socket, inbox);
  }

  released(socket: File): void {
    this.#open.delete(socket);
    this.collect();
  }

  /** A message with files was put into an inbox. */
  sent(files: readonly File[]): void {
    for (const file of files) if (this.#open.has(file)) this.#timesUnderWay.set(file, this.#times(file) + 1);
  }

  /** It was taken out. */
  taken(files: readonly File[]): void {
    for (const file of files) {
      const times = this.#times(file) - 1;
      if (times > 0) this.#timesUnderWay.set(file, times);
      else this.#timesUnderWay.delete(file);
    }
  }

  /** Closes the sockets that nothing but messages of each other holds. */
  collect(): void {
    if (this.#timesUnderWay.size === 0) return;
    const reached = new Set([...this.#open.keys()].filter((socket) => socket.count > this.#times(socket)));
    // A set's iteration goes on to what is added on the way.
    for (const socket of reached) {
      for (const file of this.#open.get(socket)?.files() ?? []) if (this.#open.has(file)) reached.add(file);
    }
    const lost = [...this.#open].filter(([socket]) => !reached.has(socket)).map(([, inbox]) => inbox);
    for (const inbox of lost) inbox.drop();
  }

  #times(socket: File): number {
    return this.#timesUnderWay.get(socket) ?? 0;
  }
}
