import { formatTime } from './scheduler.ts';
import { type CallRecord, formatRecord, type Task } from './task.ts';

/** Something with a name for people. */
export interface Party {
  describe(): string;
}

/** One thing that happened to an object. */
interface HistoryEvent {
  readonly at_ns: number;
  readonly what: string;
  readonly call: CallRecord | undefined;
  /** Who did it, when no task was about. */
  readonly event: string | undefined;
}

/** Of each object the last so many are kept. */
const EVENTS_KEPT = 8;

/** The last events of an object, in a ring. */
class Ring {
  readonly #events: HistoryEvent[] = [];
  #count = 0;

  add(event: HistoryEvent): void {
    this.#events[this.#count++ % EVENTS_KEPT] = event;
  }

  /** Oldest first. */
  get events(): HistoryEvent[] {
    const first = this.#count % EVENTS_KEPT;
    return this.#count <= EVENTS_KEPT ? [...this.#events] : [...this.#events.slice(first), ...this.#events.slice(0, first)];
  }

  get forgotten(): number {
    return Math.max(0, this.#count - EVENTS_KEPT);
  }
}

/** Who runs now. */
export interface Running {
  now(): number;
  readonly current: Task | undefined;
  readonly event: Party | undefined;
}

/** What happened lately to each kernel object that rules are about, for findings. Kept only by machines that were asked to. */
export class History {
  readonly #rings = new WeakMap<object, Ring>();
  readonly #running: Running;

  constructor(running: Running) {
    this.#running = running;
  }

  /** @param what in the past: `signalled` */
  note(thing: object, what: string): void {
    let ring = this.#rings.get(thing);
    if (ring === undefined) {
      ring = new Ring();
      this.#rings.set(thing, ring);
    }
    const { current, event } = this.#running;
    ring.add({ at_ns: this.#running.now(), what, call: current?.call, event: current === undefined ? event?.describe() : undefined });
  }

  /** One line per event, oldest first. */
  of(thing: object): readonly string[] {
    const ring = this.#rings.get(thing);
    if (ring === undefined) return [];
    const lines = ring.events.map(({ at_ns, what, call, event }) => {
      const who = call === undefined ? (event ?? 'the kernel') : formatRecord(call);
      return `t=${formatTime(at_ns)} ${what} by ${who}`;
    });
    return ring.forgotten === 0 ? lines : [`${ring.forgotten} earlier`, ...lines];
  }
}
