import type { Decoded, Layout } from '../../abi/index.ts';
import { Errno } from '../../abi/index.ts';
import {
  USB_DT_ENDPOINT,
  USB_DT_INTERFACE,
  USB_DT_SS_ENDPOINT_COMP,
  USB_ENDPOINT_XFER_INT,
  USB_ENDPOINT_XFER_ISOC,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  usb_endpoint_descriptor,
  usb_endpoint_maxp,
  usb_endpoint_maxp_mult,
  usb_endpoint_type,
  usb_ss_ep_comp_descriptor,
} from '../../abi/uapi/index.ts';
import { functionDescriptors } from './usb-configuration.ts';
import type { UsbEp } from './usb-ep.ts';
import type { UsbFunction } from './usb-function.ts';
import type { UsbGadget } from './usb-gadget.ts';

const typeOf = (descriptor: Uint8Array | undefined) => descriptor?.[1];

/** A descriptor that may be shorter than its struct. */
function decoded<L extends Layout<any, any>>(layout: L, descriptor: Uint8Array): Decoded<L> {
  const bytes = new Uint8Array(layout.size);
  bytes.set(descriptor.subarray(0, bytes.length));
  return layout.decode(new DataView(bytes.buffer), 0);
}

/**
 * config_ep_by_speed_and_alt: makes an endpoint what a function's descriptors for the speed of the connection say of it.
 *
 * @throws Errno EIO when they say nothing of it
 */
export function configEpBySpeed(gadget: UsbGadget, of: UsbFunction, ep: UsbEp, alt = 0): void {
  const descriptors = functionDescriptors(of, gadget.speed) ?? [];
  const intf = descriptors.findIndex((one) => typeOf(one) === USB_DT_INTERFACE && one[3] === alt);
  const at =
    intf < 0 ? -1 : descriptors.findIndex((one, index) => index > intf && typeOf(one) === USB_DT_ENDPOINT && one[2] === ep.address);
  if (at < 0) throw new Errno('EIO', `${of.name} has no descriptor of ${ep.name} at this speed`);
  const desc = decoded(usb_endpoint_descriptor, descriptors[at] as Uint8Array);
  const type = usb_endpoint_type(desc);
  const isPeriodic = type === USB_ENDPOINT_XFER_ISOC || type === USB_ENDPOINT_XFER_INT;
  ep.desc = desc;
  ep.compDesc = undefined;
  ep.maxpacket = usb_endpoint_maxp(desc);
  ep.maxburst = 0;
  ep.mult = gadget.speed === USB_SPEED_HIGH && isPeriodic ? usb_endpoint_maxp_mult(desc) : 1;
  if (gadget.speed < USB_SPEED_SUPER || (of.ssDescriptors === undefined && of.sspDescriptors === undefined)) return;
  const companion = descriptors[at + 1];
  if (companion === undefined || typeOf(companion) !== USB_DT_SS_ENDPOINT_COMP)
    throw new Errno('EIO', `${ep.name} has no companion descriptor`);
  ep.compDesc = decoded(usb_ss_ep_comp_descriptor, companion);
  if (type === USB_ENDPOINT_XFER_ISOC) ep.mult = (ep.compDesc.bmAttributes & 3) + 1;
  ep.maxburst = ep.compDesc.bMaxBurst + 1;
}
