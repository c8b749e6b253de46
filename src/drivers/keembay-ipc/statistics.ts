import { KMB_IPC_NUM_HS_CHANNELS } from '../../ports/keembay/index.ts';

/** When there was no packet for a message: from the first that was refused to the next that was not. Times in virtual nanoseconds. */
export class Exhaustion {
  count = 0;
  total_ns = 0;
  /** Messages that were refused, by channel. */
  readonly refused = new Map<number, number>();
  #since_ns: number | undefined;

  note(channel: number, hasPacket: boolean, now_ns: number): void {
    if (!hasPacket) {
      this.refused.set(channel, (this.refused.get(channel) ?? 0) + 1);
      if (this.#since_ns === undefined) this.count++;
      this.#since_ns ??= now_ns;
    } else if (this.#since_ns !== undefined) {
      this.total_ns += now_ns - this.#since_ns;
      this.#since_ns = undefined;
    }
  }
}

/** What came of one transmit queue. */
export interface QueueStatistics {
  sent: number;
  /** Of all messages together, from when they were queued to their result, in virtual nanoseconds. */
  waited_ns: number;
}

/** What the driver counts: section 20.3 of docs/reference/keembay-ipc.md. */
export class IpcStatistics {
  txOk = 0;
  txNoPacket = 0;
  txBusy = 0;
  txInterrupted = 0;
  rxOk = 0;
  rxClosed = 0;
  rxBadHeader = 0;
  rxOutOfRange = 0;
  rxNoMemory = 0;
  irqMasked = 0;
  irqMasked_ns = 0;
  /** Interrupts of the CPU's FIFO. */
  interrupts = 0;
  readonly exhaustion = new Exhaustion();
  /** HS channels, and last all others. */
  readonly queues: readonly QueueStatistics[] = Array.from({ length: KMB_IPC_NUM_HS_CHANNELS + 1 }, () => ({ sent: 0, waited_ns: 0 }));
  readonly scan = { steps: 0, stepsMax: 0 };

  clear(): void {
    Object.assign(this, new IpcStatistics(), { scan: this.scan });
    this.scan.steps = 0;
    this.scan.stepsMax = 0;
  }
}
