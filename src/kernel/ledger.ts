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
  /** Where it is in the ledger; the ledger's own. */
  ledgerSlot?: number;
}

/** Which call made it, and when. */
interface Entry {
  readonly thing: Tracked;
  /** How many things had been made before. */
  readonly order: number;
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

/**
 * Every live object of the machine, with the call that made it.
 *
 * Each thing knows its slot, and slots that became free are used first: what adding and removing cost does not grow with what is alive.
 */
export class Ledger {
  readonly #slots: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  #made = 0;
  readonly #now: () => number;
  readonly #current: () => Task | undefined;
  /** Whether to keep the stack of the test or driver code that made each thing; slow, so only test fixtures switch it on. */
  stacks = false;

  constructor(now: () => number, current: () => Task | undefined) {
    this.#now = now;
    this.#current = current;
  }

  add(thing: Tracked): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = {
      thing,
      order: this.#made++,
      at_ns: this.#now(),
      call: this.#current()?.call,
      stack: this.stacks ? callerStack() : undefined,
    };
    thing.ledgerSlot = slot;
  }

  remove(thing: Tracked): void {
    const slot = thing.ledgerSlot;
    if (slot === undefined || this.#slots[slot]?.thing !== thing) throw new Error(`${thing.describe()} was released twice`);
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }

  count(kind?: Kind): number {
    if (kind === undefined) return this.#slots.length - this.#free.length;
    let count = 0;
    for (const entry of this.#slots) if (entry?.thing.kind === kind) count++;
    return count;
  }

  /** Live things, in the order they were made. */
  live(kinds?: readonly Kind[]): Tracked[] {
    const entries = this.#slots.filter(
      (entry) => entry !== undefined && (kinds === undefined || kinds.includes(entry.thing.kind)),
    ) as Entry[];
    return entries.sort((a, b) => a.order - b.order).map(({ thing }) => thing);
  }

  /** One line per live thing: what, who made it by which call, and when. */
  list(things: Iterable<Tracked> = this.live()): string[] {
    const lines: string[] = [];
    for (const thing of things) {
      const entry = this.#slots[thing.ledgerSlot ?? -1];
      if (entry?.thing !== thing) continue;
      const maker = entry.call === undefined ? 'the kernel' : formatRecord(entry.call);
      const line = `${thing.describe()}, made by ${maker} at t=${formatTime(entry.at_ns)}`;
      lines.push(entry.stack === undefined ? line : `${line}\n${entry.stack}`);
    }
    return lines;
  }
}
