/** drivers/usb/core/urb.c: what the host asks of an endpoint. */
import { Errno, type ErrnoName, errno, errnoName } from '../../abi/index.ts';
import { USB_DIR_IN, USB_ENDPOINT_XFER_CONTROL, USB_STATE_CONFIGURED, usb_endpoint_maxp, usb_endpoint_type } from '../../abi/uapi/index.ts';
import type { UsbDevice, UsbHostEndpoint } from './usb-device.ts';

/** transfer_flags of linux/usb.h. */
export const URB_SHORT_NOT_OK = 0x1;
export const URB_ISO_ASAP = 0x2;
export const URB_ZERO_PACKET = 0x40;
export const URB_NO_INTERRUPT = 0x80;

/** A packet of an isochronous transfer: struct usb_iso_packet_descriptor. All in bytes but the status, 0 or a negative errno. */
export interface IsoPacket {
  readonly offset: number;
  readonly length: number;
  actualLength: number;
  status: number;
}

export interface UrbDescription {
  readonly endpoint: UsbHostEndpoint;
  /** Of control transfers: the 8 bytes of the request. */
  readonly setup?: Uint8Array;
  /** As long as the transfer may be. */
  readonly buffer: Uint8Array;
  /** URB_ flags. */
  readonly flags?: number;
  readonly streamId?: number;
  readonly packets?: readonly { readonly offset: number; readonly length: number }[];
  /** Called once when it has ended, by an event: it must not wait. */
  readonly complete: (urb: Urb) => void;
}

const INPROGRESS = -errno.EINPROGRESS;

/** A transfer that the host asks for, as struct urb. */
export class Urb {
  readonly endpoint: UsbHostEndpoint;
  readonly device: UsbDevice;
  readonly setup: Uint8Array | undefined;
  readonly buffer: Uint8Array;
  readonly flags: number;
  readonly streamId: number;
  readonly packets: readonly IsoPacket[];
  /** Whether data go to the host. */
  readonly isIn: boolean;
  readonly complete: (urb: Urb) => void;
  /** 0, or a negative errno: EINPROGRESS until it has ended. */
  status = 0;
  actualLength = 0;
  errorCount = 0;
  startFrame = 0;
  /** Why it was taken back, as a negative errno; 0 if it was not. */
  unlinked = 0;
  isQueued = false;

  constructor({ endpoint, setup, buffer, flags, streamId, packets, complete }: UrbDescription) {
    this.endpoint = endpoint;
    this.device = endpoint.device;
    this.setup = setup;
    this.buffer = buffer;
    this.flags = flags ?? 0;
    this.streamId = streamId ?? 0;
    this.packets = (packets ?? []).map(({ offset, length }) => ({ offset, length, actualLength: 0, status: -errno.EXDEV }));
    this.complete = complete;
    // Without data stage a control transfer goes out, whatever its first byte says.
    this.isIn =
      setup === undefined
        ? endpoint.isIn
        : ((setup[0] as number) & USB_DIR_IN) !== 0 && ((setup[6] as number) | (setup[7] as number)) !== 0;
  }

  get length(): number {
    return this.buffer.length;
  }

  get isControl(): boolean {
    return this.setup !== undefined;
  }

  /**
   * usb_submit_urb.
   *
   * @throws Errno ENODEV the device is gone, or not configured; ENOENT the endpoint is not in use; EMSGSIZE its packets have 0 bytes;
   *   EHOSTUNREACH the device sleeps; what the controller says
   */
  submit(): void {
    const { device, endpoint } = this;
    if (this.isQueued) throw new Error('a urb is submitted again before it has ended');
    if (device.isGone) throw new Errno('ENODEV', `${device.name} is gone`);
    const isControl = usb_endpoint_type(endpoint.desc) === USB_ENDPOINT_XFER_CONTROL;
    if (!isControl && device.state < USB_STATE_CONFIGURED) throw new Errno('ENODEV', `${device.name} is not configured`);
    if (usb_endpoint_maxp(endpoint.desc) === 0) throw new Errno('EMSGSIZE', 'the endpoint has packets of 0 bytes');
    if (!endpoint.isEnabled) throw new Errno('ENOENT', 'the endpoint is not in use');
    if (!device.canSubmit) throw new Errno('EHOSTUNREACH', `${device.name} sleeps`);
    this.status = INPROGRESS;
    this.actualLength = 0;
    this.unlinked = 0;
    this.isQueued = true;
    device.urbnum++;
    endpoint.urbs.add(this);
    try {
      device.hcd.enqueue(this);
    } catch (error) {
      this.isQueued = false;
      endpoint.urbs.delete(this);
      throw error;
    }
  }

  /** usb_unlink_urb: takes it back; its completion comes soon, with ECONNRESET or what is given. */
  unlink(why: ErrnoName = 'ECONNRESET'): void {
    if (!this.isQueued || this.unlinked !== 0) return;
    this.unlinked = -errno[why];
    this.device.hcd.dequeue(this);
  }

  /** usb_hcd_giveback_urb: for controllers. @param status 0 or a negative errno */
  giveBack(status: number): void {
    this.endpoint.urbs.delete(this);
    this.isQueued = false;
    let final = this.unlinked !== 0 ? this.unlinked : status;
    if (final === 0 && (this.flags & URB_SHORT_NOT_OK) !== 0 && this.actualLength < this.length) final = -errno.EREMOTEIO;
    this.status = final;
    this.complete(this);
    this.device.hcd.idle.wake();
  }
}

/** The exception for a status. @param status a negative errno */
export const errnoOf = (status: number, what: string): Errno => new Errno(errnoName(-status) ?? 'EIO', what);
