/** drivers/usb/gadget/epautoconf.c: finds endpoints for the descriptors of a function. */
import {
  USB_DIR_IN,
  USB_ENDPOINT_XFER_BULK,
  USB_ENDPOINT_XFER_CONTROL,
  USB_ENDPOINT_XFER_INT,
  USB_ENDPOINT_XFER_ISOC,
  type UsbEndpointDescriptor,
  type UsbSsEpCompDescriptor,
  usb_endpoint_dir_in,
  usb_endpoint_maxp,
  usb_endpoint_maxp_mult,
  usb_endpoint_type,
} from '../../abi/uapi/index.ts';
import type { UsbEp } from './usb-ep.ts';
import type { UsbGadget } from './usb-gadget.ts';

/**
 * usb_ep_autoconfig_ss: the first endpoint that nobody has and that can do what the descriptor says. It is claimed; the descriptor's
 * address becomes its own, and a packet size of 0 its limit.
 *
 * @param desc it is changed
 * @param compDesc of super speed
 * @returns undefined when there is none
 */
export function autoconfigEndpointSs(
  gadget: UsbGadget,
  desc: UsbEndpointDescriptor,
  compDesc: UsbSsEpCompDescriptor | undefined,
): UsbEp | undefined {
  const ep = gadget.ops.matchEp?.(gadget, desc, compDesc) ?? gadget.epList.find((candidate) => matches(gadget, candidate, desc, compDesc));
  if (ep === undefined) return undefined;
  if (desc.wMaxPacketSize === 0) desc.wMaxPacketSize = ep.maxpacketLimit;
  const direction = desc.bEndpointAddress & USB_DIR_IN;
  const number = endpointNumber(gadget, ep, direction !== 0);
  if (number > 15) return undefined;
  desc.bEndpointAddress = direction | number;
  ep.address = desc.bEndpointAddress;
  ep.desc = undefined;
  ep.compDesc = undefined;
  ep.claimed = true;
  return ep;
}

/** usb_ep_autoconfig: the same for full speed, where the packets of a bulk endpoint have at most 64 bytes: that becomes their size. */
export function autoconfigEndpoint(gadget: UsbGadget, desc: UsbEndpointDescriptor): UsbEp | undefined {
  const ep = autoconfigEndpointSs(gadget, desc, undefined);
  if (ep !== undefined && usb_endpoint_type(desc) === USB_ENDPOINT_XFER_BULK) desc.wMaxPacketSize = Math.min(ep.maxpacketLimit, 64);
  return ep;
}

/** The number in the name, `ep7out-bulk`; the next of its direction for endpoints without one. */
function endpointNumber(gadget: UsbGadget, { name }: UsbEp, isIn: boolean): number {
  const fixed = /^ep(\d+)/.exec(name)?.[1];
  if (fixed !== undefined) return Number(fixed);
  return isIn ? ++gadget.inEpnum : ++gadget.outEpnum;
}

/** usb_gadget_ep_match_desc. */
function matches(gadget: UsbGadget, ep: UsbEp, desc: UsbEndpointDescriptor, compDesc: UsbSsEpCompDescriptor | undefined): boolean {
  const type = usb_endpoint_type(desc);
  const max = usb_endpoint_maxp(desc);
  if (ep.claimed) return false;
  if (usb_endpoint_dir_in(desc) ? ep.caps.in !== true : ep.caps.out !== true) return false;
  if (max > ep.maxpacketLimit) return false;
  if (!gadget.isDualspeed && usb_endpoint_maxp_mult(desc) > 1) return false;
  switch (type) {
    case USB_ENDPOINT_XFER_CONTROL:
      return false;
    case USB_ENDPOINT_XFER_ISOC:
      return ep.can(type) && (gadget.isDualspeed || max <= 1023);
    case USB_ENDPOINT_XFER_BULK:
      return ep.can(type) && (!gadget.isSuperspeed || ((compDesc?.bmAttributes ?? 0) & 0x1f) <= ep.maxStreams);
    case USB_ENDPOINT_XFER_INT:
      return ep.can(type) && (gadget.isDualspeed || max <= 64);
    default:
      return false;
  }
}

/** usb_ep_autoconfig_release: gives one back. */
export function autoconfigRelease(ep: UsbEp): void {
  ep.claimed = false;
  ep.driverData = undefined;
}

/** usb_ep_autoconfig_reset: all endpoints are free again, and their numbers begin anew. */
export function autoconfigReset(gadget: UsbGadget): void {
  for (const ep of gadget.epList) {
    ep.claimed = false;
    ep.driverData = undefined;
  }
  gadget.inEpnum = 0;
  gadget.outEpnum = 0;
}
