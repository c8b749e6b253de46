/** drivers/usb/gadget/udc/core.c: endpoints as a gadget's driver has them, with the rules that hold for every controller. */
import { Errno } from '../../abi/index.ts';
import {
  USB_DIR_IN,
  USB_ENDPOINT_XFER_BULK,
  USB_ENDPOINT_XFER_INT,
  USB_ENDPOINT_XFER_ISOC,
  type UsbEndpointDescriptor,
  type UsbSsEpCompDescriptor,
  usb_endpoint_maxp,
} from '../../abi/uapi/index.ts';
import type { UsbRequest } from './usb-request.ts';

/** What kinds of transfer an endpoint can do, as struct usb_ep_caps. */
export interface UsbEpCaps {
  readonly control?: boolean;
  readonly iso?: boolean;
  readonly bulk?: boolean;
  readonly int?: boolean;
  readonly in?: boolean;
  readonly out?: boolean;
}

/** What a controller does for its endpoints, as struct usb_ep_ops. None of it waits. */
export interface UsbEpOps<E extends UsbEp = any> {
  /** `ep.desc` says as what. @throws Errno */
  enable(ep: E, desc: UsbEndpointDescriptor): void;
  /** Ends everything that is queued with ESHUTDOWN. @throws Errno */
  disable(ep: E): void;
  /** @throws Errno */
  queue(ep: E, request: UsbRequest): void;
  /** Ends a queued request with ECONNRESET. @throws Errno EINVAL when it is not queued here */
  dequeue(ep: E, request: UsbRequest): void;
  /** @throws Errno EAGAIN while data to the host wait */
  setHalt(ep: E, value: boolean): void;
  /** Halts it until the driver, not the host, clears that. */
  readonly setWedge?: (ep: E) => void;
  /** Bytes that wait in the controller. */
  readonly fifoStatus?: (ep: E) => number;
  readonly fifoFlush?: (ep: E) => void;
}

export interface UsbEpDescription {
  readonly name: string;
  readonly caps: UsbEpCaps;
  /** The largest packet that it can ever do, in bytes. */
  readonly maxpacketLimit: number;
  /** Bulk streams that it can do; 0 when left out. */
  readonly maxStreams?: number;
}

/** An endpoint of a device controller, as struct usb_ep. */
export class UsbEp {
  readonly name: string;
  readonly caps: UsbEpCaps;
  readonly maxpacketLimit: number;
  readonly maxStreams: number;
  readonly ops: UsbEpOps;
  /** Of the packets that it does now. */
  maxpacket: number;
  /** Isochronous: transactions in an interval. Super speed: packets in a burst. */
  mult = 0;
  maxburst = 0;
  /** Direction bit and number, as the host knows it; set by autoconfig. 0 for ep0. */
  address = 0;
  enabled = false;
  /** A function has it: set by autoconfig. */
  claimed = false;
  desc: UsbEndpointDescriptor | undefined;
  compDesc: UsbSsEpCompDescriptor | undefined;
  /** The function's own. */
  driverData: unknown;

  constructor(ops: UsbEpOps, { name, caps, maxpacketLimit, maxStreams }: UsbEpDescription) {
    this.ops = ops;
    this.name = name;
    this.caps = caps;
    this.maxpacketLimit = maxpacketLimit;
    this.maxpacket = maxpacketLimit;
    this.maxStreams = maxStreams ?? 0;
  }

  get isIn(): boolean {
    return (this.address & USB_DIR_IN) !== 0;
  }

  /** usb_ep_enable: with `desc` (and `compDesc`) set. Nothing happens when it is enabled already. @throws Errno EINVAL and the controller's */
  enable(): void {
    if (this.enabled) return;
    const { desc } = this;
    if (desc === undefined || usb_endpoint_maxp(desc) === 0)
      throw new Errno('EINVAL', `${this.name} has no descriptor or packets of 0 bytes`);
    this.ops.enable(this, desc);
    this.enabled = true;
  }

  /** usb_ep_disable. Nothing happens when it is disabled already. */
  disable(): void {
    if (!this.enabled) return;
    this.ops.disable(this);
    this.enabled = false;
  }

  /** usb_ep_queue. @throws Errno ESHUTDOWN when it is disabled, and the controller's: EINVAL, ESHUTDOWN */
  queue(request: UsbRequest): void {
    if (!this.enabled && this.address !== 0) throw new Errno('ESHUTDOWN', `${this.name} is not enabled`);
    this.ops.queue(this, request);
  }

  /** usb_ep_dequeue: the request ends with ECONNRESET before this returns. @throws Errno EINVAL when it is not queued here */
  dequeue(request: UsbRequest): void {
    this.ops.dequeue(this, request);
  }

  /** usb_ep_set_halt: the host's transfers fail with EPIPE. @throws Errno EAGAIN while data to the host wait; EINVAL */
  setHalt(): void {
    this.ops.setHalt(this, true);
  }

  /** usb_ep_clear_halt. @throws Errno EINVAL */
  clearHalt(): void {
    this.ops.setHalt(this, false);
  }

  /** usb_ep_set_wedge: the same as a halt that the host cannot clear. */
  setWedge(): void {
    if (this.ops.setWedge === undefined) this.setHalt();
    else this.ops.setWedge(this);
  }

  /** usb_ep_fifo_status: bytes that wait in the controller. @throws Errno EOPNOTSUPP when it cannot tell */
  fifoStatus(): number {
    if (this.ops.fifoStatus === undefined) throw new Errno('EOPNOTSUPP', `${this.name} cannot tell what is in its FIFO`);
    return this.ops.fifoStatus(this);
  }

  /** usb_ep_fifo_flush. */
  fifoFlush(): void {
    this.ops.fifoFlush?.(this);
  }

  /** Whether it has a kind of transfer. @param type USB_ENDPOINT_XFER_ */
  can(type: number): boolean {
    if (type === USB_ENDPOINT_XFER_BULK) return this.caps.bulk === true;
    if (type === USB_ENDPOINT_XFER_INT) return this.caps.int === true || this.caps.bulk === true;
    return type === USB_ENDPOINT_XFER_ISOC && this.caps.iso === true;
  }
}
