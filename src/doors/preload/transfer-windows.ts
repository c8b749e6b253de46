import type { Addon } from './addon.ts';

/** What goes at once. */
export const WINDOW_SIZE = 1024 * 1024;
/** A program keeps so many; more are made when its threads need them, and go again. */
const KEPT_MAX = 2;

/** A memory file of one program's, through which many bytes go at once between its memory and the server. */
export interface TransferWindow {
  readonly fd: number;
  readonly bytes: Uint8Array;
}

/**
 * The windows of one program. They are its own for good: whoever got the descriptor of one may keep it, and see what goes through it later.
 */
export class TransferWindows {
  readonly #addon: Addon;
  readonly #free: TransferWindow[] = [];
  #ended = false;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  /** One that nobody uses; undefined when the host gives none. */
  take(): TransferWindow | undefined {
    return this.#free.pop() ?? this.#make();
  }

  give(window: TransferWindow): void {
    if (this.#ended || this.#free.length >= KEPT_MAX) this.#drop(window);
    else this.#free.push(window);
  }

  end(): void {
    this.#ended = true;
    for (const window of this.#free.splice(0)) this.#drop(window);
  }

  #make(): TransferWindow | undefined {
    const fd = this.#addon.memfd('ioctopus-window', WINDOW_SIZE);
    if (fd < 0) return undefined;
    const buffer = this.#addon.map(fd, WINDOW_SIZE);
    if (typeof buffer !== 'number') return { fd, bytes: new Uint8Array(buffer) };
    this.#addon.close(fd);
    return undefined;
  }

  #drop({ fd, bytes }: TransferWindow): void {
    this.#addon.unmap(bytes.buffer as ArrayBuffer);
    this.#addon.close(fd);
  }
}
