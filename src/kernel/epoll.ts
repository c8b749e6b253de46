import { Errno } from '../abi/index.ts';
import { EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLRDNORM, O_RDWR } from '../abi/uapi/index.ts';
import type { Kernel } from './colour.ts';
import { type EpollEvent, EpollItem, PRIVATE_BITS, RegisteringTable } from './epoll-item.ts';
import type { Nesting } from './epoll-nesting.ts';
import type { File, FileOperations } from './file.ts';
import { Mutex } from './mutex.ts';
import { PollTable } from './poll.ts';
import type { System } from './system.ts';
import { ALL_KEYS, WaitQueue, waitOn } from './wait.ts';

/**
 * An epoll set (fs/eventpoll.c).
 *
 * An entry is on the ready list when it may have something to report; what it has is asked of its file at the time of the report.
 * Invariants: (1) an entry is in at most one of `#ready` and `#again`; (2) while a scan runs (under `#lock`), nobody but the scan
 * adds to these, and entries that are woken meanwhile are in `#woken`; (3) without a scan, `#again` and `#woken` are empty.
 */
export class EventPoll {
  /** The set as a file. Without a reference: the file has the set. */
  readonly file: File<EventPoll>;
  /** Those in epoll_wait: one is woken at a time. */
  readonly #waiting = new WaitQueue('an event of an epoll set');
  /** Those who poll the set itself. */
  readonly polled = new WaitQueue('an epoll set to become readable');
  readonly #lock: Mutex;
  readonly #items = new Map<File, Map<number, EpollItem>>();
  #ready = new Set<EpollItem>();
  readonly #again = new Set<EpollItem>();
  readonly #woken = new Set<EpollItem>();
  #isScanning = false;

  constructor(system: System) {
    system.kmalloc('struct eventpoll');
    // Sets inside sets are locked from the outer to the inner one, and loops are refused.
    this.#lock = new Mutex('an epoll set', system.lockdep.lockClass('eventpoll', { nests: true }));
    this.file = system.anonymous.open('[eventpoll]', operations, this, O_RDWR);
  }

  /** Whether there may be something to report: ep_events_available. */
  get mayReport(): boolean {
    return this.#ready.size > 0 || this.#isScanning;
  }

