import type { ScheduledEvent, System } from '../../kernel/index.ts';
import { PACKET_ALLOCATED, PACKET_FREE, PACKET_SIZE, setStatus, statusOf } from '../../ports/keembay/index.ts';
import type { IpcRegion } from './ipc-region.ts';
import { NO_COSTS, type PacketAllocator, type PoolCosts, type ScanStatistics } from './packet-pool.ts';

/** Packets from an allocator of the kernel's, first fit as gen_pool has it. When they go back is for those who extend it. */
abstract class GenPool implements PacketAllocator {
  readonly costs: PoolCosts = NO_COSTS;
  protected readonly region: IpcRegion;
  protected readonly statistics: ScanStatistics;
  protected readonly isTaken: boolean[];

  constructor(region: IpcRegion, statistics: ScanStatistics) {
    this.region = region;
    this.statistics = statistics;
    this.isTaken = new Array(region.slots).fill(false);
  }

  allocate(channel: number): number | undefined {
    this.reclaim();
    const slot = this.isTaken.indexOf(false);
    if (slot < 0) return undefined;
    this.isTaken[slot] = true;
    this.region.record.taken(slot);
    setStatus(this.region.memory.bytes(), slot * PACKET_SIZE, PACKET_ALLOCATED);
    this.taken(slot, channel);
    return slot;
  }

  hasFree(): boolean {
    return this.isTaken.includes(false);
  }

  release(slot: number): void {
    this.region.record.freed(slot, 'cpu', false);
    setStatus(this.region.memory.bytes(), slot * PACKET_SIZE, PACKET_FREE);
    this.isTaken[slot] = false;
  }

  received(_channel: number): void {}
  protected reclaim(): void {}
  protected taken(_slot: number, _channel: number): void {}
}

/** They go back when a sweep before the next allocation sees that the VPU has freed them: two sources of truth. */
export class SweptPool extends GenPool {
  protected override reclaim(): void {
    const bytes = this.region.memory.bytes();
    for (let slot = 0; slot < this.isTaken.length; slot++)
      if (this.isTaken[slot] === true && statusOf(bytes, slot * PACKET_SIZE) === PACKET_FREE) this.isTaken[slot] = false;
    this.statistics.steps += this.isTaken.length;
    this.statistics.stepsMax = this.isTaken.length;
  }

  override hasFree(): boolean {
    const bytes = this.region.memory.bytes();
    return this.isTaken.some((isTaken, slot) => !isTaken || statusOf(bytes, slot * PACKET_SIZE) === PACKET_FREE);
  }
}

interface Outstanding {
  readonly slot: number;
  readonly timeout: ScheduledEvent;
}

/** They go back with the next message on their channel, or when none came in time, as ivpu does it. What the VPU still does is not asked. */
export class ReplyBoundPool extends GenPool {
  readonly #system: System;
  readonly #timeout_ns: number;
  /** By channel, oldest first. */
  readonly #outstanding = new Map<number, Outstanding[]>();

  constructor(system: System, region: IpcRegion, statistics: ScanStatistics, timeout_ns: number) {
    super(region, statistics);
    this.#system = system;
    this.#timeout_ns = timeout_ns;
  }

  protected override taken(slot: number, channel: number): void {
    const timeout = this.#system.clock.schedule(this.#timeout_ns, 'a message has no reply', () => this.received(channel));
    const queue = this.#outstanding.get(channel) ?? [];
    this.#outstanding.set(channel, queue);
    queue.push({ slot, timeout });
  }

  override received(channel: number): void {
    const oldest = this.#outstanding.get(channel)?.shift();
    if (oldest === undefined) return;
    oldest.timeout.cancel();
    this.isTaken[oldest.slot] = false;
  }

  override release(slot: number): void {
    for (const queue of this.#outstanding.values()) {
      const at = queue.findIndex((one) => one.slot === slot);
      if (at >= 0) for (const { timeout } of queue.splice(at, 1)) timeout.cancel();
    }
    super.release(slot);
  }
}
