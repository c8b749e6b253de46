/** include/linux/usb/gadget.h: struct usb_request. */
import { errno } from '../../abi/index.ts';
import type { DmaSegment } from '../../memory/index.ts';
import type { UsbEp } from './usb-ep.ts';

/** Called once when a request has ended, by an event of the hardware: it must not wait. */
export type UsbRequestComplete = (ep: UsbEp, request: UsbRequest) => void;

/**
 * A transfer that a gadget's driver asks of an endpoint.
 *
 * Its bytes are either `buf`, ordinary memory of the kernel, or `sg`: memory that is mapped for the controller (`gadget.dma`) already, as
 * `sg_was_mapped` says in Linux. Only controllers whose gadget has `sgSupported` take the latter; their hardware then reads and writes
 * that memory by itself.
 *
 * Who made it owns it; from {@link UsbEp.queue} until `complete` is called it is the controller's.
 */
export class UsbRequest {
  /** At least {@link length} bytes; may be left out when that is 0. */
  buf: Uint8Array | undefined;
  /** Instead of `buf`: as a dma-buf's attachment or {@link DmaDevice.mapSg} gives them, together at least {@link length} bytes. */
  sg: readonly DmaSegment[] | undefined;
  /** In bytes. */
  length = 0;
  /** To the host: a packet of 0 bytes goes behind data that end with a full one. */
  zero = false;
  /** From the host: an early end is an error (EREMOTEIO). */
  shortNotOk = false;
  /** Nobody waits for this one: the controller need not interrupt for it. */
  noInterrupt = false;
  complete: UsbRequestComplete | undefined;
  /** The maker's own. */
  context: unknown;
  /** 0, or a negative errno: EINPROGRESS while queued, then ECONNRESET dequeued, ESHUTDOWN disabled or gone, EOVERFLOW too small. */
  status = 0;
  /** Bytes moved. */
  actual = 0;
  /** The frame in which an isochronous one ended. */
  frameNumber = 0;

  get isQueued(): boolean {
    return this.status === -errno.EINPROGRESS;
  }
}
