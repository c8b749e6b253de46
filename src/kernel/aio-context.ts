/** fs/aio.c: the requests of io_submit(2) from their beginning until somebody has read how they ended. */
import { Errno, errno } from '../abi/index.ts';
import { io_event } from '../abi/uapi/index.ts';
import type { IoVector } from './calls/vectors.ts';
import type { Kernel } from './colour.ts';
import type { EventfdContext } from './eventfd.ts';
import type { File } from './file.ts';
import type { Kiocb } from './kiocb.ts';
import { Mutex } from './mutex.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';
import { copyToUser, UserBuffer, type UserMemory } from './user-memory.ts';
import { WaitQueue } from './wait.ts';

/** How a request ended: `struct io_event`, and bytes that have not been put into the program's memory yet. */
interface Ended {
  readonly data: bigint;
  readonly obj: number;
  result: number;
  readonly memory: readonly IoVector[];
  bytes: Uint8Array | undefined;
}

/** Runs what may wait in general, but does not here. */
function withoutWaiting<T>(work: Kernel<T>): T {
  const step = work.next('woken');
  if (step.done !== true) throw new Error(`memory of a task in process made one wait for ${step.value.what}`);
  return step.value;
}

/** Puts bytes that were read where the program wants them. @returns how many, or the negated EFAULT */
function* deliver(memory: UserMemory, where: readonly IoVector[], bytes: Uint8Array): Kernel<number> {
  const buffer = new UserBuffer(memory, where);
  const wanted = Math.min(bytes.length, buffer.remaining);
  try {
    return wanted === 0 || (yield* buffer.put(bytes)) === wanted ? wanted : -errno.EFAULT;
  } catch (error) {
    if (error instanceof Errno) return -error.errno;
    throw error;
  }
}

/** One request: `struct aio_kiocb`. It holds its file. */
export class AioRequest implements Kiocb {
  readonly context: AioContext;
  readonly file: File;
  /** The address of the program's `struct iocb`. */
  readonly obj: number;
  readonly data: bigint;
  position = 0;
  eventfd: EventfdContext | undefined;
  /** Where bytes go that are read. */
  memory: readonly IoVector[] = [];
  #cancel: (() => void) | undefined;
  #isOver = false;

  /** @param file whose reference becomes the request's */
  constructor(context: AioContext, file: File, obj: number, data: bigint) {
    this.context = context;
    this.file = file;
    this.obj = obj;
    this.data = data;
  }

  get hasEventfd(): boolean {
    return this.eventfd !== undefined;
  }

  get isCancellable(): boolean {
    return this.#cancel !== undefined;
  }

