/** Requests that a device controller answers itself, as handle_control_request of dummy_hcd.c does: the gadget's driver never sees them. */
import {
  USB_DEVICE_A_ALT_HNP_SUPPORT,
  USB_DEVICE_A_HNP_SUPPORT,
  USB_DEVICE_B_HNP_ENABLE,
  USB_DEVICE_LTM_ENABLE,
  USB_DEVICE_REMOTE_WAKEUP,
  USB_DEVICE_U1_ENABLE,
  USB_DEVICE_U2_ENABLE,
  USB_DIR_IN,
  USB_RECIP_ENDPOINT,
  USB_RECIP_INTERFACE,
  USB_REQ_CLEAR_FEATURE,
  USB_REQ_GET_STATUS,
  USB_REQ_SET_ADDRESS,
  USB_REQ_SET_FEATURE,
  USB_SPEED_SUPER,
  type UsbCtrlRequest,
} from '../../abi/uapi/index.ts';
import type { Urb } from '../../usb/index.ts';
import type { DeviceController } from './device-controller.ts';

/** Bits of GET_STATUS for features whose number is larger. */
const SUPER_SPEED_BITS: Readonly<Record<number, number>> = {
  [USB_DEVICE_U1_ENABLE]: 2,
  [USB_DEVICE_U2_ENABLE]: 3,
  [USB_DEVICE_LTM_ENABLE]: 4,
};

/** The answer is in the urb; or it stalls; or it is the gadget's driver's to answer. */
export type Handled = 'done' | 'stall' | 'forward';

export function handleStandard(device: DeviceController, request: UsbCtrlRequest, urb: Urb): Handled {
  const { bRequestType, bRequest, wValue, wIndex } = request;
  const { gadget } = device;
  switch (bRequest) {
    case USB_REQ_SET_ADDRESS:
      return bRequestType === 0 ? 'done' : 'forward';
    case USB_REQ_SET_FEATURE:
      if (bRequestType === 0) {
        const bit = featureBit(device, wValue);
        if (bit === undefined) return 'stall';
        if (wValue === USB_DEVICE_B_HNP_ENABLE) gadget.bHnpEnable = true;
        if (wValue === USB_DEVICE_A_HNP_SUPPORT) gadget.aHnpSupport = true;
        if (wValue === USB_DEVICE_A_ALT_HNP_SUPPORT) gadget.aAltHnpSupport = true;
        if (wValue === USB_DEVICE_REMOTE_WAKEUP) gadget.remoteWakeup = true;
        device.status |= 1 << bit;
        return 'done';
      }
      if (bRequestType === USB_RECIP_ENDPOINT) {
        const endpoint = device.find(wIndex);
        if (endpoint === undefined || endpoint === device.ep0) return 'stall';
        endpoint.isHalted = true;
        return 'done';
      }
      return 'forward';
    case USB_REQ_CLEAR_FEATURE:
      if (bRequestType === 0) {
        const bit = wValue === USB_DEVICE_REMOTE_WAKEUP || wValue in SUPER_SPEED_BITS ? featureBit(device, wValue) : undefined;
        if (bit === undefined) return 'stall';
        if (wValue === USB_DEVICE_REMOTE_WAKEUP) gadget.remoteWakeup = false;
        device.status &= ~(1 << bit);
        return 'done';
      }
      if (bRequestType === USB_RECIP_ENDPOINT) {
        const endpoint = device.find(wIndex);
        if (endpoint === undefined) return 'stall';
        if (!endpoint.isWedged) endpoint.isHalted = false;
        return 'done';
      }
      return 'forward';
    case USB_REQ_GET_STATUS:
      return getStatus(device, bRequestType, wIndex, urb);
    default:
      return 'forward';
  }
}

function featureBit({ gadget }: DeviceController, feature: number): number | undefined {
  if (feature === USB_DEVICE_REMOTE_WAKEUP) return feature;
  if (feature >= USB_DEVICE_B_HNP_ENABLE && feature <= USB_DEVICE_A_ALT_HNP_SUPPORT) return feature;
  return gadget.speed >= USB_SPEED_SUPER ? SUPER_SPEED_BITS[feature] : undefined;
}

function getStatus(device: DeviceController, bRequestType: number, wIndex: number, urb: Urb): Handled {
  let status = 0;
  if (bRequestType === (USB_DIR_IN | USB_RECIP_ENDPOINT)) {
    const endpoint = device.find(wIndex);
    if (endpoint === undefined) return 'stall';
    status = endpoint.isHalted ? 1 : 0;
  } else if (bRequestType === USB_DIR_IN) {
    status = device.status & 0xff;
  } else if (bRequestType !== (USB_DIR_IN | USB_RECIP_INTERFACE)) {
    return 'forward';
  }
  urb.buffer.set([status, 0].slice(0, urb.length));
  urb.actualLength = Math.min(2, urb.length);
  return 'done';
}
