import { Errno, isErrno } from '../../abi/index.ts';
import { type Kernel, RawRestart, WaitQueue, waitOn } from '../../kernel/index.ts';
import type { VirtioDevice, Virtqueue } from '../../virtio/index.ts';
import type { Endpoint } from './endpoint.ts';
import type { MessageBuffers } from './message-buffers.ts';
import type { RpmsgDevice } from './rpmsg-device.ts';

const SEND_TIMEOUT_NS = 15e9;

/** The sending half of virtio_rpmsg_bus.c: buffers to send from, and those who wait for one. */
export class Transmitter {
  readonly #device: VirtioDevice;
  readonly #queue: Virtqueue<number>;
  readonly #buffers: MessageBuffers;
  /** Senders without a buffer. While there are some the remote interrupts when it has used one. */
  readonly #senders: WaitQueue;
  #sleepers = 0;
  #isGoing = false;
  #isGone = false;

  constructor(device: VirtioDevice, queue: Virtqueue<number>, buffers: MessageBuffers) {
    this.#device = device;
    this.#queue = queue;
    this.#buffers = buffers;
    this.#senders = new WaitQueue(`${device.name} to have a buffer to send from`);
    queue.disableCb();
  }

  /** rpmsg_xmit_done: the remote has used a buffer. */
  used(): void {
    this.#senders.wake();
  }

  /** The device is being taken away: nobody will give buffers back any more. */
  going(): void {
    this.#isGoing = true;
    this.#senders.wake();
  }

  /** Rings and buffers are about to go. */
  gone(): void {
    this.#isGone = true;
  }

  /** @throws Errno ENOMEM without a buffer, what the queue says */
  trySend(endpoint: Endpoint, data: Uint8Array, destination: number): void {
    const buffer = this.#takeBuffer();
    if (buffer === undefined) throw new Errno('ENOMEM', `${this.#device.name} has no buffer to send from`);
    this.#transmit(endpoint, buffer, data, destination);
  }

  /** Waits for a buffer. @throws Errno ERESTARTSYS after 15 s, what the queue says */
  *send(endpoint: Endpoint, data: Uint8Array, destination: number): Kernel<void> {
    const buffer = this.#takeBuffer() ?? (yield* this.#waitForBuffer(endpoint.device));
    this.#transmit(endpoint, buffer, data, destination);
  }

  /** get_a_tx_buf: one that was never used, or one that the remote has given back. */
  #takeBuffer(): number | undefined {
    if (this.#isGone) return undefined;
    return this.#buffers.takeUnused() ?? this.#queue.getBuf();
  }

  /**
   * A signal does not end this wait: Linux then asks again and again until there is a buffer, without looking at the time. Where Linux would
   * do so for ever it ends here: when the processor has gone, and when the signal kills, for natively the program is gone all the same.
   */
  *#waitForBuffer(device: RpmsgDevice): Kernel<number> {
    const queues = [{ queue: this.#senders, key: 1 }];
    const what = this.#senders.name;
    let sleep = waitOn(queues, { what, timeout_ns: SEND_TIMEOUT_NS });
    let isInterrupted = false;
    if (this.#sleepers++ === 0) this.#queue.enableCb();
    try {
      for (let isLate = false; ; ) {
        const buffer = this.#takeBuffer();
        if (buffer !== undefined) return buffer;
        if (isInterrupted && this.#isGoing) throw new Errno('ERESTARTSYS', `${this.#device.name} has gone`);
        if (isLate) break;
        const wake = yield sleep;
        isLate = wake === 'timeout';
        if (wake !== 'signal') continue;
        if (isInterrupted) throw new Errno('ERESTARTSYS', 'whoever waited is killed');
        isInterrupted = true;
        sleep = waitOn(queues, { what, mode: 'killable' });
      }
    } finally {
      if (--this.#sleepers === 0 && !this.#isGone) this.#queue.disableCb();
    }
    device.print('err', 'timeout waiting for a tx buffer');
    throw new RawRestart('the remote processor gave no buffer back for 15 s');
  }

  #transmit({ address, device }: Endpoint, buffer: number, data: Uint8Array, destination: number): void {
    const length = this.#buffers.fill(buffer, address, destination, data);
    try {
      this.#queue.addOutbuf(this.#buffers.segment(buffer, length), buffer);
    } catch (error) {
      // The buffer is lost, as it is in Linux.
      if (isErrno(error)) device.print('err', `virtqueue_add_outbuf failed: ${-error.errno}`);
      throw error;
    }
    this.#queue.kick();
  }
}
