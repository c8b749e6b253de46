import { Errno, type ErrnoName } from '../abi/index.ts';
import { checkedFault, FAULT_SERVICES, type Fault, type FaultService } from './fault.ts';
import { parseFault } from './fault-text.ts';
import type { Log } from './log.ts';
import type { Random } from './random.ts';
import { formatRecord, type Task } from './task.ts';

/** A use of a service that was made to fail. */
export interface FaultHit {
  readonly fault: Fault;
  readonly error: ErrnoName;
  readonly at_ns: number;
  /** In words: what failed, for whom. */
  readonly text: string;
}

/** A fault under way. */
class PlannedFault {
  readonly fault: Fault;
  readonly error: ErrnoName;
  /** Uses that fit. */
  uses = 0;
  hits = 0;
  readonly #random: Random;

  constructor(fault: Fault, random: Random) {
    this.fault = fault;
    this.error = fault.error ?? FAULT_SERVICES[fault.service][0];
    this.#random = random;
  }

  /** Takes note of one more use, and says whether it fails. */
  takes(detail: string, task: Task | undefined, sinceBoot_ns: number): boolean {
    const { what, call, task: comm, after_ns = 0, before_ns = Number.POSITIVE_INFINITY, nth, every, p, times } = this.fault;
    if (sinceBoot_ns < after_ns || sinceBoot_ns >= before_ns) return false;
    if (what !== undefined && !detail.includes(what)) return false;
    if (comm !== undefined && task?.comm !== comm) return false;
    if (call !== undefined && (task === undefined || !isDoing(task, call))) return false;
    this.uses++;
    if (nth !== undefined && this.uses !== nth) return false;
    if (every !== undefined && this.uses % every !== 0) return false;
    if (p !== undefined && this.#random.uint32() >= p * 2 ** 32) return false;
    if (times !== undefined && this.hits >= times) return false;
    this.hits++;
    return true;
  }
}

function isDoing(task: Task, call: string): boolean {
  if (task.callName === call) return true;
  return task.callName === 'ioctl' && formatRecord(task.call).includes(` ${call})`);
}

export interface FaultSurroundings {
  readonly log: Log;
  readonly now: () => number;
  readonly start_ns: number;
  readonly current: () => Task | undefined;
  readonly random: (name: string) => Random;
}

/**
 * The plan of what fails in a machine, as Linux's fault injection: each service of the kernel asks before it does its work. Without a
 * plan that costs a look at a flag.
 */
export class Faults {
  readonly #around: FaultSurroundings;
  #planned: PlannedFault[] = [];
  #added = 0;
  #isCounting = false;
  /** How often each service was used while {@link count}ing. */
  readonly uses = new Map<FaultService, number>();
  readonly #hits: FaultHit[] = [];
  /** Whether anything is planned or counted. */
  isActive = false;
  /** Told of each hit as it comes. */
  onHit: ((hit: FaultHit) => void) | undefined;

  constructor(around: FaultSurroundings) {
    this.#around = around;
  }

  /**
   * Plans a fault. Several can be planned; the first that takes a use decides.
   *
   * @param fault or its text, as `alloc:nth=3:ENOMEM`
   * @returns a function that takes it out of the plan
   * @throws SyntaxError for text that says nothing, or values that make no sense
   */
  add(fault: Fault | string): () => void {
    const planned = new PlannedFault(
      checkedFault(typeof fault === 'string' ? parseFault(fault) : fault),
      this.#around.random(`fault ${this.#added++}`),
    );
    this.#planned.push(planned);
    this.#update();
    return () => {
      this.#planned = this.#planned.filter((other) => other !== planned);
      this.#update();
    };
  }

  /** Forgets the whole plan. */
  clear(): void {
    this.#planned = [];
    this.#update();
  }

  /** Counts the uses of each service from now on. */
  count(): void {
    this.#isCounting = true;
    this.uses.clear();
    this.#update();
  }

  /** What was made to fail, in order. */
  get hits(): readonly FaultHit[] {
    return this.#hits;
  }

  /** Planned faults that never came, with the number of uses that fitted but for their number. */
  get unused(): readonly { readonly fault: Fault; readonly uses: number }[] {
    return this.#planned.filter(({ hits }) => hits === 0).map(({ fault, uses }) => ({ fault, uses }));
  }

  #update(): void {
    this.isActive = this.#isCounting || this.#planned.length > 0;
  }

  /** A service is used. @param detail of what, for people and for `what=` @returns the error that it is to fail with */
  fails(service: FaultService, detail: string): ErrnoName | undefined {
    return this.isActive ? this.#use(service, detail) : undefined;
  }

  /** The same for a service that throws. @throws Errno when it is to fail */
  check(service: FaultService, detail: string): void {
    if (!this.isActive) return;
    const error = this.#use(service, detail);
    if (error !== undefined) throw new Errno(error, `the fault plan lets ${service}${detail === '' ? '' : ` of ${detail}`} fail`);
  }

  #use(service: FaultService, detail: string): ErrnoName | undefined {
    if (this.#isCounting) this.uses.set(service, (this.uses.get(service) ?? 0) + 1);
    const { now, start_ns, current, log } = this.#around;
    let taker: PlannedFault | undefined;
    for (const planned of this.#planned) {
      if (planned.fault.service === service && planned.takes(detail, current(), now() - start_ns)) taker ??= planned;
    }
    if (taker === undefined) return undefined;
    const { fault, error } = taker;
    const task = current();
    const who = task === undefined ? 'the kernel' : formatRecord(task.call);
    const hit = { fault, error, at_ns: now(), text: `${service}${detail === '' ? '' : ` of ${detail}`} fails with ${error} in ${who}` };
    this.#hits.push(hit);
    // As the kernel's fail_dump begins.
    log.print('info', `FAULT_INJECTION: forcing a failure: ${hit.text}`);
    this.onHit?.(hit);
    return error;
  }
}
