/** A device's table of messages in its registers, as MSI-X has it and as an IMS array has it: 3.4 of docs/reference/ims-dsa.md. */
import type { MessageRouter } from './message-router.ts';

/**
 * One entry of 16 bytes, word by word. It may hold half of a new message and half of an old one: nobody keeps a driver from writing
 * an entry that is not masked.
 */
interface Slot {
  addressLo: number;
  addressHi: number;
  data: number;
  isMasked: boolean;
  isPending: boolean;
}

export interface MessageTableOptions {
  /** Without a limit when left out. */
  readonly entries?: number;
  /** Whether an entry remembers an event that comes while it is masked; yes when left out, as MSI-X must. */
  readonly latches?: boolean;
}

export type MessageWord = 'addressLo' | 'addressHi' | 'data';

export class MessageTable {
  readonly entries: number;
  readonly #router: MessageRouter;
  readonly #requester: number;
  latches: boolean;
  readonly #slots = new Map<number, Slot>();
  /** Whether the device may send at all: MSI-X as a whole. */
  isEnabled = true;
  /** Events that came while their entry was masked, or all were off, and that nothing remembered. */
  lost = 0;

  /** @param requester who the device is: bus, device and function */
  constructor(router: MessageRouter, requester: number, { entries = Number.POSITIVE_INFINITY, latches = true }: MessageTableOptions) {
    this.#router = router;
    this.#requester = requester;
    this.entries = entries;
    this.latches = latches;
  }

  /** The device has something to say: its message goes out, or waits for the mask to go. */
  fire(index: number): void {
    const slot = this.#slot(index);
    if (!this.isEnabled) this.lost++;
    else if (!slot.isMasked) this.#router.write(this.#requester, slot);
    else if (this.latches) slot.isPending = true;
    else this.lost++;
  }

  /** A register is written. */
  write(index: number, word: MessageWord, value: number): void {
    this.#slot(index)[word] = value;
  }

  setMask(index: number, isMasked: boolean): void {
    const slot = this.#slot(index);
    slot.isMasked = isMasked;
    if (isMasked || !slot.isPending) return;
    slot.isPending = false;
    this.#router.write(this.#requester, slot);
  }

  /** What an entry holds. Entries begin masked and empty. */
  entry(index: number): Readonly<Slot> {
    return this.#slot(index);
  }

  /** The entry is as it was in the beginning. */
  reset(index: number): void {
    this.#slots.delete(index);
  }

  #slot(index: number): Slot {
    if (index < 0 || index >= this.entries) throw new RangeError(`the table has ${this.entries} entries, none is ${index}`);
    let slot = this.#slots.get(index);
    if (slot === undefined) {
      slot = { addressLo: 0, addressHi: 0, data: 0, isMasked: true, isPending: false };
      this.#slots.set(index, slot);
    }
    return slot;
  }
}
