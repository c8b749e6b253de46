import { Errno, errno } from '../../src/abi/index.ts';
import {
  USB_DIR_IN,
  USB_DT_CONFIG,
  USB_DT_DEVICE,
  USB_DT_STRING,
  USB_REQ_GET_DESCRIPTOR,
  USB_REQ_SET_CONFIGURATION,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_STATE_CONFIGURED,
  type UsbCtrlRequest,
  usb_endpoint_descriptor,
} from '../../src/abi/uapi/index.ts';
import { autoconfigEndpoint, autoconfigReset, type UsbEp, type UsbGadget, type UsbGadgetDriver, UsbRequest } from '../../src/usb/index.ts';

export const VENDOR = 0x1209;
export const PRODUCT = 0x0001;

const DEPTH = 4;
const BUFFER = 16_384;

const endpointBytes = (address: number, size: number) => [7, 5, address, 2, size & 0xff, size >> 8, 0];
const text = (value: string) => [2 + 2 * value.length, USB_DT_STRING, ...[...value].flatMap((c) => [c.charCodeAt(0), 0])];

/**
 * A small device without the composite layer: what the host sends on its OUT endpoint comes back on its IN endpoint, in order, with a short packet
 * where the host sent one. Vendor requests 0x5b (OUT) and 0x5c (IN) store bytes and give them back.
 */
export class LoopbackGadget implements UsbGadgetDriver {
  readonly function = 'loopback';
  readonly name = 'loopback';
  readonly maxSpeed = USB_SPEED_SUPER;
  readonly udcName: string;
  /** Whether it gives back what it gets; else its endpoints are the test's. */
  echoes = true;
  /** What happened to it, in order. */
  readonly events: string[] = [];
  /** Requests that it was handed and has not got back. */
  pending = 0;
  stored: Uint8Array = new Uint8Array(0);
  gadget!: UsbGadget;
  in!: UsbEp;
  out!: UsbEp;
  #configured = false;
  readonly #requests: UsbRequest[] = [];

  constructor(udcName: string) {
    this.udcName = udcName;
  }

  bind(gadget: UsbGadget): void {
    this.gadget = gadget;
    this.events.push('bind');
    autoconfigReset(gadget);
    this.in = this.#endpoint(0x80);
    this.out = this.#endpoint(0);
  }

