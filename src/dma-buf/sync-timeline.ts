/** Timelines that a program moves on by hand: what drivers/dma-buf/sw_sync.c keeps. */
import { errno } from '../abi/index.ts';
import { Counted, type System } from '../kernel/index.ts';
import { DmaFence, type DmaFenceOps } from './dma-fence.ts';
import { allocateFenceContexts } from './dma-fence-stub.ts';

const INT_MAX = 0x7fff_ffff;

const pointOps: DmaFenceOps = {
  driverName: () => 'sw_sync',
  timelineName: (fence) => (fence as SyncPoint).timeline.name,
  signaled: (fence) => (fence as SyncPoint).timeline.hasReached(fence.seqno),
  setDeadline(fence, at_ns) {
    const point = fence as SyncPoint;
    point.deadline_ns = Math.min(point.deadline_ns ?? at_ns, at_ns);
  },
  release: (fence) => (fence as SyncPoint).timeline.forget(fence as SyncPoint),
};

/** A fence that signals when its timeline reaches its number, as `struct sync_pt`. */
export class SyncPoint extends DmaFence {
  readonly timeline: SyncTimeline;
  /** The earliest that was asked for while it was pending. */
  deadline_ns: number | undefined;

  constructor(system: System, timeline: SyncTimeline, value: number) {
    super(system, { ops: pointOps, context: timeline.context, seqno: value });
    this.timeline = timeline.get();
  }
}

/** All timelines of a machine that are open or have fences, in the order they were made. */
class SyncTimelines {
  readonly all = new Set<SyncTimeline>();
}

const makeTimelines = () => new SyncTimelines();

/** A counter of 32 bits and the fences that wait for it, as `struct sync_timeline`. Held by its file and by each of its fences. */
export class SyncTimeline extends Counted {
  readonly kind = 'item';
  readonly name: string;
  readonly context: number;
  readonly #system: System;
  /** Signed. */
  #value = 0;
  /** In the order in which they are reached. After {@link close} those stay that nobody will reach any more. */
  #points: SyncPoint[] = [];

  constructor(system: System, name: string) {
    super();
    this.#system = system;
    this.name = name;
    system.kmalloc('struct sync_timeline');
    this.context = allocateFenceContexts(system);
    system.single(makeTimelines).all.add(this);
  }

  protected released(): void {
    this.#system.single(makeTimelines).all.delete(this);
  }

  /** Whether the counter stands at a number, or behind it: both wrap. */
  hasReached(value: number): boolean {
    return ((value - this.#value) | 0) <= 0;
  }

  /**
   * sync_pt_create: a fence for a number, with a reference for the caller. Those who ask for a pending number share its fence.
   *
   * @throws Errno ENOMEM
   */
  createPoint(value: number): SyncPoint {
    this.#system.kmalloc('struct sync_pt');
    const at = this.#placeOf(value);
    const known = this.#points[at];
    if (known !== undefined && known.seqno === value) return known.get();
    const point = new SyncPoint(this.#system, this, value);
    if (!point.isSignaled) this.#points.splice(at, 0, point);
    return point;
  }

  /** SW_SYNC_IOC_INC. @param by 0 to 2^32 - 1 */
  increment(by: number): void {
    let rest = by;
    for (; rest > INT_MAX; rest -= INT_MAX) this.#step(INT_MAX);
    this.#step(rest);
  }

  #step(by: number): void {
    this.#value = (this.#value + by) | 0;
    for (let point = this.#points[0]; point !== undefined && this.hasReached(point.seqno); point = this.#points[0]) {
      this.#points.shift();
      // A callback may drop the last other reference.
      point.get();
      point.signal();
      point.put();
    }
  }

  /** The file is closed: nobody can reach the pending points any more. */
  close(): void {
    const points = this.#points.map((point) => point.get());
    for (const point of points) {
      point.setError(-errno.ENOENT);
      point.signal();
    }
    for (const point of points) point.put();
    this.put();
  }

  /** For a point whose last reference is gone. */
  forget(point: SyncPoint): void {
    const at = this.#placeOf(point.seqno);
    if (this.#points[at] === point) this.#points.splice(at, 1);
    this.put();
  }

  /** Where a number is among the points, or belongs. All lie within half the range, so they have an order. */
  #placeOf(value: number): number {
    let from = 0;
    let to = this.#points.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((((this.#points[middle] as SyncPoint).seqno - value) | 0) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Its part of /sys/kernel/debug/sync/info: sync_print_obj. */
  describeState(): string {
    const points = this.#points.map((point) => {
      const { status } = point;
      const state = status === 0 ? 'active' : `${status < 0 ? 'error' : 'signaled'}@${formatTime(point.timestamp_ns)}`;
      return `  fence ${state}: ${point.seqno} / ${this.#value}\n`;
    });
    return `${this.name}: ${this.#value}\n${points.join('')}`;
  }

  describe(): string {
    return `timeline ${this.context} (${this.name})`;
  }
}

/** `%lld.%09ld` of a time. */
function formatTime(ns: number): string {
  const seconds = Math.floor(ns / 1e9);
  return `${seconds}.${String(ns - seconds * 1e9).padStart(9, '0')}`;
}

/** The text of /sys/kernel/debug/sync/info: sync_info_debugfs_show. The list of sync files at its end has been empty for years. */
export function describeTimelines(system: System): string {
  const timelines = [...system.single(makeTimelines).all].map((timeline) => `${timeline.describeState()}\n`);
  return `objs:\n--------------\n${timelines.join('')}fences:\n--------------\n`;
}
