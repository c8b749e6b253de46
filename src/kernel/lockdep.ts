import { callerStack } from './caller-stack.ts';
import type { Findings } from './findings.ts';
import type { Party } from './history.ts';
import { formatTime, type LockHolder, type Scheduler } from './scheduler.ts';

/** How an allocation may behave: GFP_KERNEL may sleep and reclaim, GFP_NOFS and GFP_NOIO sleep but enter no driver, the others do not wait. */
export type Gfp = 'GFP_KERNEL' | 'GFP_NOFS' | 'GFP_NOIO' | 'GFP_NOWAIT' | 'GFP_ATOMIC';

/** A lock that somebody holds now. */
export interface HeldLock {
  readonly lockClass: LockClass;
  /** Which lock of the class. */
  readonly lock: object;
  readonly holder: LockHolder;
}

/** That one class was taken while another was held: where that was first seen. */
interface Edge {
  readonly from: LockClass;
  readonly to: LockClass;
  readonly place: string;
}

/**
 * Locks that follow one rule, as `struct lock_class_key`: all reservation objects are one class. Whoever makes locks gives them a class,
 * and tells it when one is taken and given back; {@link Mutex} does.
 */
export class LockClass {
  readonly name: string;
  /** Whether several of one task may nest, because something else keeps their order: an acquire context, or a tree. */
  readonly nests: boolean;
  /** Classes taken while one of this class was held. */
  readonly after = new Map<LockClass, Edge>();
  readonly #lockdep: Lockdep;

  constructor(lockdep: Lockdep, name: string, nests: boolean) {
    this.#lockdep = lockdep;
    this.name = name;
    this.nests = nests;
  }

  /**
   * A lock is about to be waited for. To be called before the wait, which may never end.
   *
   * @param nested whether an order that the class knows nothing of allows it beside another of the class, as a ww_acquire_ctx does
   */
  wanted(lock: object, nested = this.nests): void {
    this.#lockdep.wanted(this, lock, nested);
  }

  /** A lock was taken. @returns what to give to {@link Lockdep.gaveBack} */
  taken(lock: object): HeldLock {
    return this.#lockdep.taken(this, lock);
  }

  gaveBack(held: HeldLock): void {
    this.#lockdep.gaveBack(held);
  }

  /** lockdep_is_held: whether the code that runs now took it. */
  isHeldByCaller(held: HeldLock): boolean {
    return this.#lockdep.isHolder(held);
  }

  /** might_lock: a lock of the class may be taken here, though perhaps not today. */
  mightTake(): void {
    this.#lockdep.mightTake(this);
  }
}

/**
 * What lockdep does: learns in which order classes of locks are taken, and reports an order that together with those seen before
 * could end in a deadlock, long before one happens.
 *
 * What may wait for other reasons is a class, too, so that one graph knows it all: user memory that may fault takes `mmap_lock`, an
 * allocation that may reclaim takes `fs_reclaim`, a fence that is waited for or will be signalled takes `dma_fence_map`.
 */
export class Lockdep {
  readonly #scheduler: Scheduler;
  readonly #findings: Findings;
  readonly #now: () => number;
  readonly #classes = new Map<string, LockClass>();
  readonly #reported = new Set<string>();
  readonly #held = new Set<HeldLock>();
  /** Locks held by anybody: while it is 0, hardly anything has to be looked at. A number, because every call looks at it. */
  held = 0;
  /** Taken by a fault on user memory. */
  readonly mmapLock: LockClass;
  readonly #fsReclaim: LockClass;
  readonly #mmuNotifier: LockClass;
  /** Held inside a fence signalling section, taken by who waits for a fence. */
  readonly fenceMap: LockClass;

