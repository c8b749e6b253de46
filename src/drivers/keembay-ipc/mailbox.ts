import { type Kernel, type ScheduledEvent, type System, WaitQueue, wait } from '../../kernel/index.ts';
import { CREDIT_WAIT_INTERRUPTED } from './defects.ts';
import type { TxElement } from './tx-queues.ts';

/** MBOX_TX_QUEUE_LEN. */
const CREDITS = 20;
/** How long a controller that tries again waits for room. */
const RETRY_NS = 10_000;

export interface MailboxDescription {
  readonly system: System;
  /** How long the controller's tasklet, which says "tx done", waits for its turn. */
  readonly tasklet_ns: number;
  /** Whether the controller waits for room in the FIFO instead of saying that there is none. */
  readonly retries: boolean;
  /** Writes the FIFO. @returns whether it had room */
  readonly push: (element: TxElement) => boolean;
  /** Told how it went, when the next message is on its way. */
  readonly done: (element: TxElement, wasPushed: boolean) => void;
}

/**
 * The mailbox of design B: section 12 of docs/reference/keembay-ipc.md. Its messages are pointers into the elements of their senders: it
 * reads them when their turn comes.
 */
export class Mailbox {
  readonly #description: MailboxDescription;
  /** Handed over, oldest first; the first one is in the controller. */
  readonly #messages: TxElement[] = [];
  #credits = CREDITS;
  #isSignalled = false;
  readonly #creditBack = new WaitQueue('the mailbox to take a message');
  #event: ScheduledEvent | undefined;

  constructor(description: MailboxDescription) {
    this.#description = description;
  }

  /** A signal for the thread that waits for a credit. */
  signal(): void {
    this.#isSignalled = true;
    this.#creditBack.wake();
  }

  /** Takes a credit. @returns false when a signal came first */
  *takeCredit(): Kernel<boolean> {
    const { findings } = this.#description.system;
    const mayEnd = () => this.#isSignalled && findings.recreates(CREDIT_WAIT_INTERRUPTED);
    yield* wait(this.#creditBack, () => this.#credits > 0 || mayEnd(), { mode: 'uninterruptible' });
    if (this.#credits === 0) {
      this.#isSignalled = false;
      return false;
    }
    this.#credits--;
    return true;
  }

  /** mbox_send_message. */
  send(element: TxElement): void {
    element.isInMailbox = true;
    this.#messages.push(element);
    if (this.#messages.length === 1) this.#submit(element);
  }

  stop(): void {
    this.#event?.cancel();
    this.#messages.length = 0;
  }

  #submit(element: TxElement): void {
    const { system, push, retries, tasklet_ns } = this.#description;
    if (element.freedBy !== undefined)
      system.findings.report(
        element.freedBy === 'the mailbox' ? 'keembay-ipc-mailbox-use-after-free' : 'keembay-ipc-use-after-free',
        'the mailbox read a message from memory that its sender had freed',
      );
    const wasPushed = push(element);
    if (wasPushed || !retries) this.#event = system.clock.schedule(tasklet_ns, 'the mailbox says tx done', () => this.#tick(wasPushed));
    else this.#event = system.clock.schedule(RETRY_NS, 'the mailbox tries again', () => this.#submit(element));
  }

  /** tx_tick. */
  #tick(wasPushed: boolean): void {
    const done = this.#messages.shift() as TxElement;
    const [next] = this.#messages;
    if (next !== undefined) this.#submit(next);
    this.#credits++;
    this.#creditBack.wake();
    this.#description.done(done, wasPushed);
  }
}
