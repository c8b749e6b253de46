import type { Decoded } from '../../abi/index.ts';
import { RPMSG_BUFFER_SIZE, rpmsg_hdr } from '../../ports/rpmsg/index.ts';
import { type CoherentBuffer, type Segment, SharedView, type VirtioTransport } from '../../virtio/index.ts';

/** MAX_RPMSG_NUM_BUFS: for both directions together. */
const BUFFERS_MAX = 512;

/** The messages' memory: in one piece, its first half to receive into, its second to send from. */
export class MessageBuffers {
  /** In each direction. */
  readonly count: number;
  readonly #memory: CoherentBuffer;
  readonly #shared: SharedView;
  /** Next of those that were never sent from. */
  #unused = 0;

  /** @param ringSize of the queue that receives @throws Errno ENOMEM */
  constructor(transport: VirtioTransport, ringSize: number) {
    this.count = Math.min(ringSize, BUFFERS_MAX / 2);
    this.#memory = transport.allocateCoherent(2 * this.count * RPMSG_BUFFER_SIZE);
    this.#shared = new SharedView(this.#memory.range);
  }

  /** What the device is told of a buffer. @param length of the message in it, with its header */
  segment(buffer: number, length: number): readonly Segment[] {
    return [{ address: this.#memory.address + buffer * RPMSG_BUFFER_SIZE, length }];
  }

  /** The next buffer to send from that was never used. */
  takeUnused(): number | undefined {
    return this.#unused < this.count ? this.count + this.#unused++ : undefined;
  }

  header(buffer: number): Decoded<typeof rpmsg_hdr> {
    return rpmsg_hdr.decode(this.#shared.view, buffer * RPMSG_BUFFER_SIZE);
  }

  /** The bytes behind the header; not to be kept. They end with the memory. */
  payload(buffer: number, length: number): Uint8Array {
    const first = buffer * RPMSG_BUFFER_SIZE + rpmsg_hdr.size;
    return this.#shared.bytes().subarray(first, first + length);
  }

  /** @returns bytes of the message with its header */
  fill(buffer: number, src: number, dst: number, data: Uint8Array): number {
    const first = buffer * RPMSG_BUFFER_SIZE;
    rpmsg_hdr.encode(this.#shared.view, first, { src, dst, reserved: 0, len: data.length, flags: 0 });
    this.#shared.bytes().set(data, first + rpmsg_hdr.size);
    return rpmsg_hdr.size + data.length;
  }

  free(): void {
    this.#memory.free();
  }
}
