import type { EventfdContext } from '../kernel/index.ts';

/** Who asked for a group. */
export interface ImsClient {
  /** Of the process; undefined when its memory has none. */
  readonly pasid?: number;
  readonly pid: number;
  /** As interrupts are named behind it: `wq0.0`. */
  readonly queue: string;
}

/** One vector of a group. */
export class ImsVector {
  readonly group: ImsGroup;
  readonly index: number;
  /** Its entry in the device. */
  readonly slot: number;
  readonly irq: number;
  /** Where its events are counted for the client. */
  eventfd: EventfdContext | undefined;
  /** Events that came. */
  count = 0;
  /** The number by which descriptors name it, when it has been asked for. */
  handle: number | undefined;

  constructor(group: ImsGroup, index: number, { slot, irq }: { readonly slot: number; readonly irq: number }) {
    this.group = group;
    this.index = index;
    this.slot = slot;
    this.irq = irq;
  }
}

/** Vectors that were asked for together, and go together. */
export class ImsGroup {
  readonly id: number;
  readonly client: ImsClient;
  readonly vectors: ImsVector[] = [];
  /** Descriptors that name one of its vectors and are not done. */
  inFlight = 0;

  constructor(id: number, client: ImsClient) {
    this.id = id;
    this.client = client;
  }
}
