import { Errno, errno, errnoName } from '../../abi/index.ts';
import { SIGKILL } from '../../abi/uapi/index.ts';
import { type Credentials, type File, type Kernel, Task, WaitQueue, waitOn } from '../../kernel/index.ts';
import { must } from './addon.ts';
import type { Client } from './client.ts';
import { RemoteDescriptors } from './descriptors.ts';
import type { PollWatch } from './poll-watch.ts';
import * as protocol from './protocol.ts';
import { RemoteMemory } from './user-memory.ts';

const TWO32 = 4294967296;

/** Where a slot is, as the server knows it; what the shared page says is never believed. */
type SlotState = 'idle' | 'serving' | 'asking';

/**
 * One slot of a program's region: a thread's call, and that thread as the server's hands while it waits. There is a {@link Task} per
 * slot, so that a call inside a call (from a signal handler) has memory and descriptors of its own to reach the program by.
 */
export class Slot {
  readonly client: Client;
  readonly index: number;
  readonly task: Task;
  readonly memory: RemoteMemory;
  /** The descriptor that the request is about. */
  primaryFd = -1;
  /** What the program knows it as. */
  primaryHandle = 0;
  state: SlotState = 'idle';
  /** Files of the request's descriptors, which the program has proved to hold. */
  readonly known = new Map<number, File>();
  readonly #borrowed: File[] = [];
  readonly #descriptors = new RemoteDescriptors(this);
  /** Index of the slot's first word in the region's 32-bit views. */
  readonly #word: number;
  readonly #replied: WaitQueue;
  /** Looks on while the program's own kernel polls, until the thread calls again. */
  watch: PollWatch | undefined;
  /** The eventfd that wakes the thread then. */
  #waker: number | undefined;

  constructor(client: Client, index: number) {
    this.client = client;
    this.index = index;
    this.#word = ((index + 1) * protocol.IO_PAGE) / 4;
    this.#replied = new WaitQueue(`an answer of process ${client.process.pid}`);
    const { process } = client;
    this.memory = new RemoteMemory(this);
    this.task = new Task(client.server.system, {
      pid: process.pid,
      comm: process.comm,
      credentials: process.credentials as Credentials,
      files: this.#descriptors,
      memory: this.memory,
      aio: client.aio,
      lockOwner: client,
      fs: client.server.system.vfs.initialContext(),
    });
  }

  /** The number by which the addon knows it. */
  get number(): number {
    return this.client.index * protocol.IO_SLOTS + this.index;
  }

  // ---- the words of the slot, each to be read once ------------------------------

  uint(offset: number): number {
    return this.client.uints[this.#word + offset / 4] as number;
  }

  int(offset: number): number {
    return this.client.ints[this.#word + offset / 4] as number;
  }

  /** A 64-bit argument as a number, exact within 2^53. */
  argument(index: number): number {
    const at = this.#word + protocol.SLOT_ARGS / 4 + 2 * index;
    return (this.client.uints[at] as number) + (this.client.ints[at + 1] as number) * TWO32;
  }

  /** All 64 bits of an argument. */
  bits(index: number): bigint {
    return this.client.view.getBigUint64(this.#word * 4 + protocol.SLOT_ARGS + 8 * index, true);
  }

  get result(): number {
    const at = this.#word + protocol.SLOT_RESULT / 4;
    return (this.client.uints[at] as number) + (this.client.ints[at + 1] as number) * TWO32;
  }

  set(offset: number, value: number): void {
    this.client.uints[this.#word + offset / 4] = value;
  }

  set64(offset: number, value: number): void {
    const at = this.#word + offset / 4;
    this.client.uints[at] = value;
    this.client.ints[at + 1] = Math.floor(value / TWO32);
  }

  /** Place of the slot's data in the region, in bytes. */
  get dataAt(): number {
    return this.#word * 4 + protocol.SLOT_DATA;
  }

  /** @throws Errno EFAULT when the program has ended, and its region is not there any more */
  assertReachable(): void {
    if (!this.client.isAlive) throw new Errno('EFAULT', 'the program is gone');
  }

  /** The data as a window into shared memory. */
  data(length: number): Uint8Array {
    this.assertReachable();
    return this.client.bytes.subarray(this.dataAt, this.dataAt + Math.min(length, protocol.IO_DATA_SIZE));
  }

  // ---- answers and up-calls --------------------------------------------------------

  /** Files that only this call needs. */
  borrow(file: File): File {
    this.#borrowed.push(file);
    return file;
  }

  /** The call has ended: it knows no files any more. */
  dropFiles(): void {
    this.known.clear();
    this.#descriptors.dropReceived();
    while (this.#borrowed.length > 0) this.#borrowed.pop()?.put();
  }

  /** Ends the call: its result, or the error that it threw. */
  answer(result: number, error: unknown): void {
    this.state = 'idle';
    this.task.signals.endInterrupt();
    this.set64(protocol.SLOT_RESULT, result);
    this.set(protocol.SLOT_ERROR, error === undefined ? 0 : error instanceof Errno ? error.errno : errno.EIO);
    this.client.publish(this, protocol.IO_ANSWER);
  }

  /**
   * Has the program's thread do something: see `enum io_up`. Data must stand in the slot already.
   *
   * @returns the outcome, a negated errno below 0
   * @throws Errno EFAULT when the program has ended or ends meanwhile
   */
  *ask(up: number, ...args: readonly number[]): Kernel<number> {
    this.assertReachable();
    this.set(protocol.SLOT_UP, up);
    for (const [index, value] of args.entries()) this.set64(protocol.SLOT_ARGS + 8 * index, value);
    this.state = 'asking';
    this.client.publish(this, protocol.IO_UPCALL);
    while (this.state === 'asking') {
      this.assertReachable();
      const wake = yield waitOn([{ queue: this.#replied, key: 1 }], { mode: 'killable' });
      if (wake === 'signal') throw new Errno('EFAULT', 'the program is gone');
    }
    return this.result;
  }

  /** Gives the thread what wakes it, once. @throws Errno EMFILE when it has no descriptor left */
  *getWaker(): Kernel<void> {
    const { client } = this;
    if (this.#waker !== undefined) return;
    const waker = must(client.server.addon.event(), 'eventfd');
    try {
      outcome(yield* client.sending(waker, () => this.ask(protocol.IO_UP_WAKER)), 'a descriptor to be woken by');
      this.#waker = waker;
    } finally {
      if (this.#waker === undefined) client.server.addon.close(waker);
    }
  }

  /** Whether the thread waits for the machine, or for its time: it does nothing until one of the two moves. */
  get isWaiting(): boolean {
    return this.watch === undefined ? this.state === 'serving' : !this.watch.hasTold;
  }

  /** What it polls may have changed. */
  wake(): void {
    if (this.#waker !== undefined) this.client.server.addon.signal(this.#waker);
  }

  /** The thread calls again, or never any more. */
  endWatch(): void {
    this.watch?.end();
    this.watch = undefined;
  }

  /** The process is gone. */
  end(): void {
    this.endWatch();
    if (this.#waker !== undefined) this.client.server.addon.close(this.#waker);
    if (this.state !== 'idle') this.task.signals.send(SIGKILL);
    // A device may be the one that waits for it.
    this.#replied.wake();
  }

  /** The program's thread has done it. */
  replied(): void {
    this.state = 'serving';
    this.#replied.wake();
  }
}

/** The outcome of an up-call that must not fail. @throws Errno what the program's kernel said */
export function outcome(result: number, what: string): number {
  if (result >= 0) return result;
  throw new Errno(errnoName(-result) ?? 'EIO', `${what} in the program`);
}
