import { isKernel } from './colour.ts';

/** A function that the clock will call, until it did or {@link ScheduledEvent.cancel} was called. */
export interface ScheduledEvent {
  readonly at_ns: number;
  readonly what: string;
  cancel(): void;
  readonly pending: boolean;
}

class HeapEvent implements ScheduledEvent {
  readonly at_ns: number;
  readonly order: number;
  readonly what: string;
  run: (() => void) | undefined;
  readonly #forget: () => void;

  constructor(at_ns: number, order: number, what: string, run: () => void, forget: () => void) {
    this.at_ns = at_ns;
    this.order = order;
    this.what = what;
    this.run = run;
    this.#forget = forget;
  }

  get pending(): boolean {
    return this.run !== undefined;
  }

  cancel(): void {
    if (this.run === undefined) return;
    this.run = undefined;
    this.#forget();
  }

  describe(): string {
    return `the event "${this.what}"`;
  }

  before(other: HeapEvent): boolean {
    return this.at_ns < other.at_ns || (this.at_ns === other.at_ns && this.order < other.order);
  }
}

/** More events than this at one instant are taken for hardware that schedules itself without end. */
const EVENTS_PER_INSTANT_MAX = 1_000_000;

/**
 * Virtual time and the one queue of things that will happen, ordered by (time, insertion). Time only moves when somebody calls
 * {@link runNext} or {@link runUntil}: the scheduler of a stepped machine when nothing else can run, the pacer of a paced one.
 */
export class Clock {
  #now_ns: number;
  #order = 0;
  #live = 0;
  #atThisInstant = 0;
  readonly #heap: HeapEvent[] = [];
  /** The event under way. */
  running: (ScheduledEvent & { describe(): string }) | undefined;
  /** Told of an event whose function is a generator, and so did nothing: events cannot wait. */
  onGenerator: ((event: { describe(): string }) => void) | undefined;
  /** Told when an event is scheduled; a paced machine sets its timer by it. */
  onSchedule: ((at_ns: number) => void) | undefined;

  constructor(start_ns: number) {
    this.#now_ns = start_ns;
  }

  /** Virtual nanoseconds since the machine was switched on: its CLOCK_MONOTONIC. */
  now(): number {
    return this.#now_ns;
  }

  /** Events that are still to come. */
  get pending(): number {
    return this.#live;
  }

  /** When the next event is due, or Infinity. */
  get nextAt_ns(): number {
    this.#dropCancelled();
    return this.#heap[0]?.at_ns ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Calls a function later, outside of any task.
   *
   * @param delay_ns from now; 0 for the end of this instant
   * @param what for people, in traces and deadlock reports
   */
  schedule(delay_ns: number, what: string, run: () => void): ScheduledEvent {
    if (!(delay_ns >= 0)) throw new RangeError(`cannot schedule ${what} ${delay_ns} ns from now`);
    const event = new HeapEvent(this.#now_ns + delay_ns, this.#order++, what, run, () => this.#live--);
    this.#push(event);
    this.#live++;
    this.onSchedule?.(event.at_ns);
    return event;
  }

  /** Moves to the next event and runs it. @returns false when there is none */
  runNext(): boolean {
    this.#dropCancelled();
    const event = this.#pop();
    if (event === undefined) return false;
    this.#moveTo(event.at_ns);
    if (++this.#atThisInstant > EVENTS_PER_INSTANT_MAX) {
      throw new Error(`runaway: more than ${EVENTS_PER_INSTANT_MAX} events at t=${this.#now_ns} ns, the last is ${event.what}`);
    }
    const run = event.run as () => unknown;
    event.run = undefined;
    this.#live--;
    const before = this.running;
    this.running = event;
    try {
      if (isKernel(run())) this.onGenerator?.(event);
    } finally {
      this.running = before;
    }
    return true;
  }

  /** Runs everything that is due by then, in order, and moves the time there. */
  runUntil(at_ns: number): void {
    while (this.nextAt_ns <= at_ns) this.runNext();
    this.#moveTo(at_ns);
  }

  #moveTo(at_ns: number): void {
    if (at_ns > this.#now_ns) {
      this.#now_ns = at_ns;
      this.#atThisInstant = 0;
    }
  }

  #dropCancelled(): void {
    while (this.#heap[0] !== undefined && !this.#heap[0].pending) this.#pop();
  }

  #push(event: HeapEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!event.before(heap[parent] as HeapEvent)) break;
      heap[at] = heap[parent] as HeapEvent;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): HeapEvent | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as HeapEvent).before(heap[child] as HeapEvent)) child++;
      if (!(heap[child] as HeapEvent).before(last)) break;
      heap[at] = heap[child] as HeapEvent;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
