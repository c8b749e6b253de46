import type { System } from '../../kernel/index.ts';
import type { History } from './history.ts';
import type { Lines } from './lines.ts';

/** Where broken coherency is told: as findings, which fail a test; in the kernel's log; or not at all. */
export const REPORTS = ['findings', 'log', 'off'] as const;
export type Reports = (typeof REPORTS)[number];

/** Lines with the same trouble: the first, and how many. */
export class Trouble {
  first = -1;
  count = 0;

  add({ first, end }: Lines): void {
    if (this.count === 0) this.first = first;
    this.count += end - first;
  }
}

/** Says in words what went wrong with the lines of one memory object; each trouble once, until somebody syncs. */
export class Reporter {
  readonly #system: System;
  readonly #reports: Reports;
  readonly #lineSize: number;
  readonly #history: History;
  readonly #told = new Set<string>();

  constructor(system: System, reports: Reports, lineSize: number, history: History) {
    this.#system = system;
    this.#reports = reports;
    this.#lineSize = lineSize;
    this.#history = history;
  }

  /** Somebody synced: what goes wrong from now on is news. */
  forget(): void {
    this.#told.clear();
  }

  /** C1, C2: a device read what the CPU has newer. */
  staleRead(device: string, trouble: Trouble): void {
    this.#say(
      'coherency-stale-read',
      device,
      trouble,
      (where) =>
        `${device} read old bytes: ${where} was written by ${this.#history.cacheWriter(trouble.first)}, and nothing wrote the cache back ` +
        `(DMA_BUF_IOCTL_SYNC END with WRITE, or a sync for the device)`,
    );
  }

  /** C2: the CPU's line went to memory over what a device wrote meanwhile. */
  overwritten(trouble: Trouble): void {
    this.#say(
      'coherency-lost-write',
      '',
      trouble,
      (where) =>
        `the CPU's cache overwrote what a device wrote: ${where} was last written by ${this.#history.lastWriter(trouble.first)}, and in the cache by ` +
        `${this.#history.cacheWriter(trouble.first)} (DMA_BUF_IOCTL_SYNC START is missing after the device's write, or END before it)`,
    );
  }

  /** C2: a CPU access ended that never began, and the CPU's cache hid what a device wrote. */
  staleView(trouble: Trouble): void {
    this.#say(
      'coherency-stale-view',
      '',
      trouble,
      (where) =>
        `the CPU saw old bytes: ${where} was last written by ${this.#history.lastWriter(trouble.first)}, and nothing invalidated the cache after that ` +
        `(DMA_BUF_IOCTL_SYNC START with READ, or a sync for the CPU)`,
    );
  }

  /** A device's own lines went away with its mapping. */
  privateLost(device: string, lines: number): void {
    this.#report(
      'coherency-unflushed',
      `${device} did not flush ${lines} lines of its own cache before ${this.#history.label()} was unmapped`,
    );
  }

  /** For what may be wrong and may not: the log, in any case. */
  warn(trouble: Trouble): void {
    if (trouble.count === 0 || this.#reports === 'off') return;
    this.#system.log.print(
      'err',
      `${this.#where(trouble)} was last written by ${this.#history.lastWriter(trouble.first)}, and no DMA_BUF_IOCTL_SYNC START came after ` +
        `that: a program that has read it through its mapping has seen old bytes`,
    );
  }

  #where({ first, count }: Trouble): string {
    const more = count === 1 ? '' : ` (and ${count - 1} more)`;
    return `line ${first}${more} at offset 0x${(first * this.#lineSize).toString(16)} of ${this.#history.label()}`;
  }

  #say(rule: string, party: string, trouble: Trouble, text: (where: string) => string): void {
    if (trouble.count === 0 || this.#reports === 'off' || this.#told.has(rule + party)) return;
    this.#told.add(rule + party);
    this.#report(rule, text(this.#where(trouble)));
  }

  #report(rule: string, text: string): void {
    if (this.#reports === 'findings') this.#system.findings.report(rule, text);
    else if (this.#reports === 'log') this.#system.log.print('err', `${rule}: ${text}`);
  }
}