  #endpoint(direction: number): UsbEp {
    const desc = usb_endpoint_descriptor.decode(new DataView(Uint8Array.of(7, 5, direction, 2, 64, 0, 0, 0, 0).buffer), 0);
    const ep = autoconfigEndpoint(this.gadget, desc);
    if (ep === undefined) throw new Errno('ENODEV', 'there is no bulk endpoint');
    return ep;
  }

  unbind(): void {
    this.events.push('unbind');
  }

  disconnect(): void {
    this.events.push('disconnect');
    this.#leave();
  }

  reset(): void {
    this.events.push('reset');
    this.#leave();
  }

  suspend(): void {
    this.events.push('suspend');
  }

  resume(): void {
    this.events.push('resume');
  }

  setup(gadget: UsbGadget, { bRequestType, bRequest, wValue, wLength }: UsbCtrlRequest): void {
    if (bRequestType === USB_DIR_IN && bRequest === USB_REQ_GET_DESCRIPTOR) {
      this.#answer(this.#descriptor(wValue >> 8, wValue & 0xff), wLength);
    } else if (bRequestType === 0 && bRequest === USB_REQ_SET_CONFIGURATION) {
      this.#leave();
      if (wValue === 1) this.#enter(gadget);
      this.#answer([], 0);
    } else if (bRequestType === 0x41 && bRequest === 0x5b) {
      const request = this.#ep0Request(wLength);
      request.complete = (_ep, done) => {
        this.pending--;
        if (done.status === 0) this.stored = (done.buf as Uint8Array).slice(0, done.actual);
      };
      this.#queue(gadget.ep0, request);
    } else if (bRequestType === 0xc1 && bRequest === 0x5c) {
      this.#answer([...this.stored], wLength);
    } else {
      throw new Errno('EOPNOTSUPP', 'unknown request');
    }
  }

  #ep0Request(length: number): UsbRequest {
    const request = new UsbRequest();
    request.buf = new Uint8Array(length);
    request.length = length;
    request.complete = () => void this.pending--;
    return request;
  }

  #answer(bytes: readonly number[], wLength: number): void {
    const request = this.#ep0Request(Math.min(bytes.length, wLength));
    (request.buf as Uint8Array).set(bytes.slice(0, request.length));
    request.zero = request.length < wLength;
    this.#queue(this.gadget.ep0, request);
  }

  #queue(ep: UsbEp, request: UsbRequest): void {
    this.pending++;
    try {
      ep.queue(request);
    } catch (error) {
      this.pending--;
      throw error;
    }
  }

  #packetSize(): number {
    const { speed } = this.gadget;
    return speed >= USB_SPEED_SUPER ? 1024 : speed === USB_SPEED_HIGH ? 512 : 64;
  }

  #descriptor(type: number, index: number): readonly number[] {
    const isSuper = this.gadget.speed >= USB_SPEED_SUPER;
    const vendor = [VENDOR & 0xff, VENDOR >> 8, PRODUCT & 0xff, PRODUCT >> 8, 0x12, 0x06];
    switch (type) {
      case USB_DT_DEVICE:
        return [18, 1, ...(isSuper ? [0, 3] : [0, 2]), 0, 0, 0, isSuper ? 9 : 64, ...vendor, 1, 2, 3, 1];
      case USB_DT_CONFIG: {
        const companion = isSuper ? [6, 0x30, 0, 0, 0, 0] : [];
        const size = this.#packetSize();
        const body = [
          ...[9, 4, 0, 0, 2, 0xff, 0, 0, 4],
          ...endpointBytes(this.in.address, size),
          ...companion,
          ...endpointBytes(this.out.address, size),
          ...companion,
        ];
        return [9, 2, 9 + body.length, 0, 1, 1, 0, 0x80, 1, ...body];
      }
      case USB_DT_STRING:
        if (index === 0) return [4, 3, 0x09, 0x04];
        return text(['', 'maker', 'thing', '12345', 'loop input to output'][index] ?? '');
      default:
        throw new Errno('EOPNOTSUPP', 'no such descriptor');
    }
  }

  #enter(gadget: UsbGadget): void {
    const size = this.#packetSize();
    for (const ep of [this.in, this.out]) {
      ep.desc = usb_endpoint_descriptor.decode(new DataView(Uint8Array.from([...endpointBytes(ep.address, size), 0, 0]).buffer), 0);
      ep.enable();
    }
    this.#configured = true;
    this.events.push('configured');
    gadget.setState(USB_STATE_CONFIGURED);
    for (let i = 0; this.echoes && i < DEPTH; i++) {
      const request = new UsbRequest();
      request.buf = new Uint8Array(BUFFER);
      this.#requests.push(request);
      this.#receive(request);
    }
  }

  #receive(request: UsbRequest): void {
    request.length = BUFFER;
    request.zero = false;
    request.complete = (_ep, done) => {
      this.pending--;
      if (done.status === 0) this.#send(done);
      else if (done.status !== -errno.ESHUTDOWN) this.events.push(`out ${done.status}`);
    };
    this.#tryQueue(this.out, request);
  }

  #send(request: UsbRequest): void {
    request.length = request.actual;
    // A short packet comes back as one.
    request.zero = request.length < BUFFER;
    request.complete = (_ep, done) => {
      this.pending--;
      if (done.status === 0) this.#receive(done);
      else if (done.status !== -errno.ESHUTDOWN) this.events.push(`in ${done.status}`);
    };
    this.#tryQueue(this.in, request);
  }

  #tryQueue(ep: UsbEp, request: UsbRequest): void {
    try {
      this.#queue(ep, request);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
  }

  #leave(): void {
    if (!this.#configured) return;
    this.#configured = false;
    this.in.disable();
    this.out.disable();
    this.#requests.length = 0;
  }
}
