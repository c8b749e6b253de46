import { WaitQueue } from '../kernel/index.ts';
import { IRQ_TYPE_LEVEL_MASK, IRQ_TYPE_NONE } from './flags.ts';
import type { FlowHandler } from './flow.ts';
import type { IrqAction } from './irq-action.ts';
import type { IrqData } from './irq-data.ts';
import type { Irqs } from './irqs.ts';

/**
 * One interrupt of the machine, as `struct irq_desc`.
 *
 * Invariants: (1) it is disabled exactly while `depth` is above 0; (2) `threadsOneshot` has the bits of the actions whose threads
 * have not finished what the masked line told them.
 */
export class IrqDesc {
  readonly irqs: Irqs;
  readonly irq: number;
  /** The level nearest to the device. */
  readonly data: IrqData;
  /** How an interrupt is taken; undefined as long as nobody said, and interrupts are bad then. */
  flow: FlowHandler | undefined;
  /** What /proc/interrupts shows behind the number: `edge`, `fasteoi`. */
  flowName = '';
  actions: IrqAction[] = [];
  /** How often it is disabled. */
  depth = 1;
  isDisabled = true;
  isMasked = true;
  isStarted = false;
  isActivated = false;
  /** A handler runs, IRQD_IRQ_INPROGRESS. */
  inProgress = false;
  /** IRQS_PENDING: an interrupt came that could not be handled. */
  isPending = false;
  /** IRQS_REPLAY: the pending one has been sent again. */
  isReplayed = false;
  /** IRQS_ONESHOT: the line stays masked until the threads are done. */
  isOneshot = false;
  /** IRQS_SPURIOUS_DISABLED: nobody cared. */
  isSpuriousDisabled = false;
  trigger = IRQ_TYPE_NONE;
  threadsOneshot = 0;
  threadsActive = 0;
  /** Woken when no thread is active any more, and when no handler runs. */
  readonly idle: WaitQueue;
  /** By processor; most never come, and have none. */
  #counts: number[] | undefined;
  /** Which processors may get it, in order. */
  affinity: readonly number[];
  /** As debugfs shows it. */
  deviceName: string | undefined;
  /** Which ones shall once it can move: IRQD_SETAFFINITY_PENDING. */
  pendingAffinity: readonly number[] | undefined;
  /** Which one does. */
  effectiveCpu = 0;
  /** Unhandled interrupts of this window of so many, and when the last came: kernel/irq/spurious.c. */
  windowCount = 0;
  windowUnhandled = 0;
  lastUnhandled_ns: number | undefined;
  threadsHandled = 0;
  /** What {@link threadsHandled} was at the last interrupt that only woke threads. */
  threadsHandledLast: number | undefined;

  constructor(irqs: Irqs, irq: number) {
    this.irqs = irqs;
    this.irq = irq;
    this.data = { irq, hwirq: 0, chip: undefined, domain: undefined, chipData: undefined, parent: undefined };
    this.idle = new WaitQueue(`interrupt ${irq} to be idle`);
    this.affinity = irqs.defaultAffinity;
  }

  get counts(): readonly number[] {
    return this.#counts ?? this.irqs.noCounts;
  }

  /** It came to that processor. */
  count(cpu: number): void {
    this.#counts ??= [...this.irqs.noCounts];
    this.#counts[cpu] = (this.#counts[cpu] as number) + 1;
  }

  get isLevel(): boolean {
    return (this.trigger & IRQ_TYPE_LEVEL_MASK) !== 0;
  }

  mask(): void {
    if (this.isMasked) return;
    this.data.chip?.mask?.(this.data);
    this.isMasked = true;
  }

  maskAck(): void {
    this.mask();
    this.data.chip?.ack?.(this.data);
  }

  unmask(): void {
    if (!this.isMasked) return;
    // First, because the line may interrupt at once.
    this.isMasked = false;
    this.data.chip?.unmask?.(this.data);
  }

  /** Work on it that a chip behind a slow bus gathers: the device learns of it at the end. */
  onBus(work: () => void): void {
    const { chip } = this.data;
    chip?.busLock?.(this.data);
    try {
      work();
    } finally {
      chip?.busSyncUnlock?.(this.data);
    }
  }

  /** irq_enable. */
  enable(): void {
    this.isDisabled = false;
    const { chip } = this.data;
    if (chip?.enable === undefined) this.unmask();
    else {
      this.isMasked = false;
      chip.enable(this.data);
    }
  }

  /** __irq_disable. @param atOnce or when it next interrupts, if the chip leaves that open */
  disable(atOnce: boolean): void {
    if (this.isDisabled) {
      if (atOnce) this.mask();
      return;
    }
    this.isDisabled = true;
    const { chip } = this.data;
    if (chip?.disable !== undefined) {
      chip.disable(this.data);
      this.isMasked = true;
    } else if (atOnce) this.mask();
  }

  /** irq_startup: brings it up, and sends again what came while it was down. */
  startup(): void {
    const { chip } = this.data;
    this.depth = 0;
    if (!this.isStarted) {
      this.isStarted = true;
      if (chip?.setAffinity !== undefined) this.effectiveCpu = chip.setAffinity(this.data, this.affinity);
      if (chip?.startup !== undefined) {
        this.isDisabled = false;
        this.isMasked = false;
        chip.startup(this.data);
        this.resend();
        return;
      }
    }
    this.enable();
    this.resend();
  }

  /** irq_shutdown. */
  shutdown(): void {
    if (!this.isStarted) return;
    this.isPending = false;
    this.depth = 1;
    const { chip } = this.data;
    if (chip?.shutdown !== undefined) {
      chip.shutdown(this.data);
      this.isDisabled = true;
      this.isMasked = true;
    } else this.disable(true);
    this.isStarted = false;
  }

  /** check_irq_resend: an edge that came while it was disabled comes again. A level that is still there does by itself. */
  resend(): void {
    const wasPending = this.isPending;
    this.isPending = false;
    if (!wasPending || this.isLevel || this.isReplayed) return;
    this.isReplayed = true;
    if (this.data.chip?.retrigger?.(this.data) === true) return;
    this.irqs.system.clock.schedule(0, `interrupt ${this.irq} to come again`, () => this.irqs.handle(this));
  }
}
