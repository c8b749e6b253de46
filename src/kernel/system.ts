import { AnonymousFiles } from './anon-inode.ts';
import { Clock } from './clock.ts';
import type { Kernel } from './colour.ts';
import { CopyWatch } from './copy-watch.ts';
import { DeviceModel } from './device-model.ts';
import { Devices } from './devices.ts';
import { Faults } from './faults.ts';
import { BrokenRules, type Defect, Findings } from './findings.ts';
import { History } from './history.ts';
import type { Timespec } from './inode.ts';
import { Leak, Ledger } from './ledger.ts';
import { type Gfp, Lockdep } from './lockdep.ts';
import { Log } from './log.ts';
import type { MemoryProvider } from './memory-object.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { SocketFs } from './socket-fs.ts';
import type { Task } from './task.ts';
import { TaskTable } from './task-table.ts';
import { type TraceLine, Tracer } from './trace.ts';
import type { Vfs } from './vfs.ts';

/** Of the processors; only texts that programs read depend on it. */
export type Architecture = 'x86-64' | 'arm64';

export interface SystemOptions {
  /** Of every choice the machine makes. */
  readonly seed: number;
  /** The wall clock when virtual time is 0, in seconds since 1970. */
  readonly bootTime_s: number;
  /** Virtual time at which the machine comes up. */
  readonly start_ns: number;
  /** How many processors the machine has. */
  readonly cpus: number;
  readonly architecture: Architecture;
  readonly memory: MemoryProvider;
  readonly makeVfs: (system: System) => Vfs;
  /** Whether findings tell what happened to their parties before; keeping that costs time. */
  readonly history?: boolean;
  /** Whether CPU accesses to buffers must be ended. */
  readonly checksCpuAccess?: boolean;
  /** Defects of real drivers to re-create. */
  readonly defects?: readonly Defect[];
  /** Called with each system call, decoded; tracing costs time. */
  readonly trace?: (line: TraceLine) => void;
}

interface Deferred {
  readonly name: string;
  readonly work: Kernel<void>;
}

/** What every driver stands on: the services of one machine's kernel. */
export class System {
  readonly seed: number;
  readonly checksCpuAccess: boolean;
  readonly cpus: number;
  readonly architecture: Architecture;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly findings: Findings;
  /** Undefined when the machine keeps none. */
  readonly history: History | undefined;
  readonly lockdep: Lockdep;
  readonly faults: Faults;
  readonly copies: CopyWatch;
  readonly memory: MemoryProvider;
  readonly vfs: Vfs;
  readonly deviceModel: DeviceModel;
  readonly devices: Devices;
  readonly sockets: SocketFs;
  readonly anonymous: AnonymousFiles;
  readonly tasks: TaskTable;
  readonly tracer: Tracer | undefined;
  readonly #bootTime_s: number;
  #deferred: Deferred[] = [];
  readonly #singles = new Map<(system: System) => unknown, unknown>();

  constructor(options: SystemOptions) {
    this.seed = options.seed;
    this.checksCpuAccess = options.checksCpuAccess ?? false;
    this.cpus = options.cpus;
    this.architecture = options.architecture;
    this.#bootTime_s = options.bootTime_s;
    this.clock = new Clock(options.start_ns);
    this.scheduler = new Scheduler(this.clock, Random.stream(options.seed, 'scheduler'));
    const now = () => this.clock.now();
    const current = () => this.scheduler.current;
    this.log = new Log(now);
    this.ledger = new Ledger(now, current);
    const { scheduler } = this;
    const running = {
      now,
      get current() {
        return scheduler.current;
      },
      get event() {
        return scheduler.atomic;
      },
    };
    this.history = options.history === true ? new History(running) : undefined;
    this.findings = new Findings(running, this.history);
    for (const defect of options.defects ?? []) this.findings.recreate(defect);
    this.lockdep = new Lockdep(scheduler, this.findings, now);
    this.faults = new Faults({ log: this.log, now, start_ns: options.start_ns, current, random: (name) => this.random(name) });
    this.copies = new CopyWatch(this.lockdep, this.faults);
    this.clock.onGenerator = (event) =>
      this.findings.report('sleep-in-atomic', `the function of ${event.describe()} is a generator, but events cannot wait`);
    scheduler.interrupts = (task, what) => this.faults.isActive && this.#isInterrupted(task, what);
    this.memory = options.memory;
    this.tracer = options.trace === undefined ? undefined : new Tracer(this, options.trace);
    this.vfs = options.makeVfs(this);
    this.deviceModel = new DeviceModel(this, this.vfs.sysfs, this.vfs);
    this.devices = new Devices(this.deviceModel);
    this.sockets = new SocketFs(this);
    this.anonymous = new AnonymousFiles(this);
    this.tasks = new TaskTable(this);
  }

  /**
   * Where Linux would allocate memory for an object of the kernel's: checks that this may be done here, and whether a fault plan lets it
   * fail.
   *
   * @param what for people, and for fault plans: `struct sync_file`
   * @throws Errno ENOMEM
   */
  kmalloc(what: string, gfp: Gfp = 'GFP_KERNEL'): void {
    this.lockdep.mightAllocate(gfp, what);
    this.faults.check('alloc', what);
  }

  /** Whether the fault plan ends a wait that is about to begin. */
  #isInterrupted(task: Task, what: string): boolean {
    const error = this.faults.fails('wait', what);
    if (error === 'EINTR') task.signals.refuseRestart();
    return error !== undefined;
  }

  /** CLOCK_MONOTONIC, in virtual nanoseconds. */
  now(): number {
    return this.clock.now();
  }

  /** CLOCK_REALTIME. */
  realtime(): Timespec {
    const now = this.clock.now();
    const sec = Math.floor(now / 1e9);
    return { sec: this.#bootTime_s + sec, nsec: now - sec * 1e9 };
  }

  /** A source of chance of one's own, for a device: the same name gives the same numbers for the same seed. */
  random(name: string): Random {
    return Random.stream(this.seed, name);
  }

  /**
   * Work that may wait but came up in code that may not, as the release of a file does. The task that runs now does it before its
   * call returns; without one it is done on its own.
   */
  defer(name: string, work: Kernel<void>): void {
    if (this.scheduler.current === undefined) this.scheduler.spawn(name, undefined, work);
    else this.#deferred.push({ name, work });
  }

  /**
   * The machine's instance of something that there is one of: made by the first who asks.
   *
   * @param make also the key
   */
  single<T>(make: (system: System) => T): T {
    if (!this.#singles.has(make)) this.#singles.set(make, make(this));
    return this.#singles.get(make) as T;
  }

  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  /** Does what was put off. For doors, at the end of each call. */
  *doDeferred(): Kernel<void> {
    for (let next = this.#deferred.shift(); next !== undefined; next = this.#deferred.shift()) yield* next.work;
  }

  /**
   * Checks that nothing is left: no file, buffer, mapping, fence, memory, or task.
   *
   * @throws Leak with one line per thing left; BrokenRules when a rule of the real kernel was broken and nobody expected it
   */
  assertClean(): void {
    this.lockdep.shutDown();
    const left = this.ledger.list();
    if (left.length > 0) throw new Leak(left);
    if (this.findings.unexpected.length > 0) throw new BrokenRules(this.findings.unexpected);
  }
}
