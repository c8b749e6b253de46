import { isErrno } from '../../abi/index.ts';
import { disableIrqNosync, enableIrq, freeIrq, IRQ_HANDLED, IRQ_NONE, type Irqs, requestIrq } from '../../irq/index.ts';
import type { Kernel, ScheduledEvent, System } from '../../kernel/index.ts';
import {
  fillLevelOf,
  KMB_IPC_MAX_CHANNELS,
  KMB_IPC_NODE_ARM_CSS,
  KMB_IPC_NODE_LEON_MSS,
  PACKET_FREE,
  PACKET_SIZE,
  readPacket,
  type SlotRecord,
  setStatus,
  slotAt,
  TIM_IPC_FIFO_ATM,
  TIM_IPC_FIFO_EMPTY,
  TIM_IPC_FIFO_STAT,
  type TimIpcRegisters,
} from '../../ports/keembay/index.ts';
import type { ChannelTable } from './channel.ts';
import { NO_BARRIERS, TASKLET_KILLED_FIRST } from './defects.ts';
import type { IpcRegion } from './ipc-region.ts';
import type { IpcStatistics } from './statistics.ts';
import { Tasklet } from './tasklet.ts';
import type { IpcDesign } from './transmit.ts';

/** Words between the interrupt and the tasklet. One place always stays empty. */
export const RX_RING_LEN = 256;

export interface ReceiverDescription {
  readonly system: System;
  readonly irqs: Irqs;
  /** Of the CPU's FIFO. */
  readonly irq: number;
  readonly design: IpcDesign;
  /** How long the tasklet waits for its turn. */
  readonly tasklet_ns: number;
  /** How late a packet is read after it was given back, where nothing orders the two; 0: not at all. */
  readonly reorder_ns: number;
  readonly fifo: TimIpcRegisters;
  readonly region: IpcRegion;
  readonly channels: ChannelTable;
  readonly statistics: IpcStatistics;
  /** Told of each message that came to a channel. */
  readonly received: (channel: number) => void;
}

/** Takes words from the CPU's FIFO and gives their messages to channels: section 9 of docs/reference/keembay-ipc.md. */
export class Receiver {
  readonly #description: ReceiverDescription;
  readonly #ring = new Uint32Array(RX_RING_LEN);
  #head = 0;
  #tail = 0;
  readonly #tasklet: Tasklet;
  /** Whether the line is disabled because the ring is full. */
  #isMasked = false;
  #maskedAt_ns = 0;
  readonly #devId = {};
  /** Packets that were given back and are still to be read. */
  readonly #late = new Set<ScheduledEvent>();

