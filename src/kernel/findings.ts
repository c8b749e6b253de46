import type { History, Party, Running } from './history.ts';
import { formatTime } from './scheduler.ts';

/** A rule of the real kernel that somebody broke: what a WARN, a BUG, lockdep or a sanitizer would report. docs/findings.md lists them. */
export interface Finding {
  /** A short fixed name for programs: `fence-signalled-twice`. */
  readonly rule: string;
  /** What happened, with the parties. */
  readonly text: string;
  readonly at_ns: number;
  /** The call or event during which it happened. */
  readonly who: string;
  /** What happened lately to each of the parties, if the machine keeps that. */
  readonly history: readonly PartyHistory[];
}

export interface PartyHistory {
  readonly party: string;
  /** One line per event, oldest first. */
  readonly events: readonly string[];
}

/**
 * A defect that a real driver has or had, which ours can re-create. A driver makes a constant of each, asks `findings.recreates(DEFECT)`
 * where it matters, and whoever wants it says `boot(board, { defects: [DEFECT] })`.
 */
export interface Defect {
  /** A short fixed name: `vc-sm-frees-early`. */
  readonly name: string;
  /** What goes wrong, and where it was seen. */
  readonly description: string;
  /** Rules that it breaks: findings of these are no failures then. */
  readonly breaks: readonly string[];
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

/** One line, and then the history of its parties. */
export function formatFinding({ rule, text, at_ns, who, history }: Finding): string {
  const parties = history.map(({ party, events }) => [`  what happened to ${party}:`, ...events.map((event) => `    ${event}`)].join('\n'));
  return [`${rule}: ${text} (t=${formatTime(at_ns)}, ${who})`, ...parties].join('\n');
}

/** Collects broken rules. A switch that re-creates a real driver's defect says beforehand which ones it will break. */
export class Findings {
  readonly #running: Running;
  readonly #history: History | undefined;
  readonly #all: Finding[] = [];
  readonly #expected = new Set<string>();
  readonly #defects = new Set<Defect>();
  /** Told of each finding as it comes. */
  onFinding: ((finding: Finding) => void) | undefined;

  constructor(running: Running, history: History | undefined) {
    this.#running = running;
    this.#history = history;
  }

  /** @param parties whose history belongs to it */
  report(rule: string, text: string, ...parties: readonly object[]): void {
    const history = parties
      .map((party) => ({ party: (party as Partial<Party>).describe?.() ?? 'it', events: this.#history?.of(party) ?? [] }))
      .filter(({ events }) => events.length > 0);
    const finding = { rule, text, at_ns: this.#running.now(), who: this.who, history };
    this.#all.push(finding);
    this.onFinding?.(finding);
  }

  /** The call or event under way, for messages. */
  get who(): string {
    const { current, event } = this.#running;
    return current?.signature ?? event?.describe() ?? 'the kernel';
  }

  /** From now on, findings of this rule are not failures. */
  expect(rule: string): void {
    this.#expected.add(rule);
  }

  /** From now on a defect is there, and what it breaks is expected. */
  recreate(defect: Defect): void {
    this.#defects.add(defect);
    for (const rule of defect.breaks) this.expect(rule);
  }

  /** Whether a driver should behave as defective as the real one. */
  recreates(defect: Defect): boolean {
    return this.#defects.has(defect);
  }

  get all(): readonly Finding[] {
    return this.#all;
  }

  get unexpected(): readonly Finding[] {
    return this.#all.filter((finding) => !this.#expected.has(finding.rule));
  }
}
