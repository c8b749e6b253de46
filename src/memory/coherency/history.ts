import { formatTime, type System } from '../../kernel/index.ts';
import type { Lines } from './lines.ts';

/** Something that happened to a memory object, kept to explain later what went wrong. */
interface Event {
  /** Later ones have higher numbers. */
  readonly order: number;
  readonly at_ns: number;
  /** As `camera0` or `ioctl(3, DMA_BUF_IOCTL_SYNC) of task 1 (main)`. */
  readonly who: string;
}

interface Write extends Event {
  lines: Lines;
}

/** Writes that are remembered; a device that goes on where it stopped makes one of them longer. */
const WRITES_MAX = 64;

function lastOf(writes: readonly Write[], line: number): Write | undefined {
  for (let at = writes.length - 1; at >= 0; at--) {
    const write = writes[at] as Write;
    if (write.lines.first <= line && line < write.lines.end) return write;
  }
  return undefined;
}

/** Who wrote to one memory object, and who synced it, as far as the machine is told. */
export class History {
  readonly #system: System;
  /** What the memory belongs to, for people. */
  label: () => string;
  /** By devices, to memory. */
  #writes: Write[] = [];
  /** By devices, to the CPU's cache, since it was last reconciled. */
  #cached: Write[] = [];
  #begun: Event | undefined;
  #reconciled: Event | undefined;
  #order = 0;
  /** CPU accesses begun and not ended, by whoever. */
  openAccesses = 0;

  constructor(system: System, label: () => string) {
    this.#system = system;
    this.label = label;
  }

  wrote(device: string, lines: Lines): void {
    const last = this.#writes.at(-1);
    const event = this.#event(device);
    const goesOn = last?.who === device && last.lines.first <= lines.first && lines.first <= last.lines.end;
    if (last !== undefined && goesOn && last.order > (this.#begun?.order ?? -1)) {
      this.#writes.pop();
      this.#writes.push({ ...event, lines: { first: last.lines.first, end: Math.max(last.lines.end, lines.end) } });
      return;
    }
    this.#writes.push({ ...event, lines });
    if (this.#writes.length > WRITES_MAX) this.#writes.shift();
  }

  wroteToCache(device: string, lines: Lines): void {
    this.#cached.push({ ...this.#event(device), lines });
    if (this.#cached.length > WRITES_MAX) this.#cached.shift();
  }

  /** DMA_BUF_IOCTL_SYNC START, or its like in the kernel. */
  began(): void {
    this.openAccesses++;
    this.#begun = this.#event(this.#caller);
  }

  ended(): void {
    if (this.openAccesses > 0) this.openAccesses--;
  }

  /** Lines were written back or invalidated. */
  reconciled(): void {
    this.#reconciled = this.#event(this.#caller);
    this.#cached = [];
  }

  /** Whether a CPU access began after a device last wrote to a line: the CPU's writes there are meant to last. */
  beganSinceWrite(line: number): boolean {
    return (this.#begun?.order ?? -1) > (lastOf(this.#writes, line)?.order ?? -1);
  }

  /** `camera0 at t=1.000002` */
  lastWriter(line: number): string {
    const write = lastOf(this.#writes, line);
    return write === undefined ? 'a device, long ago,' : `${write.who} at t=${formatTime(write.at_ns)}`;
  }

  /** Who has filled a line of the cache. The CPU does so without a call, so only the time is known after which it did. */
  cacheWriter(line: number): string {
    const write = lastOf(this.#cached, line);
    if (write !== undefined) return `${write.who} at t=${formatTime(write.at_ns)}, through the CPU's cache`;
    const { at_ns, who } = this.#reconciled ?? {};
    const since = who === undefined ? '' : ` after t=${formatTime(at_ns as number)} (${who})`;
    const open = this.openAccesses === 0 ? '' : `, in the access that ${this.#begun?.who} began and nobody ended`;
    return `the CPU${since}${open}`;
  }

  /** The call in progress, and the time. */
  get moment(): string {
    return `${this.#caller} at t=${this.#system.now()}`;
  }

  get #caller(): string {
    return this.#system.scheduler.current?.signature ?? 'the kernel';
  }

  #event(who: string): Event {
    return { order: this.#order++, at_ns: this.#system.now(), who };
  }
}