  setCancel(cancel: () => void): void {
    if (!this.#isOver) this.#cancel = cancel;
  }

  /** Once: whoever cancels has the request leave the list of those that can be. */
  cancel(): void {
    const cancel = this.#cancel;
    this.#cancel = undefined;
    cancel?.();
  }

  complete(result: number, bytes?: Uint8Array): void {
    if (this.#isOver) throw new Error(`a request on ${this.file.path} was completed twice`);
    this.#end();
    this.context.ended({ data: this.data, obj: this.obj, result, memory: this.memory, bytes });
    this.eventfd?.signal();
    this.eventfd?.put();
    this.file.put();
  }

  /** iocb_destroy: it was never begun. */
  abandon(): void {
    if (this.#isOver) return;
    this.#end();
    this.context.giveBack();
    this.eventfd?.put();
    this.file.put();
  }

  #end(): void {
    this.#isOver = true;
    this.#cancel = undefined;
    this.context.requests.delete(this);
  }
}

/**
 * How many requests there is room for in a ring with so many events. One processor takes room in batches, and what is less than a
 * batch stays.
 */
function roomOf(events: number, cpus: number): number {
  const batch = Math.max(1, Math.floor((events - 1) / (cpus * 4)));
  return Math.floor((events - 1) / batch) * batch;
}

/** A context of io_setup(2): `struct kioctx`. */
export class AioContext {
  /** The address of the ring, by which the program knows it. */
  readonly id: number;
  /** Events that the ring has room for. */
  readonly size: number;
  /** Those under way, oldest first. */
  readonly requests = new Set<AioRequest>();
  readonly changed = new WaitQueue('a request of io_submit');
  isDead = false;
  /** Set by a door that wakes whoever waits for events elsewhere. */
  onEvent: (() => void) | undefined;
  /** Gives back what it was made of. */
  onDeath: (() => void) | undefined;
  /** Memory that can be reached while no call is made. */
  readonly #memory: UserMemory | undefined;
  readonly #events: Ended[] = [];
  readonly #lock: Mutex;
  #room: number;

  constructor(system: System, id: number, size: number, memory: UserMemory | undefined) {
    this.id = id;
    this.size = size;
    this.#memory = memory;
    this.#lock = new Mutex('the events of io_getevents', system.lockdep.lockClass('aio ring'));
    this.#room = roomOf(size, system.cpus);
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** aio_get_req: room for the event of a request. @throws Errno EAGAIN */
  take(): void {
    if (this.#room === 0) throw new Errno('EAGAIN', 'as many requests are under way as there is room for events');
    this.#room--;
  }

  giveBack(): void {
    this.#room++;
    this.#changed();
  }

  /** aio_complete. */
  ended(event: Ended): void {
    if (this.isDead) {
      this.#changed();
      return;
    }
    if (this.#memory !== undefined && event.bytes !== undefined) {
      event.result = withoutWaiting(deliver(this.#memory, event.memory, event.bytes));
      event.bytes = undefined;
    }
    this.#events.push(event);
    this.onEvent?.();
    this.#changed();
  }

  #changed(): void {
    this.changed.wake();
  }

  /**
   * aio_read_events_ring: what has ended, oldest first. Bytes that could not be put into the program's memory before are put there now.
   *
   * @param address of `count` structs io_event
   * @returns how many there were
   * @throws Errno EFAULT, and then nothing is taken
   */
  *read(task: Task, address: number, count: number): Kernel<number> {
    if (count <= 0 || this.#events.length === 0) return 0;
    yield* this.#lock.lock();
    try {
      const events = this.#events.slice(0, count);
      const out = new Uint8Array(events.length * io_event.size);
      const view = new DataView(out.buffer);
      for (const [index, event] of events.entries()) {
        if (event.bytes !== undefined) event.result = yield* deliver(task.memory, event.memory, event.bytes);
        event.bytes = undefined;
        io_event.encode(view, index * io_event.size, { data: event.data, obj: event.obj, res: event.result, res2: 0 });
      }
      yield* copyToUser(task.memory, address, out);
      this.#events.splice(0, events.length);
      this.#room += events.length;
      return events.length;
    } finally {
      this.#lock.unlock();
    }
  }

  /** kill_ioctx: nothing can be submitted any more, and what can be cancelled is. */
  kill(): void {
    this.isDead = true;
    this.onDeath?.();
    this.#events.length = 0;
    for (const request of [...this.requests]) {
      try {
        request.cancel();
      } catch (error) {
        // It is about to end already.
        if (!(error instanceof Errno)) throw error;
      }
    }
    this.#changed();
  }
}

/** The contexts of a program: `struct kioctx_table`. */
export class AioContexts {
  readonly #byId = new Map<number, AioContext>();

  get size(): number {
    return this.#byId.size;
  }

  add(context: AioContext): void {
    this.#byId.set(context.id, context);
  }

  get(id: number): AioContext | undefined {
    return this.#byId.get(id);
  }

  /** lookup_ioctx. @throws Errno EINVAL */
  find(id: number): AioContext {
    const context = this.#byId.get(id);
    if (context === undefined) throw new Errno('EINVAL', `0x${id.toString(16)} is no context of io_setup`);
    return context;
  }

  remove(context: AioContext): void {
    if (this.#byId.get(context.id) === context) this.#byId.delete(context.id);
  }

  /** exit_aio: the program has ended. */
  exit(): void {
    for (const context of this.#byId.values()) context.kill();
    this.#byId.clear();
  }
}
