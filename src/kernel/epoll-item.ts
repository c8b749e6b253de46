import { EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLWAKEUP } from '../abi/uapi/index.ts';
import { isKernel, type Kernel } from './colour.ts';
import type { EventPoll } from './epoll.ts';
import type { File, FileWatch } from './file.ts';
import { PollTable } from './poll.ts';
import { ALL_KEYS, type Waiter, type WaitQueue } from './wait.ts';

/** EP_PRIVATE_BITS: how an entry is reported, not what is waited for. */
export const PRIVATE_BITS = (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE) >>> 0;

/** What is asked and what comes back: `struct epoll_event`. */
export interface EpollEvent {
  /** EPOLL bits as an unsigned number. */
  readonly events: number;
  /** 64 bits that mean nothing here. */
  readonly data: bigint;
}

/** For an entry's first poll: registers it with the queues that a file's poll operation names, at once: that operation may itself wake them. */
export class RegisteringTable extends PollTable {
  readonly #item: EpollItem;

  constructor(item: EpollItem) {
    super(item.events);
    this.#item = item;
  }

  override wait(queue: WaitQueue): void {
    this.#item.register(queue);
  }
}

/** One entry of a set: `struct epitem`. It holds no reference to its file, and ends with it. */
export class EpollItem implements Waiter, FileWatch {
  readonly set: EventPoll;
  readonly file: File;
  readonly fd: number;
  events: number;
  data: bigint;
  isGone = false;
  readonly #queues: WaitQueue[] = [];

  constructor(set: EventPoll, file: File, fd: number, event: EpollEvent) {
    file.system.kmalloc('struct epitem');
    this.set = set;
    this.file = file;
    this.fd = fd;
    this.events = event.events;
    this.data = event.data;
  }

  register(queue: WaitQueue): void {
    if (this.isGone) return;
    // Which keys count is looked up at each wake: EPOLL_CTL_MOD changes it.
    if ((this.events & EPOLLEXCLUSIVE) !== 0) queue.addExclusive(this);
    else queue.add(this);
    this.#queues.push(queue);
  }

  /** ep_item_poll: the events that hold now, of those asked. */
  *poll(table: PollTable): Kernel<number> {
    const answer = this.file.ops.poll?.(this.file, table) ?? 0;
    if (!isKernel(answer)) return (answer & this.events) >>> 0;
    this.file.get();
    try {
      return ((yield* answer) & this.events) >>> 0;
    } finally {
      this.file.put();
    }
  }

  /** ep_poll_callback. */
  wake(key: number): boolean {
    if ((this.events & ~PRIVATE_BITS) === 0) return false;
    const isTold = key !== ALL_KEYS;
    if (isTold && (key & this.events) === 0) return false;
    const hadWaiter = this.set.becameReady(this);
    const direction = isTold ? key & (EPOLLIN | EPOLLOUT) : 0;
    return hadWaiter && (direction === 0 || (direction !== (EPOLLIN | EPOLLOUT) && (direction & this.events) !== 0));
  }

  fileReleased(): void {
    this.set.remove(this);
  }

  /** No queue and no file knows of it any more. */
  detach(): void {
    this.isGone = true;
    for (const queue of this.#queues) queue.remove(this);
    this.file.watches?.delete(this);
  }
}
