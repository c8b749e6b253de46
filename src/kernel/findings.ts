import { formatTime } from './scheduler.ts';
import type { Task } from './task.ts';

/** A rule of the real kernel that somebody broke: what a WARN, a BUG, lockdep or a sanitizer would report. */
export interface Finding {
  /** A short fixed name for programs: `fence-signalled-twice`. */
  readonly rule: string;
  /** What happened, with the parties. */
  readonly text: string;
  readonly at_ns: number;
  /** The call during which it happened. */
  readonly who: string;
}

/** One or more rules were broken and nobody expected it. */
export class BrokenRules extends Error {
  override readonly name = 'BrokenRules';
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super(findings.map(formatFinding).join('\n'));
    this.findings = findings;
  }
}

export function formatFinding(finding: Finding): string {
  return `${finding.rule}: ${finding.text} (t=${formatTime(finding.at_ns)}, ${finding.who})`;
}

/** Collects broken rules. A switch that re-creates a real driver's defect says beforehand which ones it will break. */
export class Findings {
  readonly #now: () => number;
  readonly #current: () => Task | undefined;
  readonly #all: Finding[] = [];
  readonly #expected = new Set<string>();
  /** Told of each finding as it comes. */
  onFinding: ((finding: Finding) => void) | undefined;

  constructor(now: () => number, current: () => Task | undefined) {
    this.#now = now;
    this.#current = current;
  }

  report(rule: string, text: string): void {
    const finding = { rule, text, at_ns: this.#now(), who: this.#current()?.signature ?? 'the kernel' };
    this.#all.push(finding);
    this.onFinding?.(finding);
  }

  /** From now on, findings of this rule are not failures. */
  expect(rule: string): void {
    this.#expected.add(rule);
  }

  get all(): readonly Finding[] {
    return this.#all;
  }

  get unexpected(): readonly Finding[] {
    return this.#all.filter((finding) => !this.#expected.has(finding.rule));
  }
}
