/** Isochronous transfers: a packet in each frame, whether somebody is ready or not. Nothing is repeated, nothing waits. */
import { errno } from '../../abi/index.ts';
import type { Urb } from '../../usb/index.ts';
import type { LinkedEndpoint } from './linked-endpoint.ts';
import { copy, type Wire } from './move.ts';

const INPROGRESS = -errno.EINPROGRESS;

/**
 * The next packet of a transfer: with the request that waits first, if there is one. A packet to the host that nobody has data for is
 * empty; one from the host that nobody waits for is lost.
 *
 * @returns the status of the transfer: EINPROGRESS until its last packet has had its frame
 */
export function moveIsochronous(wire: Wire, urb: Urb, endpoint: LinkedEndpoint, frame: number): { status: number; bytes: number } {
  const packet = urb.packets.find(({ status }) => status === -errno.EXDEV);
  if (packet === undefined) return { status: 0, bytes: 0 };
  if (packet === urb.packets[0]) urb.startFrame = frame;
  const request = endpoint.requests[0];
  let count = 0;
  packet.status = 0;
  if (request !== undefined) {
    count = Math.min(packet.length, request.length);
    copy(wire.dma, urb, request, packet.offset, count);
    request.actual = count;
    request.frameNumber = frame;
    request.status = !urb.isIn && packet.length > request.length ? -errno.EOVERFLOW : 0;
    if (urb.isIn && request.length > packet.length) packet.status = -errno.EOVERFLOW;
    endpoint.remove(request);
    wire.done(endpoint, request);
  }
  packet.actualLength = urb.isIn ? count : packet.length;
  urb.actualLength += packet.actualLength;
  if (packet.status !== 0) urb.errorCount++;
  wire.crossed(endpoint, count);
  return { status: packet === urb.packets.at(-1) ? 0 : INPROGRESS, bytes: count };
}
