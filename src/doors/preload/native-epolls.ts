import { readFileSync } from 'node:fs';
import {
  createEpollFile,
  type EventPoll,
  eventPollOf,
  type File,
  type Kernel,
  Mutex,
  type System,
  type Waiter,
} from '../../kernel/index.ts';
import { type Addon, must } from './addon.ts';
import { IO_EPOLL_MAGIC } from './protocol.ts';

/** Where the server hears that nobody has a pipe's read end any more. */
export interface PipeWatch {
  watch(pipe: number, set: number): void;
  unwatch(pipe: number): void;
}

/**
 * The emulated files of a program's epoll descriptor. The descriptor itself is a real one, which watches the read end of this set's
 * pipe; the set lives as long as a process has that read end.
 *
 * The pipe only wakes. It is readable while the set may have something to report: the server alone fills and empties it, so nothing
 * is lost with a process that ends between being woken and asking.
 */
export class NativeEpoll implements Waiter {
  readonly number: number;
  readonly file: File<EventPoll>;
  readonly set: EventPoll;
  /** The write end. */
  readonly pipe: number;
  /** How the pipe shows among the entries of an epoll descriptor: see {@link NativeEpolls.identify}. */
  readonly mark: string;
  readonly #addon: Addon;
  #isFilled = false;
  #isOver = false;

  constructor(addon: Addon, number: number, file: File<EventPoll>, pipe: number, mark: string) {
    this.#addon = addon;
    this.number = number;
    this.file = file;
    this.set = eventPollOf(file) as EventPoll;
    this.pipe = pipe;
    this.mark = mark;
    this.set.polled.add(this);
    this.settle();
  }

  /** An entry may have become ready. */
  wake(): void {
    if (this.#isFilled || this.#isOver) return;
    this.#addon.fillPipe(this.pipe);
    this.#isFilled = true;
  }

  /** Makes the pipe say whether there may be something to report. */
  settle(): void {
    if (this.set.mayReport) this.wake();
    else this.#empty();
  }

  /** The same once every entry that is said to be ready was asked: poll(2) on the epoll descriptor believes the pipe. */
  *verify(): Kernel<void> {
    if (this.#isFilled && !(yield* this.set.isReadable())) this.#empty();
  }

  #empty(): void {
    if (!this.#isFilled || this.#isOver) return;
    this.#addon.emptyPipe(this.pipe);
    this.#isFilled = false;
  }

  /** Runs a call on the set, which may wait: the set stays meanwhile. */
  *holding<T>(call: Kernel<T>): Kernel<T> {
    this.file.get();
    try {
      return yield* call;
    } finally {
      this.file.put();
    }
  }

  /** Nobody has the pipe's read end any more. */
  end(): void {
    this.#isOver = true;
    this.set.polled.remove(this);
    must(this.#addon.close(this.pipe), 'close');
    this.file.put();
  }
}

/** st_dev of stat(2) as the kernel writes it in fdinfo. */
const kernelDevice = (dev: number) => ((dev & 0xfff00) * 0x1000 + ((dev & 0xff) | ((dev >>> 12) & 0xfff00))).toString(16);

/** All of them. */
export class NativeEpolls {
  readonly #addon: Addon;
  readonly #system: System;
  readonly #pipes: PipeWatch;
  readonly #byNumber = new Map<number, NativeEpoll>();
  readonly #byMark = new Map<string, NativeEpoll>();
  #nextNumber = 1;
  /** Held while an epoll descriptor gets its set, so that it gets one. */
  readonly making = new Mutex('the making of epoll sets');

  constructor(addon: Addon, system: System, pipes: PipeWatch) {
    this.#addon = addon;
    this.#system = system;
    this.#pipes = pipes;
  }

  get count(): number {
    return this.#byNumber.size;
  }

  get(number: number): NativeEpoll | undefined {
    return this.#byNumber.get(number);
  }

  /** A file for a set to come. */
  makeFile(): File<EventPoll> {
    return createEpollFile(this.#system);
  }

  /**
   * Makes a set of a file, whose reference becomes the set's.
   *
   * @returns it, and the read end to send: the caller closes it once it is sent
   */
  make(file: File<EventPoll>): { readonly epoll: NativeEpoll; readonly readEnd: number } {
    const ends = this.#addon.pipe();
    if (typeof ends === 'number') throw new Error(`pipe failed with errno ${-ends}`);
    const [readEnd, pipe] = ends;
    const identity = this.#addon.identity(pipe);
    if (typeof identity === 'number') throw new Error(`fstat failed with errno ${-identity}`);
    const [dev, ino] = identity;
    const number = this.#nextNumber++;
    const epoll = new NativeEpoll(this.#addon, number, file, pipe, `${ino.toString(16)} ${kernelDevice(dev)} ${number}`);
    this.#byNumber.set(number, epoll);
    this.#byMark.set(epoll.mark, epoll);
    this.#pipes.watch(pipe, number);
    return { epoll, readEnd };
  }

  /**
   * Which set an epoll descriptor has: the kernel tells what it watches. The data alone could be anybody's, but only who was given
   * the read end can have it watched.
   */
  identify(fd: number): NativeEpoll | undefined {
    const entries = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').matchAll(
      /^tfd: .* data: +([0-9a-f]+) +pos:\S+ ino:([0-9a-f]+) sdev:([0-9a-f]+)$/gm,
    );
    for (const [, data = '', ino, sdev] of entries) {
      if (data.length <= 8 || Number.parseInt(data.slice(0, -8), 16) !== IO_EPOLL_MAGIC) continue;
      const epoll = this.#byMark.get(`${ino} ${sdev} ${Number.parseInt(data.slice(-8), 16)}`);
      if (epoll !== undefined) return epoll;
    }
    return undefined;
  }

  /** Files have ended, and their entries with them. */
  settleAll(): void {
    for (const epoll of this.#byNumber.values()) epoll.settle();
  }

  /** No process has the read end any more. */
  drop(number: number): void {
    const epoll = this.#byNumber.get(number);
    if (epoll === undefined) return;
    this.#byNumber.delete(number);
    this.#byMark.delete(epoll.mark);
    this.#pipes.unwatch(epoll.pipe);
    epoll.end();
  }

  close(): void {
    for (const number of [...this.#byNumber.keys()]) this.drop(number);
  }
}
