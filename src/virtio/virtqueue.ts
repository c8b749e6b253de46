/** drivers/virtio/virtio_ring.c: the driver's side of a split ring. */
import { Errno } from '../abi/index.ts';
import { VIRTIO_RING_F_EVENT_IDX, VRING_AVAIL_F_NO_INTERRUPT, VRING_USED_F_NO_NOTIFY } from '../abi/uapi/index.ts';
import { finish, type Kernel, type MaybeKernel, type MemoryRange } from '../kernel/index.ts';
import { Descriptors, type Segment } from './descriptors.ts';
import { SharedView } from './shared-view.ts';
import {
  AVAIL_ENTRY_SIZE,
  needsEvent,
  RING_ENTRIES,
  RING_FLAGS,
  RING_IDX,
  type SplitRingLayout,
  splitRingLayout,
  USED_ENTRY_SIZE,
  USED_LEN,
} from './split-ring.ts';
import type { VirtioDevice } from './virtio-device.ts';

export interface VirtqueueDescription {
  readonly device: VirtioDevice;
  /** Its number on the device. */
  readonly index: number;
  readonly name: string;
  /** Descriptors, a power of two. */
  readonly num: number;
  /** Of the used ring, in bytes. */
  readonly align: number;
  /** Where the ring is, of at least splitRingSize(num, align) bytes, all zero. */
  readonly memory: MemoryRange;
  /** Kicks the device. @returns false when that failed: the queue is broken then */
  readonly notify: (queue: Virtqueue) => boolean;
  /** The device has used buffers. Without one it is told not to interrupt. */
  readonly callback?: ((queue: Virtqueue) => MaybeKernel<void>) | undefined;
}

const MASK = 0xffff;

/** `struct virtqueue`. Its ring is all the state that the two sides share; the driver believes of it no more than Linux does. */
export class Virtqueue<T = unknown> {
  readonly device: VirtioDevice;
  readonly index: number;
  readonly name: string;
  readonly layout: SplitRingLayout;
  readonly #ring: SharedView;
  readonly #notify: (queue: Virtqueue) => boolean;
  readonly #callback: ((queue: Virtqueue) => MaybeKernel<void>) | undefined;
  readonly #hasEventIdx: boolean;
  readonly #descriptors: Descriptors<T>;
  /** Indices run free, 16 bits. */
  #availIdx = 0;
  #lastUsedIdx = 0;
  /** Buffers since the last kick. */
  #numAdded = 0;
  #availFlags = 0;
  /** The device has interrupted since callbacks were enabled, so it will not again. */
  #eventTriggered = false;
  #isBroken = false;
  /** Bytes that the device says it wrote into the buffer that {@link getBuf} gave last. */
  usedLength = 0;

