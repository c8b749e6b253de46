import { callerStack } from './caller-stack.ts';
import { type Finding, formatFinding } from './findings.ts';
import { formatTime } from './scheduler.ts';
import { type CallRecord, formatRecord, type Task } from './task.ts';

/** What a live thing is, for the count at shutdown. */
export type Kind =
  | 'file'
  | 'buffer'
  | 'memory'
  | 'attachment'
  | 'dma-mapping'
  | 'fence'
  | 'mapping'
  | 'task'
  | 'pages'
  | 'item'
  | 'acquire context'
  | 'irq'
  | 'object';

/** Something that somebody made and somebody must release. */
export interface Tracked {
  readonly kind: Kind;
  /** What it is, for people: `file /dev/dma_heap/system`. */
  describe(): string;
  /** Called at shutdown for what is left: reports a rule that this breaks, beyond being a leak. */
  readonly left?: () => void;
}

/** Which call made it, and when. */
interface Origin {
  readonly at_ns: number;
  readonly call: CallRecord | undefined;
  readonly stack: string | undefined;
}

/** Something was left at shutdown. */
export class Leak extends Error {
  override readonly name = 'Leak';
  /** One line per thing. */
  readonly left: readonly string[];

  /** @param findings that came before, unexpected: they may say why */
  constructor(left: readonly string[], findings: readonly Finding[] = []) {
    const count = `${left.length} ${left.length === 1 ? 'thing was' : 'things were'}`;
    const lines = [`${count} left at shutdown:`, ...left.map((line) => `  ${line}`), ...findings.map(formatFinding)];
    super(lines.join('\n'));
    this.left = left;
  }
}

/** Every live object of the machine, with the call that made it. */
export class Ledger {
  readonly #live = new Map<Tracked, Origin>();
  readonly #now: () => number;
  readonly #current: () => Task | undefined;
  /** Whether to keep the stack of the test or driver code that made each thing; slow, so only test fixtures switch it on. */
  stacks = false;

  constructor(now: () => number, current: () => Task | undefined) {
    this.#now = now;
    this.#current = current;
  }

  add(thing: Tracked): void {
    this.#live.set(thing, { at_ns: this.#now(), call: this.#current()?.call, stack: this.stacks ? callerStack() : undefined });
  }

  remove(thing: Tracked): void {
    if (!this.#live.delete(thing)) throw new Error(`${thing.describe()} was released twice`);
  }

  count(kind?: Kind): number {
    if (kind === undefined) return this.#live.size;
    let count = 0;
    for (const thing of this.#live.keys()) if (thing.kind === kind) count++;
    return count;
  }

  /** Live things, in the order they were made. */
  live(kinds?: readonly Kind[]): Tracked[] {
    const all = [...this.#live.keys()];
    return kinds === undefined ? all : all.filter((thing) => kinds.includes(thing.kind));
  }

  /** One line per live thing: what, who made it by which call, and when. */
  list(things: Iterable<Tracked> = this.#live.keys()): string[] {
    const lines: string[] = [];
    for (const thing of things) {
      const origin = this.#live.get(thing);
      if (origin === undefined) continue;
      const maker = origin.call === undefined ? 'the kernel' : formatRecord(origin.call);
      const line = `${thing.describe()}, made by ${maker} at t=${formatTime(origin.at_ns)}`;
      lines.push(origin.stack === undefined ? line : `${line}\n${origin.stack}`);
    }
    return lines;
  }
}