  /** @throws Errno what request_irq says */
  constructor(description: ReceiverDescription) {
    this.#description = description;
    const { system, irqs, irq, design, tasklet_ns } = description;
    this.#tasklet = new Tasklet(system, 'the tasklet of keembay-ipc', tasklet_ns, () => this.#drain());
    const handler = () => {
      description.statistics.interrupts++;
      return design === 'A' ? this.#fillRing() : this.#takeOne();
    };
    requestIrq(irqs, irq, { name: 'keembay-ipc', handler, devId: this.#devId });
  }

  /** Words in the ring. */
  get queued(): number {
    return (this.#head - this.#tail + RX_RING_LEN) % RX_RING_LEN;
  }

  /** The first step of remove. */
  *killTasklet(): Kernel<void> {
    if (!this.#description.system.findings.recreates(TASKLET_KILLED_FIRST)) yield* this.#freeIrq();
    this.#tasklet.kill();
  }

  /** The last step of remove. */
  *release(): Kernel<void> {
    if (this.#description.system.findings.recreates(TASKLET_KILLED_FIRST)) yield* this.#freeIrq();
    this.#tasklet.finish();
    for (const event of this.#late) event.cancel();
  }

  *#freeIrq(): Kernel<void> {
    yield* freeIrq(this.#description.irqs, this.#description.irq, this.#devId);
  }

  /** Design A, 9.1: all that the FIFO has, as long as there is room. */
  #fillRing(): number {
    const { fifo, irqs, irq, statistics } = this.#description;
    while (fillLevelOf(fifo.read(TIM_IPC_FIFO_STAT)) > 0) {
      const next = (this.#head + 1) % RX_RING_LEN;
      if (next === this.#tail) {
        disableIrqNosync(irqs, irq);
        this.#isMasked = true;
        statistics.irqMasked++;
        this.#maskedAt_ns = this.#description.system.now();
        break;
      }
      this.#ring[this.#head] = fifo.read(TIM_IPC_FIFO_ATM);
      this.#head = next;
    }
    this.#tasklet.schedule();
    return IRQ_HANDLED;
  }

  /** The tasklet. */
  #drain(): void {
    const head = this.#head;
    for (let at = this.#tail; at !== head; at = (at + 1) % RX_RING_LEN) this.#process(this.#ring[at] as number);
    this.#tail = head;
    if (!this.#isMasked) return;
    this.#isMasked = false;
    this.#description.statistics.irqMasked_ns += this.#description.system.now() - this.#maskedAt_ns;
    enableIrq(this.#description.irqs, this.#description.irq);
  }

  /** Design B, section 12: one word for each interrupt; the level brings the next. */
  #takeOne(): number {
    const word = this.#description.fifo.read(TIM_IPC_FIFO_ATM);
    if (word === TIM_IPC_FIFO_EMPTY) return IRQ_NONE;
    this.#process(word);
    return IRQ_HANDLED;
  }

  /** 9.2: whatever comes of the message, its packet goes back, if there is one. */
  #process(word: number): void {
    const { region, statistics } = this.#description;
    const slot = slotAt(region, word);
    if (slot === undefined) {
      this.#warn(`0x${word.toString(16)} is not in the region of the VPU's packets`);
      statistics.rxOutOfRange++;
      return;
    }
    region.record.popped(slot, 'cpu');
    if (this.#description.reorder_ns > 0 && this.#description.system.findings.recreates(NO_BARRIERS)) this.#acceptLate(slot);
    else {
      this.#accept(slot);
      this.#giveBack(slot);
    }
  }

  #giveBack(slot: number): void {
    const { region } = this.#description;
    region.record.freed(slot, 'vpu', false);
    setStatus(region.memory.bytes(), slot * PACKET_SIZE, PACKET_FREE);
  }

  /** The store overtakes the loads before it. */
  #acceptLate(slot: number): void {
    const { region, system, reorder_ns } = this.#description;
    this.#giveBack(slot);
    const record = region.record.slots[slot] as SlotRecord;
    const { generation } = record;
    const event = system.clock.schedule(reorder_ns, 'the CPU reads a packet', () => {
      this.#late.delete(event);
      if (record.generation !== generation)
        system.findings.report('keembay-ipc-torn-packet', `packet ${slot} was read after the VPU had used it for another message`);
      this.#accept(slot);
    });
    this.#late.add(event);
  }

  #accept(slot: number): void {
    const { system, region, channels, statistics } = this.#description;
    const packet = readPacket(region.memory.bytes(), slot * PACKET_SIZE);
    const { srcNode, dstNode, channel: id } = packet;
    if (srcNode !== KMB_IPC_NODE_LEON_MSS || dstNode !== KMB_IPC_NODE_ARM_CSS || id >= KMB_IPC_MAX_CHANNELS) {
      this.#warn(`a message from node ${srcNode} to node ${dstNode} on channel ${id}`);
      statistics.rxBadHeader++;
      return;
    }
    const channel = channels.at(id);
    if (channel === undefined) {
      this.#warn(`a message on channel ${id}, which is closed`);
      statistics.rxClosed++;
      return;
    }
    try {
      system.kmalloc('struct rx_data', 'GFP_ATOMIC');
    } catch (error) {
      if (!isErrno(error, 'ENOMEM')) throw error;
      system.log.print('err', 'keembay-ipc: no memory for a message');
      statistics.rxNoMemory++;
      return;
    }
    channel.receive({ vpuAddr: packet.dataAddr, size: packet.dataSize });
    statistics.rxOk++;
    this.#description.received(id);
  }

  #warn(text: string): void {
    this.#description.system.log.print('warn', `keembay-ipc: dropped: ${text}`);
  }
}
