import type { Kernel, MaybeKernel } from '../../kernel/index.ts';
import { PACKET_ALLOCATED, PACKET_FREE, PACKET_SIZE, setStatus, statusOf } from '../../ports/keembay/index.ts';
import type { IpcRegion } from './ipc-region.ts';

/** What a scheme takes that the scan does not. */
export interface PoolCosts {
  /** Buffers that were exported, each with a file. */
  readonly buffers: number;
  readonly attachments: number;
  /** The most bytes at a time that are set aside and hold no packet. */
  readonly wastedBytesMax: number;
}

/** How packets are found for messages: a scheme of section 20.2 of docs/reference/keembay-ipc.md. */
export interface PacketAllocator {
  readonly costs: PoolCosts;
  /** @returns its number; undefined when none is free */
  allocate(channel: number): MaybeKernel<number | undefined>;
  /** Whether there is one, as far as somebody knows who does not search. */
  hasFree(): boolean;
  /** The driver goes. */
  remove?(): Kernel<void>;
  /** Neither the driver nor the VPU will access a packet any more. */
  end?(): Kernel<void>;
  /** The message was not sent after all. */
  release(slot: number): void;
  /** A message came on a channel, which may be the reply to one that was sent. */
  received?(channel: number): void;
}

export const NO_COSTS: PoolCosts = { buffers: 0, attachments: 0, wastedBytesMax: 0 };

/** What a search has cost. */
export interface ScanStatistics {
  steps: number;
  stepsMax: number;
}

/**
 * The pool of packets of the CPU, as the real driver has it: whether one is free says its status, which the VPU writes. Section 6 of
 * docs/reference/keembay-ipc.md.
 */
export class ScannedPool implements PacketAllocator {
  readonly costs: PoolCosts = NO_COSTS;
  readonly #region: IpcRegion;
  readonly #statistics: ScanStatistics;
  /** Where the next search begins. */
  cursor = 0;

  constructor(region: IpcRegion, statistics: ScanStatistics) {
    this.#region = region;
    this.#statistics = statistics;
  }

  allocate(_channel?: number): MaybeKernel<number | undefined> {
    const { memory, slots, record } = this.#region;
    const bytes = memory.bytes();
    for (let step = 1; step <= slots; step++) {
      const slot = this.cursor;
      this.cursor = slot + 1 === slots ? 0 : slot + 1;
      if (statusOf(bytes, slot * PACKET_SIZE) !== PACKET_FREE) continue;
      setStatus(bytes, slot * PACKET_SIZE, PACKET_ALLOCATED);
      record.taken(slot);
      this.#count(step);
      return slot;
    }
    this.#count(slots);
    return undefined;
  }

  hasFree(): boolean {
    const { memory, slots } = this.#region;
    const bytes = memory.bytes();
    for (let slot = 0; slot < slots; slot++) if (statusOf(bytes, slot * PACKET_SIZE) === PACKET_FREE) return true;
    return false;
  }

  release(slot: number): void {
    this.#region.record.freed(slot, 'cpu', false);
    setStatus(this.#region.memory.bytes(), slot * PACKET_SIZE, PACKET_FREE);
  }

  #count(steps: number): void {
    this.#statistics.steps += steps;
    this.#statistics.stepsMax = Math.max(this.#statistics.stepsMax, steps);
  }
}