  constructor(scheduler: Scheduler, findings: Findings, now: () => number) {
    this.#scheduler = scheduler;
    this.#findings = findings;
    this.#now = now;
    this.mmapLock = this.lockClass('mmap_lock');
    const reservation = this.lockClass('reservation_ww_class_mutex');
    this.#fsReclaim = this.lockClass('fs_reclaim');
    this.#mmuNotifier = this.lockClass('mmu_notifier_invalidate_range_start');
    this.fenceMap = this.lockClass('dma_fence_map');
    // dma_resv_lockdep of drivers/dma-buf/dma-resv.c teaches this order at boot.
    const primed = [this.mmapLock, reservation, this.#fsReclaim, this.#mmuNotifier, this.fenceMap];
    for (const [index, from] of primed.slice(0, -1).entries())
      this.#learn(from, primed[index + 1] as LockClass, 'at boot, for all drivers');
  }

  /** The class of that name; made by the first who asks. @param nests see {@link LockClass.nests} */
  lockClass(name: string, { nests = false } = {}): LockClass {
    let known = this.#classes.get(name);
    if (known === undefined) {
      known = new LockClass(this, name, nests);
      this.#classes.set(name, known);
    }
    return known;
  }

  // ---- what locks tell -----------------------------------------------------------

  wanted(wanted: LockClass, lock: object, nested: boolean): void {
    const { context } = this.#scheduler;
    this.mightSleep(`the lock ${wanted.name}`);
    for (const held of context.locks ?? []) {
      if (held.lock === lock) this.#once('lock-recursion', `a lock of ${wanted.name} is wanted by who holds it`, wanted, wanted);
      else if (held.lockClass !== wanted) this.#follow(held.lockClass, wanted);
      else if (!nested)
        this.#once('lock-recursion', `a second lock of ${wanted.name} is wanted, and nothing says in which order`, wanted, wanted);
    }
  }

  taken(taken: LockClass, lock: object): HeldLock {
    const { context } = this.#scheduler;
    const held = { lockClass: taken, lock, holder: context };
    context.locks ??= [];
    context.locks.push(held);
    this.#held.add(held);
    this.held = this.#held.size;
    return held;
  }

  gaveBack(held: HeldLock): void {
    const { locks = [] } = held.holder;
    const at = locks.lastIndexOf(held);
    // It has been reported as held at the end of its call, and forgotten.
    if (at < 0) return;
    locks.splice(at, 1);
    this.#held.delete(held);
    this.held = this.#held.size;
  }

  mightTake(lockClass: LockClass): void {
    if (this.held === 0) return;
    for (const held of this.#scheduler.context.locks ?? []) if (held.lockClass !== lockClass) this.#follow(held.lockClass, lockClass);
  }

  // ---- what else may wait ----------------------------------------------------------

  /** might_sleep: reports code that runs where nothing can wait. @param what it would wait for */
  mightSleep(what: string): void {
    const { atomic } = this.#scheduler;
    if (atomic === undefined) return;
    this.#findings.report('sleep-in-atomic', `${atomic.describe()} must not wait, and may have to for ${what}`);
  }

  /** might_alloc. @param what is allocated */
  mightAllocate(gfp: Gfp, what: string): void {
    if (gfp === 'GFP_ATOMIC' || gfp === 'GFP_NOWAIT') return;
    this.mightSleep(`memory for ${what} (${gfp})`);
    // Reclaim calls notifiers, too; the order primed at boot says so.
    this.mightTake(gfp === 'GFP_KERNEL' ? this.#fsReclaim : this.#mmuNotifier);
  }

  isHolder(held: HeldLock): boolean {
    return held.holder === this.#scheduler.context;
  }

  /** Whether the code that runs now holds a lock of a class. */
  holds(lockClass: LockClass): boolean {
    return this.held > 0 && (this.#scheduler.context.locks ?? []).some((held) => held.lockClass === lockClass);
  }

  /** The call of a task is on its way back to the program: reports what it still holds, and forgets that. */
  callEnded(): void {
    const { context, plainCall } = this.#scheduler;
    for (const held of [...(context.locks ?? []), ...(plainCall.locks ?? [])]) this.#reportHeld(held, 'at the end of a call');
  }

  /** The machine is switched off. */
  shutDown(): void {
    for (const held of [...this.#held]) this.#reportHeld(held, 'at shutdown');
  }

  #reportHeld(held: HeldLock, when: string): void {
    this.gaveBack(held);
    const what = held.lockClass === this.fenceMap ? 'a fence signalling section is' : `${held.lockClass.name} (${describe(held.lock)}) is`;
    this.#findings.report('lock-held-at-end', `${what} still held ${when}`, held.lock);
  }

  // ---- the graph -------------------------------------------------------------------

  /** One class is wanted while another is held. */
  #follow(held: LockClass, wanted: LockClass): void {
    if (held.after.has(wanted)) return;
    const back = path(wanted, held);
    if (back === undefined) {
      this.#learn(held, wanted, this.#place());
      return;
    }
    const cycle = [...back, { from: held, to: wanted, place: this.#place() }];
    const isFence = cycle.some(({ from, to }) => from === this.fenceMap || to === this.fenceMap);
    const chain = cycle.map(({ from, to, place }) => `\n  ${to.name} was taken under ${from.name} ${place}`).join('');
    const why = held === this.fenceMap ? ', inside a fence signalling section' : '';
    this.#once(
      isFence ? 'fence-signalling' : 'lock-order',
      `${wanted.name} is wanted under ${held.name}${why}, but they are taken the other way round, too:${chain}`,
      held,
      wanted,
    );
  }

  #learn(from: LockClass, to: LockClass, place: string): void {
    from.after.set(to, { from, to, place });
  }

  /** Each pair is reported once, as what breaks a rule mostly does so each time. */
  #once(rule: string, text: string, held: LockClass, wanted: LockClass): void {
    const key = `${rule} ${held.name} ${wanted.name}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#findings.report(rule, text);
  }

  #place(): string {
    const stack = callerStack();
    return `by ${this.#findings.who} at t=${formatTime(this.#now())}${stack === undefined ? '' : `\n${stack}`}`;
  }
}

const describe = (thing: object) => (thing as Partial<Party>).describe?.() ?? 'unnamed';

/** The shortest way from a class to another, along what was taken under what. */
function path(from: LockClass, to: LockClass): Edge[] | undefined {
  const cameBy = new Map<LockClass, Edge | undefined>([[from, undefined]]);
  for (const at of cameBy.keys()) {
    if (at === to) {
      const way: Edge[] = [];
      for (let edge = cameBy.get(at); edge !== undefined; edge = cameBy.get(edge.from)) way.unshift(edge);
      return way;
    }
    for (const edge of at.after.values()) if (!cameBy.has(edge.to)) cameBy.set(edge.to, edge);
  }
  return undefined;
}
