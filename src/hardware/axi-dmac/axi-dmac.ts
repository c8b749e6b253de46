import type { IrqLine } from '../../irq/index.ts';
import type { ScheduledEvent, System } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import {
  AXI_DMAC_CTRL_ENABLE,
  AXI_DMAC_FLAG_CYCLIC,
  AXI_DMAC_IRQ_EOT,
  AXI_DMAC_IRQ_SOT,
  AXI_DMAC_REG_ACTIVE_TRANSFER_ID,
  AXI_DMAC_REG_CTRL,
  AXI_DMAC_REG_DEST_ADDRESS,
  AXI_DMAC_REG_DEST_ADDRESS_HIGH,
  AXI_DMAC_REG_FLAGS,
  AXI_DMAC_REG_IRQ_MASK,
  AXI_DMAC_REG_IRQ_PENDING,
  AXI_DMAC_REG_IRQ_SOURCE,
  AXI_DMAC_REG_SRC_ADDRESS,
  AXI_DMAC_REG_SRC_ADDRESS_HIGH,
  AXI_DMAC_REG_START_TRANSFER,
  AXI_DMAC_REG_TRANSFER_DONE,
  AXI_DMAC_REG_TRANSFER_ID,
  AXI_DMAC_REG_X_LENGTH,
  AXI_DMAC_TRANSFER_IDS,
  type AxiDmacRegisters,
} from '../../ports/axi-dmac/index.ts';
import type { SampleSink, SampleSource } from '../../ports/iio-converter/index.ts';

export interface AxiDmacDescription {
  readonly system: System;
  /** As which it accesses memory. */
  readonly device: DmaDevice;
  readonly line: Pick<IrqLine, 'raise' | 'lower'>;
  /** What is at the other end: samples come in, or go out. */
  readonly stream: { readonly source: SampleSource } | { readonly sink: SampleSink };
  /** What the memory bus moves in a nanosecond; 4 when left out, as 128 bits at 250 MHz. */
  readonly bytesPer_ns?: number;
}

interface Transfer {
  readonly id: number;
  readonly busAddress: number;
  /** In bytes. */
  readonly length: number;
  readonly isCyclic: boolean;
}

/** Transfers that it keeps besides the one under way. */
const QUEUE_MAX = 4;
/** Bytes that it reads from memory at a time. */
const BURST = 65_536;

/**
 * The controller, without its own scatter-gather: it does one contiguous transfer after the other. One that was queued in time follows the one
 * before it without a gap.
 *
 * Invariants: `#active` is the transfer under way, whose end is `#end` unless it never ends; the line is high exactly while an
 * interrupt is pending that is not masked.
 */
export class AxiDmac implements AxiDmacRegisters {
  readonly #description: AxiDmacDescription;
  readonly #registers = new Map<number, number>([[AXI_DMAC_REG_IRQ_MASK, AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT]]);
  readonly #queue: Transfer[] = [];
  #active: Transfer | undefined;
  #end: ScheduledEvent | undefined;
  #source = 0;
  #nextId = 0;
  #done = 0;
  /** Transfers that ended since it was enabled. */
  transfers = 0;

  constructor(description: AxiDmacDescription) {
    this.#description = description;
  }

