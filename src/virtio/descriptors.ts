import { VRING_DESC_F_NEXT, VRING_DESC_F_WRITE } from '../abi/uapi/index.ts';
import { DESC_FLAGS, DESC_LEN, DESC_NEXT, DESC_SIZE } from './split-ring.ts';

/** A piece of a buffer: an entry of a scatterlist. */
export interface Segment {
  /** As the device is told it: physical, unless the device is behind an IOMMU that virtio knows of. */
  readonly address: number;
  /** In bytes. */
  readonly length: number;
}

/** The driver's descriptors: which are free, and how those in use hang together, as it knows itself. What the device reads is a copy. */
export class Descriptors<T> {
  readonly #next: Uint16Array;
  readonly #hasNext: Uint8Array;
  /** What was given with the buffer that begins at a descriptor. */
  readonly #tokens: (T | undefined)[];
  #freeHead = 0;
  #numFree: number;

  constructor(num: number) {
    this.#next = Uint16Array.from({ length: num }, (_, at) => at + 1);
    this.#hasNext = new Uint8Array(num);
    this.#tokens = new Array(num);
    this.#numFree = num;
  }

  get numFree(): number {
    return this.#numFree;
  }

  /** What was given with the buffer that begins here; undefined when none does. */
  token(head: number): T | undefined {
    return this.#tokens[head];
  }

  /** Where a buffer begins that the driver still has in use. */
  anyHead(): number | undefined {
    const head = this.#tokens.findIndex((token) => token !== undefined);
    return head < 0 ? undefined : head;
  }

  /** Writes the descriptors of a buffer, of which there must be enough. @returns its first */
  chain(view: DataView, outgoing: readonly Segment[], incoming: readonly Segment[], token: T): number {
    const total = outgoing.length + incoming.length;
    const head = this.#freeHead;
    let at = head;
    for (let segment = 0; segment < total; segment++) {
      const isOut = segment < outgoing.length;
      const { address, length } = (isOut ? outgoing[segment] : incoming[segment - outgoing.length]) as Segment;
      const isLast = segment === total - 1;
      const desc = at * DESC_SIZE;
      view.setUint32(desc, address, true);
      view.setUint32(desc + 4, address / 2 ** 32, true);
      view.setUint32(desc + DESC_LEN, length, true);
      view.setUint16(desc + DESC_FLAGS, (isOut ? 0 : VRING_DESC_F_WRITE) | (isLast ? 0 : VRING_DESC_F_NEXT), true);
      view.setUint16(desc + DESC_NEXT, this.#next[at] as number, true);
      this.#hasNext[at] = isLast ? 0 : 1;
      at = this.#next[at] as number;
    }
    this.#numFree -= total;
    this.#freeHead = at;
    this.#tokens[head] = token;
    return head;
  }

  /** detach_buf: the descriptors of a buffer go to the head of the free list. */
  detach(head: number): void {
    this.#tokens[head] = undefined;
    let last = head;
    this.#numFree++;
    for (; this.#hasNext[last] === 1; last = this.#next[last] as number) this.#numFree++;
    this.#next[last] = this.#freeHead;
    this.#freeHead = head;
  }
}
