import { Errno } from '../../abi/index.ts';
import { POLLHUP, POLLIN, POLLRDNORM } from '../../abi/uapi/index.ts';
import { type Kernel, WaitQueue, wait } from '../../kernel/index.ts';
import { KMB_IPC_MAX_CHANNELS } from '../../ports/keembay/index.ts';

/** What a message says. */
export interface Message {
  readonly vpuAddr: number;
  /** In bytes. */
  readonly size: number;
}

/** An open channel. */
export class Channel {
  readonly id: number;
  /** Woken by each message, and when it closes. */
  readonly queue: WaitQueue;
  isClosing = false;
  readonly #received: Message[] = [];
  /** Calls inside: srcu_read_lock. */
  #readers = 0;
  readonly #left: WaitQueue;

  constructor(id: number) {
    this.id = id;
    this.queue = new WaitQueue(`a message on channel ${id}`);
    this.#left = new WaitQueue(`the calls on channel ${id}`);
  }

  get hasMessage(): boolean {
    return this.#received.length > 0;
  }

  receive(message: Message): void {
    this.#received.push(message);
    this.queue.wake(POLLIN | POLLRDNORM);
  }

  takeMessage(): Message | undefined {
    return this.#received.shift();
  }

  /** Runs a call that closing must wait for. */
  *inside<T>(call: () => Kernel<T>): Kernel<T> {
    this.#readers++;
    try {
      return yield* call();
    } finally {
      if (--this.#readers === 0) this.#left.wake();
    }
  }

  /** Nobody finds the channel any more: sends those who wait away, and waits until all have left. */
  *close(): Kernel<void> {
    this.isClosing = true;
    this.queue.wake(POLLIN | POLLRDNORM | POLLHUP);
    yield* wait(this.#left, () => this.#readers === 0, { mode: 'uninterruptible' });
    this.#received.length = 0;
  }
}

/** The channels of a link that are open. They have no owner: section 7 of docs/reference/keembay-ipc.md. */
export class ChannelTable {
  readonly #open: (Channel | undefined)[] = new Array(KMB_IPC_MAX_CHANNELS).fill(undefined);
  /** Woken when a channel is opened. */
  readonly opened = new WaitQueue('a channel to be opened');

  at(id: number): Channel | undefined {
    return this.#open[id];
  }

  /** @throws Errno ENOENT when it is not open */
  get(id: number): Channel {
    const channel = this.#open[id];
    if (channel === undefined) throw new Errno('ENOENT', `channel ${id} is not open`);
    return channel;
  }

  /** @throws Errno EEXIST when it is open */
  add(channel: Channel): void {
    if (this.#open[channel.id] !== undefined) throw new Errno('EEXIST', `channel ${channel.id} is open already`);
    this.#open[channel.id] = channel;
    this.opened.wake();
  }

  /** @returns the channel, which nobody finds any more */
  remove(id: number): Channel | undefined {
    const channel = this.#open[id];
    this.#open[id] = undefined;
    return channel;
  }
}
