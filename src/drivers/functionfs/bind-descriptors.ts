/** __ffs_func_bind_do_descs and __ffs_func_bind_do_nums of f_fs.c: a function's descriptors as one configuration has them. */
import { Errno } from '../../abi/index.ts';
import {
  FUNCTIONFS_VIRTUAL_ADDR,
  USB_DT_ENDPOINT,
  USB_DT_INTERFACE,
  USB_DT_INTERFACE_ASSOCIATION,
  USB_ENDPOINT_NUMBER_MASK,
  type UsbEndpointDescriptor,
  usb_endpoint_descriptor,
} from '../../abi/uapi/index.ts';
import { autoconfigEndpoint, type UsbEp, type UsbGadget, UsbRequest } from '../../usb/index.ts';
import type { BoundEndpoint } from './endpoint.ts';
import type { Ffs } from './ffs.ts';

const IINTERFACE = 8;
const IFUNCTION = 7;

/** Numbers that the configuration and the device give. */
export interface Numbering {
  /** @throws Errno ENODEV */
  interface(): number;
  /** @param index as the descriptors have it, 1 and up */
  string(index: number): number;
}

export interface BoundDescriptors {
  /** Full, high and super speed; undefined for those that are not described. */
  readonly speeds: readonly (readonly Uint8Array[] | undefined)[];
  readonly endpoints: readonly BoundEndpoint[];
  /** The real number of each interface. */
  readonly interfaces: readonly number[];
  /** By the number of the real endpoint: that of its file. */
  readonly revmap: ReadonlyMap<number, number>;
}

interface Claimed {
  ep: UsbEp | undefined;
  /** By speed. */
  readonly descriptors: (UsbEndpointDescriptor | undefined)[];
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Full-size also for the descriptors that lack what only audio has. */
function decode(bytes: Uint8Array): UsbEndpointDescriptor {
  const whole = new Uint8Array(usb_endpoint_descriptor.size);
  whole.set(bytes);
  return usb_endpoint_descriptor.decode(viewOf(whole), 0);
}

function encode(descriptor: UsbEndpointDescriptor, into: Uint8Array): void {
  const whole = new Uint8Array(usb_endpoint_descriptor.size);
  usb_endpoint_descriptor.encode(viewOf(whole), 0, descriptor);
  into.set(whole.subarray(0, into.length));
}

/** Takes endpoints of the controller for what the descriptors ask, and has the descriptors say which they are. */
class EndpointClaims {
  readonly #ffs: Ffs;
  readonly #gadget: UsbGadget;
  readonly claims: Claimed[];
  readonly revmap = new Map<number, number>();

  constructor(ffs: Ffs, gadget: UsbGadget) {
    this.#ffs = ffs;
    this.#gadget = gadget;
    this.claims = Array.from({ length: ffs.totals.eps }, () => ({ ep: undefined, descriptors: [] }));
  }

  /**
   * @param bytes are changed
   * @throws Errno EINVAL when the endpoint has a descriptor of that speed; ENOTSUPP when the controller has none that fits
   */
  claim(bytes: Uint8Array, speed: number): void {
    const descriptor = decode(bytes);
    const { totals } = this.#ffs;
    const index = totals.addresses.indexOf(descriptor.bEndpointAddress);
    const claim = this.claims[index - 1] as Claimed;
    if (claim.descriptors[speed] !== undefined)
      throw new Errno('EINVAL', `endpoint ${descriptor.bEndpointAddress} is described twice at one speed`);
    claim.descriptors[speed] = descriptor;
    if (claim.ep === undefined) this.#autoconfigure(claim, index, descriptor);
    else {
      // The lowest speed's, where Linux takes full speed's, or dereferences null without one.
      const first = claim.descriptors.find((one) => one !== undefined) as UsbEndpointDescriptor;
      descriptor.bEndpointAddress = first.bEndpointAddress;
      if (descriptor.wMaxPacketSize === 0) descriptor.wMaxPacketSize = first.wMaxPacketSize;
    }
    encode(descriptor, bytes);
  }

  #autoconfigure(claim: Claimed, index: number, descriptor: UsbEndpointDescriptor): void {
    const { bEndpointAddress, wMaxPacketSize } = descriptor;
    const ep = autoconfigEndpoint(this.#gadget, descriptor);
    if (ep === undefined) throw new Errno('ENOTSUPP', 'the controller has no endpoint that fits');
    claim.ep = ep;
    this.revmap.set(descriptor.bEndpointAddress & USB_ENDPOINT_NUMBER_MASK, index);
    if ((this.#ffs.totals.flags & FUNCTIONFS_VIRTUAL_ADDR) !== 0) descriptor.bEndpointAddress = bEndpointAddress;
    // Autoconfig treats every descriptor as one of full speed.
    descriptor.wMaxPacketSize = wMaxPacketSize;
  }
}

/** @param bytes are changed */
function renumber(bytes: Uint8Array, interfaces: number[], numbering: Numbering): void {
  const stringAt = (at: number) => {
    if (bytes[at] !== 0) bytes[at] = numbering.string(bytes[at] as number);
  };
  if (bytes[1] === USB_DT_INTERFACE) {
    const index = bytes[2] as number;
    interfaces[index] ??= numbering.interface();
    bytes[2] = interfaces[index] as number;
    stringAt(IINTERFACE);
  } else if (bytes[1] === USB_DT_INTERFACE_ASSOCIATION) stringAt(IFUNCTION);
}

/**
 * Claims endpoints, and gives copies of the descriptors with the numbers that the host sees.
 *
 * @throws Errno ENOTSUPP nothing is described, or the controller lacks an endpoint; EINVAL; ENODEV
 */
export function bindDescriptors(ffs: Ffs, gadget: UsbGadget, numbering: Numbering): BoundDescriptors {
  const speeds = (ffs.descriptors?.speeds ?? []).map((described) => described.map((bytes) => bytes.slice()));
  if (speeds.every(({ length }) => length === 0)) throw new Errno('ENOTSUPP', 'no speed is described');
  ffs.system.kmalloc('the descriptors of a function');
  const endpoints = new EndpointClaims(ffs, gadget);
  for (const [speed, described] of speeds.entries()) {
    for (const bytes of described) if (bytes[1] === USB_DT_ENDPOINT) endpoints.claim(bytes, speed);
  }
  const interfaces: number[] = [];
  for (const bytes of speeds.flat()) renumber(bytes, interfaces, numbering);
  return {
    speeds: speeds.map((described) => (described.length === 0 ? undefined : described)),
    endpoints: endpoints.claims.flatMap(({ ep, descriptors }) =>
      ep === undefined ? [] : [{ ep, descriptors, request: new UsbRequest() }],
    ),
    interfaces,
    revmap: endpoints.revmap,
  };
}
