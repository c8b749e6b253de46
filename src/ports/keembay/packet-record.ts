/**
 * What only a simulator can know of packets: who really has each of them, since when, and what a free that nobody announces costs.
 * Both sides of the wire tell it what they do; neither decides anything by it. Section 20.3 of docs/reference/keembay-ipc.md.
 */

/** Who may touch a packet; in a FIFO, nobody. */
export type PacketOwner = 'cpu' | 'in-fifo' | 'vpu';

/** What happened to a packet: one line of the trace. */
export interface PacketEvent {
  readonly at_ns: number;
  readonly what: 'alloc' | 'push' | 'overflow' | 'pop' | 'free' | 'vpu-free' | 'discover' | 'reuse' | 'leak' | 'reclaim';
  readonly slot: number;
}

/** One packet of a pool. */
export interface SlotRecord {
  owner: PacketOwner;
  /** How often it has been allocated. */
  generation: number;
  /** Of the last change, in virtual nanoseconds. */
  since_ns: number;
  /** Freed by the VPU, and no scan has seen it yet. */
  isUndiscovered: boolean;
}

/** Classes of discovery latency: below 1 µs, 10 µs, and so on; the last has no end. */
const LATENCY_CLASSES = 8;

/** The packets of one pool, as they really are. */
export class PacketRecord {
  readonly slots: readonly SlotRecord[];
  /** Frees by the VPU: no interrupt told of them. */
  silentFrees = 0;
  allocated = 0;
  allocatedMax = 0;
  /** Packets that were taken for a message while the other side still had them. */
  earlyReuses = 0;
  /** How long frees stayed unseen: element i counts those below 10^i µs. */
  readonly discoveryLatency: number[] = new Array(LATENCY_CLASSES).fill(0);
  /** Told of each event; without it none is made. */
  onEvent: ((event: PacketEvent) => void) | undefined;
  readonly #now: () => number;
  readonly #idle: PacketOwner;

  /** @param idle who has the packets that are free: the one that sends them */
  constructor(count: number, idle: PacketOwner, now: () => number) {
    this.#now = now;
    this.#idle = idle;
    this.slots = Array.from({ length: count }, () => ({ owner: idle, generation: 0, since_ns: now(), isUndiscovered: false }));
  }

  /** Its sender takes it from the pool. */
  taken(slot: number): void {
    const record = this.#at(slot);
    if (record.isUndiscovered) {
      record.isUndiscovered = false;
      const latency_us = (this.#now() - record.since_ns) / 1000;
      const index = latency_us < 1 ? 0 : Math.min(LATENCY_CLASSES - 1, Math.floor(Math.log10(latency_us)) + 1);
      this.discoveryLatency[index] = (this.discoveryLatency[index] as number) + 1;
      this.#tell('discover', slot);
    } else if (record.owner !== this.#idle) {
      this.earlyReuses++;
      this.allocated--;
      this.#tell('reuse', slot);
    }
    record.owner = this.#idle;
    record.generation++;
    record.since_ns = this.#now();
    this.allocated++;
    this.allocatedMax = Math.max(this.allocatedMax, this.allocated);
    this.#tell('alloc', slot);
  }

  /** It goes into a FIFO. */
  pushed(slot: number): void {
    this.#move(slot, 'in-fifo', 'push');
  }

  /** The FIFO was full; its sender still has it. */
  overflowed(slot: number, sender: PacketOwner): void {
    this.#move(slot, sender, 'overflow');
  }

  /** Its receiver takes it from the FIFO. */
  popped(slot: number, receiver: PacketOwner): void {
    this.#move(slot, receiver, 'pop');
  }

  /** Its status becomes FREE. @param isSilent when the other side did it, which this one does not learn */
  freed(slot: number, owner: PacketOwner, isSilent: boolean): void {
    this.allocated--;
    if (isSilent) {
      this.silentFrees++;
      this.#at(slot).isUndiscovered = true;
    }
    this.#move(slot, owner, isSilent ? 'vpu-free' : 'free');
  }

  /** Nobody will ever free it. */
  lost(slot: number): void {
    this.#tell('leak', slot);
  }

  /** What has happened to packets does not count any more; who has them stays known. */
  forgetHistory(): void {
    this.silentFrees = 0;
    this.allocatedMax = this.allocated;
    this.earlyReuses = 0;
    this.discoveryLatency.fill(0);
  }

  #at(slot: number): SlotRecord {
    return this.slots[slot] as SlotRecord;
  }

  #move(slot: number, owner: PacketOwner, what: PacketEvent['what']): void {
    const record = this.#at(slot);
    record.owner = owner;
    record.since_ns = this.#now();
    this.#tell(what, slot);
  }

  #tell(what: PacketEvent['what'], slot: number): void {
    this.onEvent?.({ at_ns: this.#now(), what, slot });
  }
}