  /** Entries, in the order they were added. */
  *items(): Generator<EpollItem> {
    for (const byFd of this.#items.values()) yield* byFd.values();
  }

  find(file: File, fd: number): EpollItem | undefined {
    return this.#items.get(file)?.get(fd);
  }

  // ---- changing the set ----------------------------------------------------------

  /** EPOLL_CTL_ADD. @throws Errno EEXIST; ELOOP and EINVAL as {@link Nesting} says */
  *add(file: File, fd: number, event: EpollEvent, nesting: Nesting): Kernel<void> {
    yield* this.#lock.lock();
    try {
      nesting.checkLoop();
      if (this.find(file, fd) !== undefined) throw new Errno('EEXIST', `descriptor ${fd} is in the set already`);
      const item = new EpollItem(this, file, fd, { events: (event.events | EPOLLERR | EPOLLHUP) >>> 0, data: event.data });
      this.#insert(item);
      try {
        nesting.checkPaths();
      } catch (error) {
        this.remove(item);
        throw error;
      }
      this.#queueIf((yield* item.poll(new RegisteringTable(item))) !== 0, item);
    } finally {
      this.#lock.unlock();
    }
  }

  /** EPOLL_CTL_MOD. What EPOLLEXCLUSIVE was added with stays as it is. @throws Errno ENOENT */
  *modify(file: File, fd: number, event: EpollEvent): Kernel<void> {
    yield* this.#lock.lock();
    try {
      const item = this.#existing(file, fd);
      if ((item.events & EPOLLEXCLUSIVE) !== 0) throw new Errno('EINVAL', 'an exclusive entry cannot be changed');
      item.events = (event.events | EPOLLERR | EPOLLHUP) >>> 0;
      item.data = event.data;
      this.#queueIf((yield* item.poll(new PollTable(item.events))) !== 0, item);
    } finally {
      this.#lock.unlock();
    }
  }

  /** EPOLL_CTL_DEL. @throws Errno ENOENT */
  *delete(file: File, fd: number): Kernel<void> {
    yield* this.#lock.lock();
    try {
      this.remove(this.#existing(file, fd));
    } finally {
      this.#lock.unlock();
    }
  }

  /** An entry ends: it was deleted, or its file is gone. */
  remove(item: EpollItem): void {
    item.detach();
    for (const list of [this.#ready, this.#again, this.#woken]) list.delete(item);
    const byFd = this.#items.get(item.file);
    byFd?.delete(item.fd);
    if (byFd?.size === 0) this.#items.delete(item.file);
  }

  /** The set itself is gone. */
  clear(): void {
    for (const item of [...this.items()]) this.remove(item);
  }

  #insert(item: EpollItem): void {
    const { file } = item;
    let byFd = this.#items.get(file);
    if (byFd === undefined) {
      byFd = new Map();
      this.#items.set(file, byFd);
    }
    byFd.set(item.fd, item);
    file.watches ??= new Set();
    file.watches.add(item);
  }

  #existing(file: File, fd: number): EpollItem {
    const item = this.find(file, fd);
    if (item === undefined) throw new Errno('ENOENT', `descriptor ${fd} is not in the set`);
    return item;
  }

  // ---- what is ready -------------------------------------------------------------

  #queueIf(isReady: boolean, item: EpollItem): void {
    if (!isReady || item.isGone || this.#ready.has(item)) return;
    this.#ready.add(item);
    this.#waiting.wakeOne();
    this.polled.wake(EPOLLIN);
  }

  /** An entry was woken. @returns whether somebody was in epoll_wait for it */
  becameReady(item: EpollItem): boolean {
    if (this.#isScanning) this.#woken.add(item);
    else this.#ready.add(item);
    const hadWaiter = this.#waiting.waiters > 0;
    this.#waiting.wakeOne();
    this.polled.wake(EPOLLIN);
    return hadWaiter;
  }

  /**
   * Looks at ready entries in order until `report` says stop. An entry that is level-triggered and was reported goes to the end.
   *
   * @param report called with the events that an entry has; 'stop' leaves it first in line
   */
  *#scan(report: (item: EpollItem, events: number) => Kernel<'drop' | 'again' | 'stop'>, isDone: () => boolean): Kernel<void> {
    yield* this.#lock.lock();
    this.#isScanning = true;
    try {
      for (const item of this.#ready) {
        if (isDone()) break;
        this.#ready.delete(item);
        const events = yield* item.poll(new PollTable(item.events));
        if (events === 0 || item.isGone) continue;
        const next = yield* report(item, events);
        if (item.isGone) continue;
        if (next === 'again') this.#again.add(item);
        if (next === 'stop') this.#ready = new Set([item, ...this.#ready]);
        if (next === 'stop') break;
      }
    } finally {
      this.#isScanning = false;
      for (const item of this.#woken) if (!this.#again.has(item)) this.#ready.add(item);
      for (const item of this.#again) this.#ready.add(item);
      this.#woken.clear();
      this.#again.clear();
      this.#lock.unlock();
      if (this.#ready.size > 0) this.#waiting.wakeOne();
    }
  }

  /**
   * ep_send_events: what is ready now, at most `max`.
   *
   * @param put takes one event to its place; false when that place cannot be written
   * @returns how many were put
   * @throws Errno EFAULT when the first could not be put
   */
  *send(max: number, put: (index: number, event: EpollEvent) => Kernel<boolean>): Kernel<number> {
    let count = 0;
    let hasFaulted = false;
    yield* this.#scan(
      function* (item, events) {
        hasFaulted = !(yield* put(count, { events, data: item.data }));
        if (hasFaulted) return 'stop';
        count++;
        if ((item.events & EPOLLONESHOT) !== 0) item.events = (item.events & PRIVATE_BITS) >>> 0;
        else if ((item.events & EPOLLET) === 0) return 'again';
        return 'drop';
      },
      () => count >= max,
    );
    if (hasFaulted && count === 0) throw new Errno('EFAULT', 'the events cannot be written');
    return count;
  }

  /**
   * ep_poll: waits for events.
   *
   * @param timeout_ns 0 to only look, Infinity for no end
   * @returns how many were put, 0 when the time is up
   * @throws Errno EFAULT; EINTR when a signal comes first, whatever its handler's flags
   */
  *wait(max: number, timeout_ns: number, put: (index: number, event: EpollEvent) => Kernel<boolean>): Kernel<number> {
    // One object for all rounds, so that the time counts from the first.
    const sleep = waitOn([{ queue: this.#waiting, key: ALL_KEYS }], { timeout_ns });
    for (let isWorthALook = this.mayReport; ; isWorthALook = true) {
      const count = isWorthALook ? yield* this.send(max, put) : 0;
      if (count > 0 || timeout_ns === 0) return count;
      if (this.mayReport) continue;
      const wake = yield sleep;
      if (wake === 'timeout') return 0;
      if (wake === 'signal') throw new Errno('EINTR', 'a signal came during epoll_wait');
    }
  }

  /** __ep_eventpoll_poll: whether an entry has something to report; entries before it that have nothing leave the ready list. */
  *isReadable(): Kernel<boolean> {
    let found = false;
    if (this.mayReport) {
      yield* this.#scan(
        function* () {
          found = true;
          return 'stop';
        },
        () => found,
      );
    }
    return found;
  }
}

const operations: FileOperations<EventPoll> = {
  release(file) {
    file.private.clear();
  },

  // noop_llseek.
  llseek: (file) => file.position,

  ioctl() {
    throw new Errno('EINVAL', 'an epoll set knows no such request');
  },

  *poll(file, table) {
    table.wait(file.private.polled);
    return (yield* file.private.isReadable()) ? EPOLLIN | EPOLLRDNORM : 0;
  },

  showFdinfo(file) {
    const hex = (value: number | bigint, width: number) => value.toString(16).padStart(width);
    return [...file.private.items()]
      .map((item) => {
        const { position, inode } = item.file;
        const place = `pos:${position} ino:${inode.ino.toString(16)} sdev:${inode.fs.dev.toString(16)}`;
        return `tfd: ${String(item.fd).padStart(8)} events: ${hex(item.events, 8)} data: ${hex(item.data, 16)}  ${place}\n`;
      })
      .join('');
  },
};

/** A new, empty set as a file: what epoll_create1 installs. */
export function createEpollFile(system: System): File<EventPoll> {
  return new EventPoll(system).file;
}

/** The set that a file is; undefined for other files. */
export function eventPollOf(file: File): EventPoll | undefined {
  return file.ops === operations ? file.private : undefined;
}
