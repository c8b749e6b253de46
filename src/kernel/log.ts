import { formatTime } from './scheduler.ts';

export type Level = 'err' | 'warn' | 'info' | 'debug';

export interface LogLine {
  readonly at_ns: number;
  readonly level: Level;
  readonly text: string;
}

const LINES_MAX = 10_000;

/** The kernel's log: what dmesg shows. */
export class Log {
  readonly #lines: LogLine[] = [];
  readonly #now: () => number;
  /** Told of each line as it comes. */
  onLine: ((line: LogLine) => void) | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  print(level: Level, text: string): void {
    const line = { at_ns: this.#now(), level, text };
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    this.onLine?.(line);
  }

  /** The newest lines, oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** As dmesg prints it. */
  toString(): string {
    return this.#lines.map((line) => `[${formatTime(line.at_ns)}] ${line.text}\n`).join('');
  }
}
