import { freeIrq, IRQ_HANDLED, IRQ_NONE, type Irqs, requestIrq } from '../../irq/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { DmaDevice, DmaSegment } from '../../memory/index.ts';
import {
  AXI_DMAC_CTRL_ENABLE,
  AXI_DMAC_FLAG_CYCLIC,
  AXI_DMAC_FLAG_LAST,
  AXI_DMAC_IRQ_EOT,
  AXI_DMAC_LENGTH_BITS,
  AXI_DMAC_REG_CTRL,
  AXI_DMAC_REG_DEST_ADDRESS,
  AXI_DMAC_REG_DEST_ADDRESS_HIGH,
  AXI_DMAC_REG_FLAGS,
  AXI_DMAC_REG_IRQ_MASK,
  AXI_DMAC_REG_IRQ_PENDING,
  AXI_DMAC_REG_SRC_ADDRESS,
  AXI_DMAC_REG_SRC_ADDRESS_HIGH,
  AXI_DMAC_REG_START_TRANSFER,
  AXI_DMAC_REG_TRANSFER_DONE,
  AXI_DMAC_REG_TRANSFER_ID,
  AXI_DMAC_REG_X_LENGTH,
  AXI_DMAC_WIDTH,
  type AxiDmacRegisters,
} from '../../ports/axi-dmac/index.ts';
import type { DmaChannel, DmaTransaction } from '../../ports/dmaengine/index.ts';

export interface AxiDmacChannelDescription {
  readonly registers: AxiDmacRegisters;
  readonly device: DmaDevice;
  readonly irqs: Irqs;
  readonly irq: number;
  /** Whether samples come into memory; otherwise they go out. */
  readonly toMemory: boolean;
}

/** A transaction, cut into what the controller's length register can hold. */
interface Descriptor {
  readonly transaction: DmaTransaction;
  readonly parts: readonly DmaSegment[];
  /** Parts that the controller was given; of this round, when it is cyclic. */
  submitted: number;
  /** Numbers of those that are not done, in order. */
  readonly ids: number[];
}

const LENGTH_MAX = 2 ** AXI_DMAC_LENGTH_BITS;

/** The one channel of a controller. */
export class AxiDmacChannel implements DmaChannel {
  readonly device: DmaDevice;
  readonly alignment = AXI_DMAC_WIDTH;
  readonly #description: AxiDmacChannelDescription;
  /** Submitted and not issued; issued and not yet given to the controller; the one that it is being given; those that it works on. */
  readonly #submitted: Descriptor[] = [];
  readonly #issued: Descriptor[] = [];
  #next: Descriptor | undefined;
  readonly #active: Descriptor[] = [];

  constructor(description: AxiDmacChannelDescription) {
    const { registers, irqs, irq, device } = description;
    this.#description = description;
    this.device = device;
    registers.write(AXI_DMAC_REG_IRQ_MASK, 0);
    requestIrq(irqs, irq, { name: device.name, handler: () => this.#interrupted(), devId: this });
  }

  canPrepare({ vectors }: DmaTransaction): boolean {
    return (
      vectors.length > 0 &&
      vectors.every(({ busAddress, length }) => length > 0 && length % this.alignment === 0 && busAddress % this.alignment === 0)
    );
  }

  submit(transaction: DmaTransaction): void {
    const parts: DmaSegment[] = [];
    for (const { busAddress, length } of transaction.vectors)
      for (let at = 0; at < length; at += LENGTH_MAX)
        parts.push({ busAddress: busAddress + at, length: Math.min(LENGTH_MAX, length - at) });
    this.#submitted.push({ transaction, parts, submitted: 0, ids: [] });
  }

  issuePending(): void {
    const { registers } = this.#description;
    if (this.#submitted.length === 0) return;
    registers.write(AXI_DMAC_REG_CTRL, AXI_DMAC_CTRL_ENABLE);
    this.#issued.push(...this.#submitted.splice(0));
    while (this.#start());
  }

  terminate(): void {
    this.#description.registers.write(AXI_DMAC_REG_CTRL, 0);
    this.#next = undefined;
    this.#submitted.length = 0;
    this.#issued.length = 0;
    this.#active.length = 0;
  }

  *release(): Kernel<void> {
    this.terminate();
    yield* freeIrq(this.#description.irqs, this.#description.irq, this);
  }

  /** axi_dmac_start_transfer. @returns whether the controller took a part */
  #start(): boolean {
    const { registers, toMemory } = this.#description;
    if (registers.read(AXI_DMAC_REG_START_TRANSFER) !== 0) return false;
    let descriptor = this.#next;
    if (descriptor === undefined) {
      descriptor = this.#issued.shift();
      if (descriptor === undefined) return false;
      this.#active.push(descriptor);
    }
    const { parts, transaction } = descriptor;
    const part = parts[descriptor.submitted++] as DmaSegment;
    descriptor.ids.push(registers.read(AXI_DMAC_REG_TRANSFER_ID));
    // One part repeats by itself. Several are given again and again, in turn.
    const repeats = transaction.isCyclic && parts.length === 1;
    const isLast = descriptor.submitted === parts.length;
    if (transaction.isCyclic && !repeats && isLast) descriptor.submitted = 0;
    this.#next = isLast && (!transaction.isCyclic || repeats) ? undefined : descriptor;
    const [low, high] = toMemory
      ? [AXI_DMAC_REG_DEST_ADDRESS, AXI_DMAC_REG_DEST_ADDRESS_HIGH]
      : [AXI_DMAC_REG_SRC_ADDRESS, AXI_DMAC_REG_SRC_ADDRESS_HIGH];
    registers.write(low, part.busAddress % 2 ** 32);
    registers.write(high, Math.floor(part.busAddress / 2 ** 32));
    registers.write(AXI_DMAC_REG_X_LENGTH, part.length - 1);
    registers.write(AXI_DMAC_REG_FLAGS, (repeats ? AXI_DMAC_FLAG_CYCLIC : 0) | (isLast ? AXI_DMAC_FLAG_LAST : 0));
    registers.write(AXI_DMAC_REG_START_TRANSFER, 1);
    return true;
  }

  /** What it completes is told at the end: a callback that submits more finds the channel in order, as one run by the tasklet does. */
  #interrupted(): number {
    const { registers } = this.#description;
    const pending = registers.read(AXI_DMAC_REG_IRQ_PENDING);
    if (pending === 0) return IRQ_NONE;
    registers.write(AXI_DMAC_REG_IRQ_PENDING, pending);
    const done = (pending & AXI_DMAC_IRQ_EOT) !== 0 ? this.#collect(registers.read(AXI_DMAC_REG_TRANSFER_DONE)) : [];
    while (this.#start());
    for (const { transaction } of done) transaction.done(0);
    return IRQ_HANDLED;
  }

  /** axi_dmac_transfer_done. @param ids bits of the numbers that are done @returns what is done with them */
  #collect(ids: number): Descriptor[] {
    const done: Descriptor[] = [];
    for (let first = this.#active[0]; first !== undefined; first = this.#active[0]) {
      while (first.ids.length > 0 && (ids & (1 << (first.ids[0] as number))) !== 0) first.ids.shift();
      if (first.ids.length > 0 || first.submitted < first.parts.length || first.transaction.isCyclic) break;
      this.#active.shift();
      done.push(first);
    }
    return done;
  }
}
