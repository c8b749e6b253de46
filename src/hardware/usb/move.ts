/**
 * How data cross the bus: the transfer of the host against the requests that wait at the device's endpoint, packet by packet, as
 * dummy_hcd's transfer() has it (docs/reference/functionfs.md, 9.4).
 */
import { errno } from '../../abi/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import { URB_ZERO_PACKET, type Urb, type UsbRequest } from '../../usb/index.ts';
import type { LinkedEndpoint } from './linked-endpoint.ts';

const INPROGRESS = -errno.EINPROGRESS;

/** What the bus lets through, and whom it tells. */
export interface Wire {
  /** As whom a controller with scatter-gather reads and writes memory. */
  readonly dma: DmaDevice | undefined;
  /** The most bytes that go at a time: a packet's while somebody watches each, else no limit. */
  readonly step: (endpoint: LinkedEndpoint) => number;
  /** A request of the gadget has ended. */
  readonly done: (endpoint: LinkedEndpoint, request: UsbRequest) => void;
  /** Bytes have crossed; 0 for a packet without data. @returns whether the bus goes on */
  readonly crossed: (endpoint: LinkedEndpoint, bytes: number) => boolean;
}

export interface Moved {
  readonly bytes: number;
  /** Of the host's transfer: EINPROGRESS when it has not ended. */
  readonly status: number;
  /** More could be moved if the frame were longer. */
  readonly isCut: boolean;
}

/**
 * Moves what can be moved now.
 *
 * @param limit bytes that the frame has left
 */
export function move(wire: Wire, urb: Urb, endpoint: LinkedEndpoint, limit: number): Moved {
  let left = limit;
  let status = INPROGRESS;
  let isCut = false;
  for (let request = endpoint.requests[0]; request !== undefined && status === INPROGRESS; request = endpoint.requests[0]) {
    const host = urb.length - urb.actualLength;
    const device = request.length - request.actual;
    let count = Math.min(host, device);
    let isShort = true;
    if (count > 0) {
      const { maxpacket } = endpoint;
      if (left < maxpacket && left < count) isCut = true;
      count = Math.min(count, left, wire.step(endpoint));
      if (isCut || count === 0) break;
      isShort = count < maxpacket;
      if (!isShort) count -= count % maxpacket;
      copy(wire.dma, urb, request, urb.actualLength, count);
      left -= count;
      urb.actualLength += count;
      request.actual += count;
    }
    if (isShort) {
      // A short packet ends both. Too much of it is an error of whoever has too little room.
      request.status = !urb.isIn && host > device ? -errno.EOVERFLOW : 0;
      status = urb.isIn && device > host ? -errno.EOVERFLOW : 0;
    } else {
      if (request.actual === request.length && !(request.zero && urb.isIn)) request.status = 0;
      if (urb.actualLength === urb.length && !((urb.flags & URB_ZERO_PACKET) !== 0 && !urb.isIn)) status = 0;
    }
    // Whoever watches may break the connection, which ends what is left in the queue.
    if (request.status !== INPROGRESS) {
      endpoint.remove(request);
      wire.done(endpoint, request);
    }
    if (!wire.crossed(endpoint, count)) break;
  }
  return { bytes: limit - left, status, isCut };
}

/**
 * Copies, from where the request is. One with a list of segments is the hardware's to read and write.
 *
 * @param at where in the host's buffer
 */
export function copy(dma: DmaDevice | undefined, urb: Urb, request: UsbRequest, at: number, count: number): void {
  const part = urb.buffer.subarray(at, at + count);
  if (request.sg !== undefined) {
    copySegments(dma as DmaDevice, request, part, urb.isIn);
  } else if (urb.isIn) {
    part.set((request.buf as Uint8Array).subarray(request.actual, request.actual + count));
  } else {
    (request.buf as Uint8Array).set(part, request.actual);
  }
}

function copySegments(dma: DmaDevice, { sg, actual }: UsbRequest, part: Uint8Array, toHost: boolean): void {
  let first = 0;
  let done = 0;
  for (const { busAddress, length } of sg ?? []) {
    const from = Math.max(actual + done, first);
    const count = Math.min(first + length - from, part.length - done);
    if (count > 0) {
      const bytes = part.subarray(done, done + count);
      if (toHost) dma.readInto(busAddress + from - first, bytes);
      else dma.write(busAddress + from - first, bytes);
      done += count;
    }
    if (done === part.length) return;
    first += length;
  }
}
