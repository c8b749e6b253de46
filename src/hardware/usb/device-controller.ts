/** The device end of a link: a controller that a gadget's driver uses (dummy_udc of drivers/usb/gadget/udc/dummy_hcd.c). */
import { Errno, errno } from '../../abi/index.ts';
import {
  USB_DEVICE_B_HNP_ENABLE,
  USB_DEVICE_REMOTE_WAKEUP,
  USB_DEVICE_SELF_POWERED,
  USB_ENDPOINT_XFER_BULK,
  USB_ENDPOINT_XFER_INT,
  USB_ENDPOINT_XFER_ISOC,
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_STATE_DEFAULT,
  type UsbEndpointDescriptor,
  usb_endpoint_maxp,
  usb_endpoint_maxp_mult,
  usb_endpoint_type,
} from '../../abi/uapi/index.ts';
import type { AttributeGroup, System } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import { type UsbEpDescription, type UsbEpOps, UsbGadget, type UsbGadgetDriver, type UsbGadgetOps, UsbRequest } from '../../usb/index.ts';
import { LinkedEndpoint } from './linked-endpoint.ts';

export interface DeviceControllerDescription {
  /** Of the gadget: `dummy_udc`. */
  readonly name: string;
  /** USB_SPEED_ of the fastest connection. */
  readonly maxSpeed: number;
  readonly endpoints: readonly UsbEpDescription[];
  /** The controller's hardware reads and writes memory as this one. */
  readonly dma?: DmaDevice;
  /** What is sent to the host and has at most so many bytes is taken at once, into a FIFO; 0 or left out for none. */
  readonly fifoSize?: number;
  /** Whether calls of the gadget's driver wait for the core's leave: udc_async_callbacks. */
  readonly asksForCallbacks?: boolean;
}

/** What the link does for its device end. */
export interface HostEnd {
  /** Whether the port at the other end is enabled. */
  readonly isEnabled: boolean;
  /** Something waits that the host might fetch, or a state changed that it must see. */
  kick(): void;
  /** The pull-up changed. */
  connectionChanged(): void;
  /** @throws Errno ENOLINK, EIO */
  wakeUp(): void;
  readonly frame: number;
}

/** FIFO of one small transfer to the host. */
interface Fifo {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly request: UsbRequest;
}

export class DeviceController implements UsbEpOps<LinkedEndpoint>, UsbGadgetOps {
  readonly gadget: UsbGadget;
  readonly ep0: LinkedEndpoint;
  readonly endpoints: readonly LinkedEndpoint[];
  readonly maxSpeed: number;
  readonly udcAsyncCallbacks: ((gadget: UsbGadget, areEnabled: boolean) => void) | undefined;
  /** Set by the link. */
  host!: HostEnd;
  driver: UsbGadgetDriver | undefined;
  /** Whether the driver may be called. */
  areCallbacksOn = false;
  /** Whether it shows itself to the host. */
  isPulledUp = false;
  /** What GET_STATUS says: bits of USB_DEVICE_. */
  status = 0;
  readonly #fifo: Fifo | undefined;

