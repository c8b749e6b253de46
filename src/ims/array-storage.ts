import { type MessageRouter, MessageTable, type MsiMessage, writeEntry } from '../irq/index.ts';
import { type System, WaitQueue } from '../kernel/index.ts';
import type { ImsEntry, ImsHazard, ImsStorage, ImsStorageCounts } from './storage.ts';

/** How long a posted write takes to the device. */
const POSTED_NS = 1000;

export interface ArrayStorageDescription {
  readonly system: System;
  readonly router: MessageRouter;
  readonly requester: number;
  readonly entries: number;
  readonly latches: boolean;
  readonly hazards: ReadonlySet<ImsHazard>;
}

/**
 * A table in the device's registers. Each write is read back, so that it has arrived when it returns; the hazards leave that out
 * (`noflush`), or write words of an entry that is not masked (`torn`).
 */
export class ArrayStorage implements ImsStorage {
  readonly #description: ArrayStorageDescription;
  readonly #table: MessageTable;
  readonly #pasids = new Map<number, number>();
  /** Entries of which one word has arrived and another not. */
  readonly #halfWritten = new Set<number>();
  readonly settled = new WaitQueue('writes to arrive');
  readonly #counts = { writes: 0, stale: 0, torn: 0 };
  underWay = 0;

  constructor(description: ArrayStorageDescription) {
    const { router, requester, entries, latches } = description;
    this.#description = description;
    this.#table = new MessageTable(router, requester, { entries, latches });
  }

  get counts(): ImsStorageCounts {
    return { ...this.#counts, lost: this.#table.lost };
  }

  open(slot: number, pasid: number | undefined): void {
    this.close(slot);
    if (pasid !== undefined) this.#pasids.set(slot, pasid);
  }

  close(slot: number): void {
    this.#table.reset(slot);
    this.#pasids.delete(slot);
    this.#halfWritten.delete(slot);
  }

  entry(slot: number): ImsEntry {
    const { addressLo, addressHi, data, isMasked, isPending } = this.#table.entry(slot);
    return { message: { addressLo, addressHi, data }, isMasked, isPending, pasid: this.#pasids.get(slot) };
  }

  isStale(slot: number): boolean {
    return this.#halfWritten.has(slot);
  }

  write(slot: number, message: MsiMessage): void {
    this.#counts.writes++;
    if (!this.#description.hazards.has('torn')) {
      writeEntry(this.#table, slot, message);
      return;
    }
    this.#table.write(slot, 'addressLo', message.addressLo);
    this.#table.write(slot, 'addressHi', message.addressHi);
    this.#halfWritten.add(slot);
    this.#post(() => {
      if (!this.#halfWritten.delete(slot)) return;
      this.#table.write(slot, 'data', message.data);
    });
  }

  setMask(slot: number, isMasked: boolean): void {
    if (this.#description.hazards.has('noflush')) this.#post(() => this.#table.setMask(slot, isMasked));
    else this.#table.setMask(slot, isMasked);
  }

  fire(slot: number): void {
    if (this.#halfWritten.has(slot) && !this.#table.entry(slot).isMasked) this.#counts.torn++;
    this.#table.fire(slot);
  }

  setLatches(latches: boolean): void {
    this.#table.latches = latches;
  }

  #post(arrive: () => void): void {
    this.underWay++;
    this.#description.system.clock.schedule(POSTED_NS, 'a write to the message store', () => {
      arrive();
      this.underWay--;
      this.settled.wake();
    });
  }
}