  /** vring_new_virtqueue. */
  constructor({ device, index, name, num, align, memory, notify, callback }: VirtqueueDescription) {
    this.device = device;
    this.index = index;
    this.name = name;
    this.layout = splitRingLayout(num, align);
    this.#ring = new SharedView(memory);
    this.#notify = notify;
    this.#callback = callback;
    this.#hasEventIdx = device.hasFeature(VIRTIO_RING_F_EVENT_IDX);
    this.#descriptors = new Descriptors(num);
    if (callback === undefined) {
      this.#availFlags = VRING_AVAIL_F_NO_INTERRUPT;
      if (!this.#hasEventIdx) this.#writeAvailFlags();
    }
  }

  /** virtqueue_get_vring_size. */
  get num(): number {
    return this.layout.num;
  }

  /** Descriptors that are free. */
  get numFree(): number {
    return this.#descriptors.numFree;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** __virtqueue_break. */
  breakQueue(): void {
    this.#isBroken = true;
  }

  /** virtqueue_add_outbuf: a buffer that the device reads. @param token comes back from {@link getBuf} @throws Errno EIO, ENOSPC */
  addOutbuf(segments: readonly Segment[], token: T): void {
    this.addSgs(segments, [], token);
  }

  /** virtqueue_add_inbuf: a buffer that the device writes. @throws Errno EIO, ENOSPC */
  addInbuf(segments: readonly Segment[], token: T): void {
    this.addSgs([], segments, token);
  }

  /**
   * virtqueue_add_sgs: what the device reads and then what it writes, as one buffer. Descriptors are chained, never indirect.
   *
   * @throws Errno EIO when the queue is broken; ENOSPC without enough descriptors
   */
  addSgs(outgoing: readonly Segment[], incoming: readonly Segment[], token: T): void {
    if (this.#isBroken) throw new Errno('EIO', `${this.name} is broken`);
    const total = outgoing.length + incoming.length;
    if (total === 0 || token === undefined) throw new RangeError('a buffer has segments and a token');
    if (this.numFree < total) {
      // The device is asked to serve the ring, for reasons long forgotten.
      if (outgoing.length > 0) this.#notify(this);
      throw new Errno('ENOSPC', `${this.name} has ${this.numFree} free descriptors, ${total} are needed`);
    }
    const { view } = this.#ring;
    const head = this.#descriptors.chain(view, outgoing, incoming, token);
    const { avail, num } = this.layout;
    view.setUint16(avail + RING_ENTRIES + AVAIL_ENTRY_SIZE * (this.#availIdx & (num - 1)), head, true);
    this.#availIdx = (this.#availIdx + 1) & MASK;
    view.setUint16(avail + RING_IDX, this.#availIdx, true);
    // Before the count could wrap, kick just in case.
    if (++this.#numAdded === MASK) this.kick();
  }

  /** virtqueue_kick_prepare: whether the device wants to be told of what was added since last time. */
  kickPrepare(): boolean {
    const { view } = this.#ring;
    const now = this.#availIdx;
    const old = (now - this.#numAdded) & MASK;
    this.#numAdded = 0;
    if (this.#hasEventIdx) return needsEvent(view.getUint16(this.layout.availEvent, true), now, old);
    return (view.getUint16(this.layout.used + RING_FLAGS, true) & VRING_USED_F_NO_NOTIFY) === 0;
  }

  /** virtqueue_notify. @returns false when the queue is broken, perhaps since now */
  notify(): boolean {
    if (this.#isBroken) return false;
    if (this.#notify(this)) return true;
    this.#isBroken = true;
    return false;
  }

  /** virtqueue_kick. */
  kick(): boolean {
    return this.kickPrepare() ? this.notify() : true;
  }

  /** more_used. */
  get hasUsed(): boolean {
    return this.#lastUsedIdx !== this.#usedIdx();
  }

  /**
   * virtqueue_get_buf: the next buffer that the device has used, whose {@link usedLength} is told beside.
   *
   * @returns its token; undefined when there is none, or the queue is broken: by what the device wrote, too
   */
  getBuf(): T | undefined {
    if (this.#isBroken || !this.hasUsed) return undefined;
    const { view } = this.#ring;
    const { used, num, usedEvent } = this.layout;
    const entry = used + RING_ENTRIES + USED_ENTRY_SIZE * (this.#lastUsedIdx & (num - 1));
    const id = view.getUint32(entry, true);
    if (id >= num) return this.#bad(`id ${id} out of range`);
    const token = this.#descriptors.token(id);
    if (token === undefined) return this.#bad(`id ${id} is not a head!`);
    this.usedLength = view.getUint32(entry + USED_LEN, true);
    this.#descriptors.detach(id);
    this.#lastUsedIdx = (this.#lastUsedIdx + 1) & MASK;
    if ((this.#availFlags & VRING_AVAIL_F_NO_INTERRUPT) === 0) view.setUint16(usedEvent, this.#lastUsedIdx, true);
    return token;
  }

  /** virtqueue_disable_cb: a hint to the device; interrupts may still come. */
  disableCb(): void {
    if ((this.#availFlags & VRING_AVAIL_F_NO_INTERRUPT) !== 0) return;
    this.#availFlags |= VRING_AVAIL_F_NO_INTERRUPT;
    if (this.#eventTriggered) return;
    if (this.#hasEventIdx) this.#ring.view.setUint16(this.layout.usedEvent, 0, true);
    else this.#writeAvailFlags();
  }

  /** virtqueue_enable_cb_prepare. @returns for {@link poll} */
  enableCbPrepare(): number {
    this.#eventTriggered = false;
    this.#allowInterrupts();
    this.#ring.view.setUint16(this.layout.usedEvent, this.#lastUsedIdx, true);
    return this.#lastUsedIdx;
  }

  /** virtqueue_poll: whether the device has used buffers since {@link enableCbPrepare}. */
  poll(lastUsedIdx: number): boolean {
    return !this.#isBroken && lastUsedIdx !== this.#usedIdx();
  }

  /** virtqueue_enable_cb. @returns false when the device has used buffers meanwhile: they must be looked at */
  enableCb(): boolean {
    return !this.poll(this.enableCbPrepare());
  }

  /** virtqueue_enable_cb_delayed: the same, where an interrupt is wanted only when most of what is under way has been used. */
  enableCbDelayed(): boolean {
    this.#eventTriggered = false;
    this.#allowInterrupts();
    const ahead = Math.floor((((this.#availIdx - this.#lastUsedIdx) & MASK) * 3) / 4);
    this.#ring.view.setUint16(this.layout.usedEvent, (this.#lastUsedIdx + ahead) & MASK, true);
    return ((this.#usedIdx() - this.#lastUsedIdx) & MASK) <= ahead;
  }

  /** virtqueue_detach_unused_buf: takes back what the device never used, once it has been stopped. */
  detachUnusedBuf(): T | undefined {
    const head = this.#descriptors.anyHead();
    if (head === undefined) return undefined;
    const token = this.#descriptors.token(head);
    this.#descriptors.detach(head);
    this.#availIdx = (this.#availIdx - 1) & MASK;
    this.#ring.view.setUint16(this.layout.avail + RING_IDX, this.#availIdx, true);
    return token;
  }

  /** vring_interrupt, from a thread: calls the callback if the device has used something. @returns whether it was for this queue */
  *interrupt(): Kernel<boolean> {
    if (!this.hasUsed || this.#isBroken) return false;
    if (this.#hasEventIdx) this.#eventTriggered = true;
    if (this.#callback !== undefined) yield* finish(this.#callback(this as Virtqueue));
    return true;
  }

  #usedIdx(): number {
    return this.#ring.view.getUint16(this.layout.used + RING_IDX, true);
  }

  #allowInterrupts(): void {
    if ((this.#availFlags & VRING_AVAIL_F_NO_INTERRUPT) === 0) return;
    this.#availFlags &= ~VRING_AVAIL_F_NO_INTERRUPT;
    if (!this.#hasEventIdx) this.#writeAvailFlags();
  }

  #writeAvailFlags(): void {
    this.#ring.view.setUint16(this.layout.avail + RING_FLAGS, this.#availFlags, true);
  }

  /** BAD_RING. */
  #bad(what: string): undefined {
    this.device.print('err', `${this.name}:${what}`);
    this.#isBroken = true;
    return undefined;
  }
}
