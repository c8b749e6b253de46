/** The device's side of a split ring, as firmware has it: it reaches the ring, and the buffers, by addresses of its own. */
import {
  VRING_AVAIL_F_NO_INTERRUPT,
  VRING_DESC_F_INDIRECT,
  VRING_DESC_F_NEXT,
  VRING_DESC_F_WRITE,
  VRING_USED_F_NO_NOTIFY,
} from '../abi/uapi/index.ts';
import type { Segment } from './descriptors.ts';
import {
  AVAIL_ENTRY_SIZE,
  DESC_FLAGS,
  DESC_LEN,
  DESC_NEXT,
  DESC_SIZE,
  needsEvent,
  RING_ENTRIES,
  RING_FLAGS,
  RING_IDX,
  type SplitRingLayout,
  splitRingLayout,
  USED_ENTRY_SIZE,
} from './split-ring.ts';

/** How a device reads and writes memory: a `DmaDevice` is one. */
export interface DeviceMemory {
  readInto(address: number, bytes: Uint8Array): void;
  write(address: number, bytes: Uint8Array): void;
}

export interface DeviceRingDescription {
  readonly memory: DeviceMemory;
  /** Where the ring begins, as the device sees it. */
  readonly address: number;
  readonly num: number;
  readonly align: number;
  /** Whether VIRTIO_RING_F_EVENT_IDX was negotiated. */
  readonly hasEventIdx?: boolean;
  /** From the addresses that the driver writes into descriptors to the device's; they are the same when left out. */
  readonly translate?: (address: number) => number;
}

/** A buffer that the driver has made available. Addresses are the device's. */
export interface DeviceBuffer {
  /** Its first descriptor: what goes back into the used ring. */
  readonly head: number;
  readonly readable: readonly Segment[];
  readonly writable: readonly Segment[];
}

/** The driver wrote something into the ring that makes no sense. */
export class BadRing extends Error {
  override readonly name = 'BadRing';
}

const MASK = 0xffff;

export class DeviceRing {
  readonly layout: SplitRingLayout;
  readonly #memory: DeviceMemory;
  readonly #address: number;
  readonly #hasEventIdx: boolean;
  readonly #translate: (address: number) => number;
  readonly #scratch = new Uint8Array(DESC_SIZE);
  readonly #view = new DataView(this.#scratch.buffer);
  readonly #two = this.#scratch.subarray(0, 2);
  readonly #entry = this.#scratch.subarray(0, USED_ENTRY_SIZE);
  #lastAvailIdx = 0;
  #usedIdx = 0;
  /** Up to where the driver has been told, or need not be. */
  #signalledIdx = 0;

  constructor({ memory, address, num, align, hasEventIdx = false, translate = (same) => same }: DeviceRingDescription) {
    this.layout = splitRingLayout(num, align);
    this.#memory = memory;
    this.#address = address;
    this.#hasEventIdx = hasEventIdx;
    this.#translate = translate;
  }

  /** Whether the driver has made a buffer available that was not popped yet. */
  get hasAvailable(): boolean {
    return this.available > 0;
  }

  /** How many there are. */
  get available(): number {
    return (this.#read16(this.layout.avail + RING_IDX) - this.#lastAvailIdx) & MASK;
  }

  /** The oldest buffer that is available. @throws BadRing @returns undefined without one */
  pop(): DeviceBuffer | undefined {
    const available = this.available;
    if (available === 0) return undefined;
    const { avail, num } = this.layout;
    if (available > num) throw new BadRing(`${available} buffers are available in a ring of ${num}`);
    const head = this.#read16(avail + RING_ENTRIES + AVAIL_ENTRY_SIZE * (this.#lastAvailIdx & (num - 1)));
    const buffer = this.#chain(head);
    this.#lastAvailIdx = (this.#lastAvailIdx + 1) & MASK;
    return buffer;
  }

  /** Gives a buffer back. The driver is not told: ask {@link needsInterrupt}. @param length bytes that were written into it */
  push({ head }: Pick<DeviceBuffer, 'head'>, length: number): void {
    const { used, num } = this.layout;
    this.#view.setUint32(0, head, true);
    this.#view.setUint32(4, length, true);
    this.#memory.write(this.#address + used + RING_ENTRIES + USED_ENTRY_SIZE * (this.#usedIdx & (num - 1)), this.#entry);
    this.#usedIdx = (this.#usedIdx + 1) & MASK;
    this.#write16(used + RING_IDX, this.#usedIdx);
  }

  /** Whether the driver wants to be interrupted because of what was pushed since the last time that this was asked. */
  needsInterrupt(): boolean {
    const old = this.#signalledIdx;
    this.#signalledIdx = this.#usedIdx;
    if (old === this.#usedIdx) return false;
    if (this.#hasEventIdx) return needsEvent(this.#read16(this.layout.usedEvent), this.#usedIdx, old);
    return (this.#read16(this.layout.avail + RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT) === 0;
  }

  /** Asks the driver not to kick. */
  disableKicks(): void {
    if (!this.#hasEventIdx) this.#write16(this.layout.used + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
  }

  /** Asks for a kick when the next buffer comes. @returns false when there is one already: it must be looked at */
  enableKicks(): boolean {
    if (this.#hasEventIdx) this.#write16(this.layout.availEvent, this.#lastAvailIdx);
    else this.#write16(this.layout.used + RING_FLAGS, 0);
    return !this.hasAvailable;
  }

  #chain(head: number): DeviceBuffer {
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let table = this.#address;
    let num = this.layout.num;
    let at = head;
    let isIndirect = false;
    for (let count = 0; ; count++) {
      if (at >= num) throw new BadRing(`descriptor ${at} of ${num}`);
      if (count >= num) throw new BadRing(`the descriptors from ${head} on have no end`);
      this.#memory.readInto(table + at * DESC_SIZE, this.#scratch);
      const view = this.#view;
      const address = this.#translate(view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32);
      const length = view.getUint32(DESC_LEN, true);
      const flags = view.getUint16(DESC_FLAGS, true);
      if ((flags & VRING_DESC_F_INDIRECT) !== 0) {
        if (isIndirect || length === 0 || length % DESC_SIZE !== 0) throw new BadRing(`an indirect table of ${length} bytes`);
        isIndirect = true;
        table = address;
        num = length / DESC_SIZE;
        at = 0;
        count = -1;
        continue;
      }
      ((flags & VRING_DESC_F_WRITE) === 0 ? readable : writable).push({ address, length });
      if ((flags & VRING_DESC_F_NEXT) === 0) return { head, readable, writable };
      at = view.getUint16(DESC_NEXT, true);
    }
  }

  #read16(offset: number): number {
    this.#memory.readInto(this.#address + offset, this.#two);
    return this.#view.getUint16(0, true);
  }

  #write16(offset: number, value: number): void {
    this.#view.setUint16(0, value, true);
    this.#memory.write(this.#address + offset, this.#two);
  }
}