  read(offset: number): number {
    switch (offset) {
      case AXI_DMAC_REG_IRQ_PENDING:
        return this.#pending;
      case AXI_DMAC_REG_IRQ_SOURCE:
        return this.#source;
      case AXI_DMAC_REG_TRANSFER_ID:
        return this.#nextId;
      case AXI_DMAC_REG_START_TRANSFER:
        return this.#queue.length >= QUEUE_MAX ? 1 : 0;
      case AXI_DMAC_REG_TRANSFER_DONE:
        return this.#done >>> 0;
      case AXI_DMAC_REG_ACTIVE_TRANSFER_ID:
        return this.#active?.id ?? 0;
      default:
        return this.#register(offset);
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case AXI_DMAC_REG_IRQ_PENDING:
        this.#source &= ~value;
        break;
      case AXI_DMAC_REG_START_TRANSFER:
        if ((value & 1) !== 0) this.#enqueue();
        break;
      case AXI_DMAC_REG_CTRL:
        this.#registers.set(offset, value);
        if (!this.#isEnabled) this.#stop();
        break;
      default:
        this.#registers.set(offset, value >>> 0);
    }
    this.#drive();
  }

  #register(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  get #isEnabled(): boolean {
    return (this.#register(AXI_DMAC_REG_CTRL) & AXI_DMAC_CTRL_ENABLE) !== 0;
  }

  /** The mask's ones hold interrupts back. */
  get #pending(): number {
    return this.#source & ~this.#register(AXI_DMAC_REG_IRQ_MASK);
  }

  #drive(): void {
    const { line } = this.#description;
    if (this.#pending !== 0) line.raise();
    else line.lower();
  }

  #enqueue(): void {
    if (!this.#isEnabled || this.#queue.length >= QUEUE_MAX) return;
    const toMemory = 'source' in this.#description.stream;
    const low = this.#register(toMemory ? AXI_DMAC_REG_DEST_ADDRESS : AXI_DMAC_REG_SRC_ADDRESS);
    const high = this.#register(toMemory ? AXI_DMAC_REG_DEST_ADDRESS_HIGH : AXI_DMAC_REG_SRC_ADDRESS_HIGH);
    const id = this.#nextId;
    this.#nextId = (id + 1) % AXI_DMAC_TRANSFER_IDS;
    this.#done &= ~(1 << id);
    this.#queue.push({
      id,
      busAddress: high * 2 ** 32 + low,
      length: this.#register(AXI_DMAC_REG_X_LENGTH) + 1,
      isCyclic: (this.#register(AXI_DMAC_REG_FLAGS) & AXI_DMAC_FLAG_CYCLIC) !== 0,
    });
    if (this.#active === undefined) this.#begin(false);
  }

  /** @param continues whether the one before has ended this very moment */
  #begin(continues: boolean): void {
    const transfer = this.#queue.shift();
    this.#active = transfer;
    if (transfer === undefined) return;
    this.#source |= AXI_DMAC_IRQ_SOT;
    const { system, device, stream, bytesPer_ns = 4 } = this.#description;
    const { length, isCyclic } = transfer;
    if (isCyclic && 'sink' in stream) {
      stream.sink.repeat(() => device.read(transfer.busAddress, length));
      return;
    }
    const wait_ns = 'source' in stream ? stream.source.begin(length, continues) : stream.sink.begin(length, continues);
    if (wait_ns === Number.POSITIVE_INFINITY) return;
    const delay_ns = Math.max(wait_ns, Math.ceil(length / bytesPer_ns));
    this.#end = system.clock.schedule(delay_ns, `a transfer of ${device.name}`, () => this.#finish(transfer));
  }

  #finish({ id, busAddress, length }: Transfer): void {
    const { device, stream } = this.#description;
    if ('source' in stream) {
      let at = busAddress;
      stream.source.take(length, (bytes) => {
        device.write(at, bytes);
        at += bytes.length;
      });
    } else {
      for (let at = 0; at < length; at += BURST) stream.sink.put(device.read(busAddress + at, Math.min(BURST, length - at)));
    }
    device.flushCache();
    this.#end = undefined;
    this.#done |= 1 << id;
    this.#source |= AXI_DMAC_IRQ_EOT;
    this.transfers++;
    this.#begin(true);
    this.#drive();
  }

  #stop(): void {
    this.#end?.cancel();
    this.#end = undefined;
    this.#active = undefined;
    this.#queue.length = 0;
    this.#done = 0;
    this.#nextId = 0;
    this.#source = 0;
    const { stream } = this.#description;
    if ('source' in stream) stream.source.end();
    else stream.sink.end();
  }
}
