import { POLLOUT, POLLWRNORM } from '../../abi/uapi/index.ts';
import { freeIrq, IRQ_HANDLED, IRQF_TRIGGER_RISING, type Irqs, requestIrq } from '../../irq/index.ts';
import { type Kernel, type PollTable, type ScheduledEvent, type System, WaitQueue } from '../../kernel/index.ts';

/**
 * Who tells a poller that a packet may have become free: nobody, which is how it is; the poller's own timer; or an interrupt of firmware
 * that does not exist. Section 19.3 of docs/reference/keembay-ipc.md.
 */
export type FreeNotify = { readonly by: 'none' } | { readonly by: 'poll-timer'; readonly period_ns: number } | { readonly by: 'irq' };

/** Wakes those who poll for POLLOUT, as far as anything can. */
export class FreeNotice {
  readonly #system: System;
  readonly #irqs: Irqs;
  readonly #irq: number;
  readonly #notify: FreeNotify;
  readonly queue = new WaitQueue('a free packet');
  /** Interrupts that told of frees. */
  interrupts = 0;
  #timer: ScheduledEvent | undefined;

  /** @param irq that tells of frees, if the firmware has one */
  constructor(system: System, irqs: Irqs, irq: number, notify: FreeNotify) {
    this.#system = system;
    this.#irqs = irqs;
    this.#irq = irq;
    this.#notify = notify;
    if (notify.by !== 'irq') return;
    const handler = () => {
      this.interrupts++;
      this.#wake();
      return IRQ_HANDLED;
    };
    requestIrq(irqs, irq, { name: 'keembay-ipc-free', handler, flags: IRQF_TRIGGER_RISING, devId: this });
  }

  /** poll_wait of somebody for whom there is no packet. */
  wait(table: PollTable): void {
    if (this.#notify.by === 'none') return;
    table.wait(this.queue, POLLOUT | POLLWRNORM);
    if (this.#notify.by === 'poll-timer') this.#startTimer(this.#notify.period_ns);
  }

  *release(): Kernel<void> {
    this.#timer?.cancel();
    if (this.#notify.by === 'irq') yield* freeIrq(this.#irqs, this.#irq, this);
  }

  #startTimer(period_ns: number): void {
    if (this.#timer?.pending === true) return;
    this.#timer = this.#system.clock.schedule(period_ns, 'a poller looks for a free packet again', () => this.#wake());
  }

  #wake(): void {
    this.queue.wake(POLLOUT | POLLWRNORM);
  }
}
