/** drivers/usb/core/config.c: reads the bytes of a configuration. */
import {
  USB_DT_BOS,
  USB_DT_CONFIG,
  USB_DT_CONFIG_SIZE,
  USB_DT_DEVICE,
  USB_DT_ENDPOINT,
  USB_DT_ENDPOINT_SIZE,
  USB_DT_INTERFACE,
  USB_DT_INTERFACE_SIZE,
  USB_DT_SS_ENDPOINT_COMP,
  USB_DT_SS_EP_COMP_SIZE,
  USB_ENDPOINT_NUMBER_MASK,
  type UsbConfigDescriptor,
  type UsbEndpointDescriptor,
  type UsbInterfaceDescriptor,
  type UsbSsEpCompDescriptor,
  usb_config_descriptor,
  usb_endpoint_descriptor,
  usb_interface_descriptor,
  usb_ss_ep_comp_descriptor,
} from '../../abi/uapi/index.ts';

export interface EndpointDescription {
  readonly desc: UsbEndpointDescriptor;
  readonly ssComp: UsbSsEpCompDescriptor | undefined;
}

/** struct usb_host_interface: an alternate setting. */
export interface AltSetting {
  readonly desc: UsbInterfaceDescriptor;
  readonly endpoints: readonly EndpointDescription[];
}

/** struct usb_host_config. */
export interface Configuration {
  readonly desc: UsbConfigDescriptor;
  /** All of it as it came, its extra descriptors included. */
  readonly bytes: Uint8Array;
  /** By interface number, as the numbers first come. */
  readonly interfaces: ReadonlyMap<number, readonly AltSetting[]>;
}

/** A copy with zeros behind, so that a short descriptor can be read as a whole one. */
function view(bytes: Uint8Array, at: number, size: number): DataView {
  const copy = new Uint8Array(size);
  copy.set(bytes.subarray(at, at + Math.min(size, bytes[at] as number)));
  return new DataView(copy.buffer);
}

/**
 * usb_parse_configuration: what is malformed is left out, as Linux does with a line in its log.
 *
 * @returns undefined when the header itself is none
 */
export function parseConfiguration(bytes: Uint8Array): Configuration | undefined {
  if (bytes.length < USB_DT_CONFIG_SIZE || bytes[1] !== USB_DT_CONFIG || (bytes[0] as number) < USB_DT_CONFIG_SIZE) return undefined;
  const desc = usb_config_descriptor.decode(view(bytes, 0, usb_config_descriptor.size), 0);
  const interfaces = new Map<number, { desc: UsbInterfaceDescriptor; endpoints: EndpointDescription[] }[]>();
  let current: { desc: UsbInterfaceDescriptor; endpoints: EndpointDescription[] } | undefined;
  let endpoint: { desc: UsbEndpointDescriptor; ssComp: UsbSsEpCompDescriptor | undefined } | undefined;
  for (let at = desc.bLength; at + 2 <= bytes.length; ) {
    const length = bytes[at] as number;
    if (length < 2 || at + length > bytes.length) break;
    switch (bytes[at + 1]) {
      case USB_DT_INTERFACE: {
        if (length < USB_DT_INTERFACE_SIZE) break;
        const found = usb_interface_descriptor.decode(view(bytes, at, usb_interface_descriptor.size), 0);
        endpoint = undefined;
        current = { desc: found, endpoints: [] };
        const settings = interfaces.get(found.bInterfaceNumber) ?? [];
        interfaces.set(found.bInterfaceNumber, settings);
        if (settings.every((other) => other.desc.bAlternateSetting !== found.bAlternateSetting)) settings.push(current);
        break;
      }
      case USB_DT_ENDPOINT: {
        if (length < USB_DT_ENDPOINT_SIZE || current === undefined) break;
        const found = usb_endpoint_descriptor.decode(view(bytes, at, usb_endpoint_descriptor.size), 0);
        endpoint = undefined;
        if ((found.bEndpointAddress & USB_ENDPOINT_NUMBER_MASK) === 0 || current.endpoints.length >= current.desc.bNumEndpoints) break;
        if (current.endpoints.some((other) => other.desc.bEndpointAddress === found.bEndpointAddress)) break;
        endpoint = { desc: found, ssComp: undefined };
        current.endpoints.push(endpoint);
        break;
      }
      case USB_DT_SS_ENDPOINT_COMP:
        if (length < USB_DT_SS_EP_COMP_SIZE || endpoint === undefined) break;
        endpoint.ssComp = usb_ss_ep_comp_descriptor.decode(view(bytes, at, usb_ss_ep_comp_descriptor.size), 0);
        break;
      case USB_DT_DEVICE:
      case USB_DT_CONFIG:
      case USB_DT_BOS:
        break;
    }
    at += length;
  }
  // cp->desc.bNumInterfaces says what was found.
  desc.bNumInterfaces = interfaces.size;
  for (const settings of interfaces.values()) {
    for (const setting of settings) setting.desc.bNumEndpoints = setting.endpoints.length;
    settings.sort((a, b) => a.desc.bAlternateSetting - b.desc.bAlternateSetting);
  }
  return { desc, bytes, interfaces };
}
