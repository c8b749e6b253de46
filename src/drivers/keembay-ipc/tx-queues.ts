import type { ErrnoName } from '../../abi/index.ts';
import { WaitQueue } from '../../kernel/index.ts';
import { KMB_IPC_NUM_HS_CHANNELS } from '../../ports/keembay/index.ts';

/** A message on its way to the FIFO: `struct tx_data`. Its sender waits until it has a result. */
export class TxElement {
  readonly channel: number;
  readonly dstNode: number;
  readonly vpuAddr: number;
  readonly size: number;
  /** In virtual nanoseconds. */
  readonly queuedAt_ns: number;
  readonly done = new WaitQueue('the message to be sent');
  result: 'sent' | ErrnoName | undefined;
  /** Its packet, once it has one. */
  slot = -1;
  isInMailbox = false;
  /** Its sender has gone, and taken its memory along, while this had it. */
  freedBy: 'the transmit thread' | 'the mailbox' | undefined;

  constructor(channel: number, dstNode: number, vpuAddr: number, size: number, queuedAt_ns: number) {
    this.channel = channel;
    this.dstNode = dstNode;
    this.vpuAddr = vpuAddr;
    this.size = size;
    this.queuedAt_ns = queuedAt_ns;
  }
}

/** Which queue a channel has. */
export const queueOf = (channel: number) => Math.min(channel, KMB_IPC_NUM_HS_CHANNELS);

/** One queue for each HS channel, and one for all others, emptied in turn. Section 7 of docs/reference/keembay-ipc.md. */
export class TxQueues {
  readonly #queues: TxElement[][] = Array.from({ length: KMB_IPC_NUM_HS_CHANNELS + 1 }, () => []);
  #next = 0;

  add(element: TxElement): void {
    this.#queueOf(element).push(element);
  }

  /** @returns false when it is not queued any more */
  withdraw(element: TxElement): boolean {
    const queue = this.#queueOf(element);
    const at = queue.indexOf(element);
    if (at >= 0) queue.splice(at, 1);
    return at >= 0;
  }

  /** The first of the next queue that has one. */
  take(): TxElement | undefined {
    for (let tries = 0; tries < this.#queues.length; tries++) {
      const element = this.#queues[this.#next]?.shift();
      this.#next = (this.#next + 1) % this.#queues.length;
      if (element !== undefined) return element;
    }
    return undefined;
  }

  #queueOf({ channel }: TxElement): TxElement[] {
    return this.#queues[queueOf(channel)] as TxElement[];
  }
}
