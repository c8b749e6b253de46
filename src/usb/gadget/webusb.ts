/** The part of drivers/usb/gadget/composite.c that tells browsers where a device's page is. */
import { USB_DIR_IN, USB_TYPE_VENDOR, type UsbCtrlRequest } from '../../abi/uapi/index.ts';
import type { UsbCompositeDev } from './composite.ts';

/** linux/usb/webusb.h. */
const WEBUSB_GET_URL = 2;
const WEBUSB_LANDING_PAGE_PRESENT = 1;
const WEBUSB_URL_DESCRIPTOR_TYPE = 3;
const HEADER_SIZE = 3;
/** Longest URL that a descriptor has room for, without its scheme. */
export const WEBUSB_URL_MAX = 252;

const SCHEMES: readonly (readonly [prefix: string, scheme: number])[] = [
  ['https://', 1],
  ['http://', 0],
  ['', 255],
];

/** The landing page. @returns undefined when the request does not ask for it */
export function webUsbUrl({ webUsb }: UsbCompositeDev, request: UsbCtrlRequest): Uint8Array | undefined {
  if (webUsb === undefined || request.bRequest !== webUsb.vendorCode || request.bRequestType !== (USB_DIR_IN | USB_TYPE_VENDOR))
    return undefined;
  if (request.wIndex !== WEBUSB_GET_URL || request.wValue !== WEBUSB_LANDING_PAGE_PRESENT) return undefined;
  const lower = webUsb.landingPage.toLowerCase();
  const [prefix, scheme] = SCHEMES.find(([start]) => lower.startsWith(start)) as readonly [string, number];
  const url = Buffer.from(webUsb.landingPage.slice(prefix.length), 'latin1').subarray(0, WEBUSB_URL_MAX);
  return Buffer.concat([Uint8Array.of(HEADER_SIZE + url.length, WEBUSB_URL_DESCRIPTOR_TYPE, scheme), url]);
}
