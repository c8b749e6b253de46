/** Random threads that make, merge, chain, wait for and signal fences, on reservations that they lock together. */
import { isErrno } from '../../src/abi/index.ts';
import {
  allocateFenceContexts,
  DmaFence,
  DmaFenceArray,
  DmaFenceChain,
  type DmaFenceOps,
  DmaResv,
  type DmaResvUsage,
  mergeFences,
  reservationClass,
  SyncTimeline,
  unwrapFence,
  waitAnyFence,
} from '../../src/dma-buf/index.ts';
import { boot } from '../../src/index.ts';
import { type Kernel, type Random, type System, sleep, WwAcquireContext } from '../../src/kernel/index.ts';

/** What a thread does, step by step; each number chooses among what there is. */
export interface Schedule {
  readonly seed: number;
  readonly threads: readonly (readonly FenceStep[])[];
}

export const STEP_KINDS = [
  'work',
  'point',
  'increment',
  'merge',
  'array',
  'chain',
  'wait',
  'waitAny',
  'export',
  'waitResv',
  'drop',
] as const;

export interface FenceStep {
  readonly kind: (typeof STEP_KINDS)[number];
  readonly a: number;
  readonly b: number;
}

const RESERVATIONS = 3;
const CONTEXTS = 3;
/** Nothing takes longer: by then every fence must have signalled. */
const LONGEST_NS = 50;

/** A promise of the kernel that did not hold: the message says which. */
function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`this does not hold: ${promise}`);
}

const ops: DmaFenceOps = { driverName: () => 'work', timelineName: () => 'line' };

class World {
  readonly #system: System;
  readonly #contexts: number;
  readonly #seqnos = new Array<number>(CONTEXTS).fill(0);
  readonly #doneAt_ns = new Array<number>(CONTEXTS).fill(0);
  readonly #reservations: DmaResv[];
  readonly #timeline: SyncTimeline;
  /** Held with a reference each. */
  readonly #fences: DmaFence[] = [];
  /** How often the callback of each plain fence ran. */
  readonly #signals = new Map<DmaFence, number>();
  /** Work on a reservation, in the order in which it was submitted. */
  readonly #submitted: { readonly resv: DmaResv; readonly fence: DmaFence; readonly usage: DmaResvUsage }[] = [];
  readonly errors: unknown[] = [];

  constructor(system: System) {
    this.#system = system;
    this.#contexts = allocateFenceContexts(system, CONTEXTS);
    this.#reservations = Array.from({ length: RESERVATIONS }, (_, index) => new DmaResv(system, `reservation ${index}`));
    this.#timeline = new SyncTimeline(system, 'timeline');
  }

  *thread(steps: readonly FenceStep[]): Kernel<void> {
    try {
      for (const step of steps) {
        yield* this.#step(step);
        if ((step.a + step.b) % 3 === 0) yield* sleep(step.b % 7);
      }
    } catch (error) {
      this.errors.push(error);
    }
  }

