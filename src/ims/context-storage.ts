import { isSameMessage, type MessageRouter, MessageTable, type MsiMessage, NO_MESSAGE } from '../irq/index.ts';
import { type Random, type System, WaitQueue } from '../kernel/index.ts';
import type { ImsEntry, ImsHazard, ImsStorage, ImsStorageCounts } from './storage.ts';

export interface ContextStorageDescription {
  readonly system: System;
  readonly router: MessageRouter;
  readonly requester: number;
  readonly latches: boolean;
  readonly hazards: ReadonlySet<ImsHazard>;
  /** From the command to the device that a context changed until it has read it, in nanoseconds. */
  readonly sync_ns: () => number;
  /** Of a hundred such commands, how many fail without a word. */
  readonly failures: () => number;
}

/** What the driver has written into the context. */
interface Shadow {
  message: MsiMessage;
  isMasked: boolean;
  readonly pasid: number | undefined;
}

/**
 * Messages in the memory of each client's context, as many as there are clients. The device keeps a copy and reads the memory again
 * when a command tells it to; until then it sends the old message. With the hazard `stale` nobody tells it.
 */
export class ContextStorage implements ImsStorage {
  readonly #description: ContextStorageDescription;
  readonly #shadows = new Map<number, Shadow>();
  /** The device's copies. */
  readonly #cached: MessageTable;
  readonly settled = new WaitQueue('contexts to be read');
  readonly #random: Random;
  #writes = 0;
  #stale = 0;
  underWay = 0;

  constructor(description: ContextStorageDescription) {
    const { router, requester, latches } = description;
    this.#description = description;
    this.#cached = new MessageTable(router, requester, { latches });
    this.#random = description.system.random('ims-sync');
  }

  get counts(): ImsStorageCounts {
    return { writes: this.#writes, lost: this.#cached.lost, stale: this.#stale, torn: 0 };
  }

  open(slot: number, pasid: number | undefined): void {
    this.#shadows.set(slot, { message: NO_MESSAGE, isMasked: true, pasid });
    this.#cached.reset(slot);
  }

  close(slot: number): void {
    this.#shadows.delete(slot);
    this.#cached.reset(slot);
  }

  entry(slot: number): ImsEntry {
    const { message, isMasked, pasid } = this.#shadow(slot);
    return { message, isMasked, pasid, isPending: this.#cached.entry(slot).isPending };
  }

  isStale(slot: number): boolean {
    const { message, isMasked } = this.#shadow(slot);
    const cached = this.#cached.entry(slot);
    return cached.isMasked !== isMasked || !isSameMessage(cached, message);
  }

  write(slot: number, message: MsiMessage): void {
    this.#writes++;
    this.#shadow(slot).message = message;
  }

  setMask(slot: number, isMasked: boolean): void {
    this.#shadow(slot).isMasked = isMasked;
  }

  /** The command. It says nothing of how it went. */
  readonly sync = (slot: number): void => {
    const { system, hazards, sync_ns, failures } = this.#description;
    if (hazards.has('stale')) return;
    const percent = failures();
    if (percent > 0 && this.#random.below(100) < percent) return;
    const delay = sync_ns();
    if (delay === 0) {
      this.#read(slot);
      return;
    }
    this.underWay++;
    system.clock.schedule(delay, `context ${slot} to be read`, () => {
      this.#read(slot);
      this.underWay--;
      this.settled.wake();
    });
  };

  fire(slot: number): void {
    if (this.#shadows.has(slot) && this.isStale(slot)) this.#stale++;
    this.#cached.fire(slot);
  }

  setLatches(latches: boolean): void {
    this.#cached.latches = latches;
  }

  #read(slot: number): void {
    const shadow = this.#shadows.get(slot);
    if (shadow === undefined) return;
    const { addressLo, addressHi, data } = shadow.message;
    this.#cached.write(slot, 'addressLo', addressLo);
    this.#cached.write(slot, 'addressHi', addressHi);
    this.#cached.write(slot, 'data', data);
    this.#cached.setMask(slot, shadow.isMasked);
  }

  #shadow(slot: number): Shadow {
    const shadow = this.#shadows.get(slot);
    if (shadow === undefined) throw new RangeError(`no context has message ${slot}`);
    return shadow;
  }
}