  constructor(system: System, description: DeviceControllerDescription) {
    const { name, maxSpeed, endpoints, dma, fifoSize = 0, asksForCallbacks = false } = description;
    this.maxSpeed = maxSpeed;
    this.ep0 = new LinkedEndpoint(this, { name: 'ep0', caps: { control: true, in: true, out: true }, maxpacketLimit: 64 });
    this.endpoints = endpoints.map((endpoint) => new LinkedEndpoint(this, endpoint));
    if (asksForCallbacks)
      this.udcAsyncCallbacks = (_gadget, areEnabled) => {
        this.areCallbacksOn = areEnabled;
      };
    if (fifoSize > 0) this.#fifo = makeFifo(fifoSize);
    this.gadget = new UsbGadget(system, {
      name,
      maxSpeed,
      ops: this,
      ep0: this.ep0,
      epList: this.endpoints,
      groups: [this.#group()],
      ...(dma === undefined ? {} : { dma }),
    });
  }

  /** find_endpoint: who answers at an address; undefined when nobody does. */
  find(address: number): LinkedEndpoint | undefined {
    if (!this.areCallbacksOn) return undefined;
    if ((address & 0x7f) === 0) return this.ep0;
    return this.endpoints.find(({ desc, isConfigured }) => isConfigured && desc?.bEndpointAddress === address);
  }

  /** stop_activity: everything that waits ends with ESHUTDOWN. */
  stopActivity(): void {
    for (const endpoint of [this.ep0, ...this.endpoints]) endpoint.nuke();
  }

  /** usb_gadget_udc_reset. */
  busReset(): void {
    const { driver, gadget } = this;
    this.stopActivity();
    if (driver === undefined) return;
    if (driver.reset === undefined) driver.disconnect(gadget);
    else driver.reset(gadget);
    gadget.setState(USB_STATE_DEFAULT);
  }

  // struct usb_ep_ops

  /** @throws Errno ESHUTDOWN no host; EINVAL what the descriptor says cannot be at this speed */
  enable(ep: LinkedEndpoint, desc: UsbEndpointDescriptor): void {
    if (this.driver === undefined || !this.host.isEnabled) throw new Errno('ESHUTDOWN', 'the port is not enabled');
    const size = usb_endpoint_maxp(desc);
    if (!this.#isLegal(ep, usb_endpoint_type(desc), size))
      throw new Errno('EINVAL', `${ep.name} cannot have packets of ${size} bytes, or not of that kind`);
    ep.maxpacket = size;
    ep.isConfigured = true;
    ep.isHalted = false;
    ep.isWedged = false;
    ep.mult = usb_endpoint_maxp_mult(desc);
  }

  disable(ep: LinkedEndpoint): void {
    ep.isConfigured = false;
    ep.nuke();
  }

  /** @throws Errno EINVAL queued already, nobody to tell, not enabled; ESHUTDOWN no host */
  queue(ep: LinkedEndpoint, request: UsbRequest): void {
    if (request.isQueued || request.complete === undefined) throw new Errno('EINVAL', 'it is queued, or has no completion');
    if (ep !== this.ep0 && !ep.isConfigured) throw new Errno('EINVAL', `${ep.name} is not enabled`);
    if (this.driver === undefined || !this.host.isEnabled) throw new Errno('ESHUTDOWN', 'the port is not enabled');
    request.actual = 0;
    const fifo = this.#fifo;
    if (
      fifo !== undefined &&
      ep !== this.ep0 &&
      ep.isIn &&
      !fifo.request.isQueued &&
      ep.requests.length === 0 &&
      request.length <= fifo.size
    ) {
      this.#takeIntoFifo(fifo, ep, request);
    } else {
      request.status = -errno.EINPROGRESS;
      ep.requests.push(request);
    }
    this.host.kick();
  }

  #takeIntoFifo({ bytes, request: held }: Fifo, ep: LinkedEndpoint, request: UsbRequest): void {
    if (request.buf !== undefined) bytes.set(request.buf.subarray(0, request.length));
    held.length = request.length;
    held.zero = request.zero;
    held.actual = 0;
    held.status = -errno.EINPROGRESS;
    ep.requests.push(held);
    request.actual = request.length;
    request.status = 0;
    request.complete?.(ep, request);
  }

  dequeue(ep: LinkedEndpoint, request: UsbRequest): void {
    if (this.driver === undefined) throw new Errno('ESHUTDOWN', 'there is no driver');
    if (!ep.remove(request)) throw new Errno('EINVAL', 'it is not queued here');
    request.status = -errno.ECONNRESET;
    request.complete?.(ep, request);
  }

  setHalt(ep: LinkedEndpoint, value: boolean): void {
    this.#halt(ep, value, false);
  }

  setWedge(ep: LinkedEndpoint): void {
    if (ep === this.ep0) throw new Errno('EINVAL', 'ep0 cannot be wedged');
    this.#halt(ep, true, true);
  }

  #halt(ep: LinkedEndpoint, value: boolean, isWedge: boolean): void {
    if (this.driver === undefined) throw new Errno('ESHUTDOWN', 'there is no driver');
    if (value && ep !== this.ep0 && ep.isIn && ep.requests.length > 0) throw new Errno('EAGAIN', `${ep.name} has data for the host`);
    ep.isHalted = value;
    ep.isWedged = value && (isWedge || ep.isWedged);
    this.host.kick();
  }

  // struct usb_gadget_ops

  udcStart(_gadget: UsbGadget, driver: UsbGadgetDriver): void {
    this.status = 0;
    this.driver = driver;
    if (this.udcAsyncCallbacks === undefined) this.areCallbacksOn = true;
  }

  udcStop(): void {
    this.areCallbacksOn = false;
    this.stopActivity();
    this.driver = undefined;
  }

  pullup(_gadget: UsbGadget, isOn: boolean): void {
    this.isPulledUp = isOn;
    this.host.connectionChanged();
  }

  udcSetSpeed(gadget: UsbGadget, speed: number): void {
    gadget.speed = Math.min(this.maxSpeed, speed);
    this.ep0.maxpacket = gadget.speed >= USB_SPEED_SUPER ? 512 : 64;
  }

  getFrame(): number {
    return this.host.frame;
  }

  wakeup(): void {
    if ((this.status & ((1 << USB_DEVICE_B_HNP_ENABLE) | (1 << USB_DEVICE_REMOTE_WAKEUP))) === 0)
      throw new Errno('EINVAL', 'the host has not allowed it');
    this.host.wakeUp();
  }

  setSelfpowered(gadget: UsbGadget, value: boolean): void {
    gadget.isSelfpowered = value;
    if (value) this.status |= 1 << USB_DEVICE_SELF_POWERED;
    else this.status &= ~(1 << USB_DEVICE_SELF_POWERED);
  }

  /** What dummy_enable lets pass. */
  #isLegal(ep: LinkedEndpoint, type: number, size: number): boolean {
    const { speed } = this.gadget;
    const isFast = speed >= USB_SPEED_HIGH;
    switch (type) {
      case USB_ENDPOINT_XFER_BULK:
        if (ep.caps.bulk !== true) return false;
        if (speed >= USB_SPEED_SUPER) return size === 1024;
        if (isFast) return size === 512;
        return speed === USB_SPEED_FULL && [8, 16, 32, 64].includes(size);
      case USB_ENDPOINT_XFER_INT:
        return ep.can(type) && size <= (isFast ? 1024 : speed === USB_SPEED_FULL ? 64 : 8);
      case USB_ENDPOINT_XFER_ISOC:
        return ep.can(type) && size <= (isFast ? 1024 : 1023);
      default:
        return false;
    }
  }

  #group(): AttributeGroup {
    return { attributes: [{ name: 'function', mode: 0o444, show: () => (this.driver === undefined ? '' : `${this.driver.function}\n`) }] };
  }
}

function makeFifo(size: number): Fifo {
  const request = new UsbRequest();
  const bytes = new Uint8Array(size);
  request.buf = bytes;
  request.complete = () => {};
  return { size, bytes, request };
}