  #pick(number: number): DmaFence | undefined {
    return this.#fences[number % Math.max(1, this.#fences.length)];
  }

  #keep(fence: DmaFence): void {
    this.#fences.push(fence);
  }

  /** Counts the signals of a plain fence. */
  #watch(fence: DmaFence): void {
    if (this.#signals.has(fence)) return;
    this.#signals.set(fence, 0);
    // Who waits holds what it waits for.
    fence.get();
    const count = () => {
      this.#signals.set(fence, (this.#signals.get(fence) ?? 0) + 1);
      fence.put();
    };
    if (!fence.addCallback(count)) count();
  }

  *#step({ kind, a, b }: FenceStep): Kernel<void> {
    const [one, other] = [this.#pick(a), this.#pick(b)];
    switch (kind) {
      case 'work':
        return yield* this.#work(a, b);
      case 'point': {
        const point = this.#timeline.createPoint(a % 20);
        this.#watch(point);
        return this.#keep(point);
      }
      case 'increment':
        return this.#timeline.increment(a % 3);
      case 'drop':
        if (one !== undefined) this.#fences.splice(this.#fences.indexOf(one), 1)[0]?.put();
        return;
      case 'waitResv': {
        const resv = this.#reservations[a % RESERVATIONS] as DmaResv;
        const usage = (b % 4) as DmaResvUsage;
        const pending = this.#submitted.filter((work) => work.resv === resv && work.usage <= usage && work.fence.status === 0);
        check(yield* resv.wait(usage), 'a wait without end has an end');
        return check(
          pending.every(({ fence }) => fence.status !== 0),
          'who waits for a reservation has waited for all work on it',
        );
      }
    }
    if (one === undefined || other === undefined) return;
    switch (kind) {
      case 'merge': {
        const merged = mergeFences(this.#system, [one, other]);
        this.#checkMerge(merged, [one, other]);
        return this.#keep(merged);
      }
      case 'array':
        if (one.isContainer || other.isContainer) return;
        return this.#keep(new DmaFenceArray(this.#system, [one.get(), other.get()], a % 2 === 0 ? 'all' : 'any'));
      case 'chain':
        if (other instanceof DmaFenceChain) return;
        return this.#keep(new DmaFenceChain(this.#system, one.get(), other.get(), one.seqno + (b % 3)));
      case 'wait':
        return yield* this.#waitFor([one]);
      case 'waitAny':
        return yield* this.#waitFor([one, other]);
      case 'export': {
        const fence = this.#reservations[a % RESERVATIONS]?.getSingleton((b % 4) as DmaResvUsage);
        if (fence !== undefined) this.#keep(fence);
        return;
      }
    }
  }

  #checkMerge(merged: DmaFence, inputs: readonly DmaFence[]): void {
    const inside = unwrapFence(merged);
    for (const fence of inputs.flatMap(unwrapFence)) {
      if (fence.isSignaled) continue;
      check(
        inside.some((kept) => kept.context === fence.context && kept.seqno >= fence.seqno),
        `a merge keeps ${fence.describe()}`,
      );
    }
  }

  /** Points of the timeline may never be reached: those are waited for with an end. */
  *#waitFor(fences: readonly DmaFence[]): Kernel<void> {
    for (const fence of fences) fence.get();
    const began_ns = this.#system.now();
    const timeout_ns = 2 * LONGEST_NS;
    if (fences.length === 1) {
      const [fence] = fences as [DmaFence];
      const isDone = yield* fence.wait({ timeout_ns });
      check(isDone === fence.signaledFlag || !isDone, 'a wait that succeeds has waited');
      check(isDone || this.#system.now() === began_ns + timeout_ns, 'a wait ends with the signal or its time');
    } else {
      const found = yield* waitAnyFence(this.#system, fences, { timeout_ns });
      check(found === undefined || fences[found]?.signaledFlag === true, 'the fence that was found has signalled');
      check(found !== undefined || fences.every((fence) => !fence.signaledFlag), 'a wait for any misses none');
    }
    for (const fence of fences) fence.put();
  }

  /** A driver takes work on several buffers: it locks them all, adds a fence to each, and signals it later. */
  *#work(a: number, b: number): Kernel<void> {
    const wanted = [a, b, a + b].slice(0, 1 + (b % 3)).map((number) => this.#reservations[number % RESERVATIONS] as DmaResv);
    const context = new WwAcquireContext(reservationClass(this.#system));
    const held = yield* this.#lockAll(wanted, context);
    context.done();
    const line = a % CONTEXTS;
    const seqno = (this.#seqnos[line] ?? 0) + 1;
    this.#seqnos[line] = seqno;
    const doneAt_ns = Math.max(this.#doneAt_ns[line] ?? 0, this.#system.now() + (b % LONGEST_NS));
    this.#doneAt_ns[line] = doneAt_ns;
    const fence = new DmaFence(this.#system, { ops, context: this.#contexts + line, seqno });
    this.#watch(fence);
    const usage = (a % 4) as DmaResvUsage;
    for (const resv of held) {
      resv.reserveFences(1);
      resv.addFence(fence, usage);
      this.#submitted.push({ resv, fence, usage });
    }
    this.#keep(fence.get());
    this.#system.clock.schedule(doneAt_ns - this.#system.now(), 'the work', () => {
      fence.signal();
      fence.put();
    });
    for (const resv of held) resv.unlock();
    context.finish();
  }

  *#lockAll(wanted: readonly DmaResv[], context: WwAcquireContext): Kernel<DmaResv[]> {
    let held: DmaResv[] = [];
    for (let at = 0; at < wanted.length; ) {
      const resv = wanted[at] as DmaResv;
      try {
        yield* resv.lock.lock({ context });
        held.push(resv);
        at++;
        yield* sleep(at);
      } catch (error) {
        if (isErrno(error, 'EALREADY')) at++;
        else if (isErrno(error, 'EDEADLK')) {
          for (const one of held) one.unlock();
          yield* resv.lock.lockSlow(context);
          held = [resv];
          at = 0;
        } else throw error;
      }
    }
    return held;
  }

  /** All hardware is done, and nobody will reach the rest of the timeline. */
  finish(): void {
    this.#timeline.close();
    this.#system.scheduler.runReady();
    for (const [fence, times] of this.#signals) check(times === 1, `${fence.describe()} signalled once, not ${times} times`);
    for (const fence of this.#fences) {
      check(fence.status !== 0, `${fence.describe()} has signalled when all inside of it have`);
      fence.put();
    }
    for (const resv of this.#reservations) {
      check(resv.testSignaled(3) && !resv.lock.isLocked, 'nothing of a reservation is pending at the end');
      resv.finish();
    }
  }
}

/**
 * Runs a schedule to its end.
 *
 * @throws Deadlock when a waiter was lost or locks wait for each other; Leak, BrokenRules, or what promise did not hold
 */
export function runFenceSchedule({ seed, threads }: Schedule): void {
  const machine = boot(undefined, { seed });
  const { system } = machine;
  const world = new World(system);
  let running = threads.length;
  for (const [index, steps] of threads.entries()) {
    system.scheduler.spawn(`thread ${index}`, undefined, world.thread(steps), () => running--);
  }
  system.scheduler.runUntil(() => running === 0, 'the threads');
  if (world.errors.length > 0) throw world.errors[0];
  // What nobody waits for any more still has to be done.
  system.scheduler.settle();
  world.finish();
  machine.shutdown();
}

/** A schedule of that seed. */
export function makeFenceSchedule(seed: number, random: Random): Schedule {
  const step = (): FenceStep => ({
    kind: STEP_KINDS[random.below(STEP_KINDS.length)] as FenceStep['kind'],
    a: random.below(100),
    b: random.below(100),
  });
  const threads = Array.from({ length: 2 + random.below(4) }, () => Array.from({ length: 5 + random.below(30) }, step));
  return { seed, threads };
}
