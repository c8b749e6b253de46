/** drivers/usb/core/hcd.c: what a root hub answers on ep0, and its descriptors. */
import { Errno } from '../../abi/index.ts';
import {
  USB_DIR_IN,
  USB_DT_BOS,
  USB_DT_CONFIG,
  USB_DT_DEVICE,
  USB_DT_STRING,
  USB_RECIP_ENDPOINT,
  USB_RECIP_INTERFACE,
  USB_REQ_CLEAR_FEATURE,
  USB_REQ_GET_CONFIGURATION,
  USB_REQ_GET_DESCRIPTOR,
  USB_REQ_GET_INTERFACE,
  USB_REQ_GET_STATUS,
  USB_REQ_SET_ADDRESS,
  USB_REQ_SET_CONFIGURATION,
  USB_REQ_SET_FEATURE,
  USB_REQ_SET_INTERFACE,
  usb_ctrlrequest,
} from '../../abi/uapi/index.ts';
import type { Hcd } from './hcd.ts';

/** The kernel's version as bcdDevice has it. */
const BCD_KERNEL = [0x12, 0x06];
const OS_RELEASE = 'Linux 6.12';

const device = (bcdUSB: number, protocol: number, maxPacket0: number, product: number) =>
  Uint8Array.of(
    18,
    USB_DT_DEVICE,
    bcdUSB & 0xff,
    bcdUSB >> 8,
    9,
    0,
    protocol,
    maxPacket0,
    0x6b,
    0x1d,
    product,
    0,
    ...BCD_KERNEL,
    3,
    2,
    1,
    1,
  );

/** usb2_rh_dev_descriptor and usb3_rh_dev_descriptor. */
const DEVICE_HIGH = device(0x0200, 1, 64, 2);
const DEVICE_SUPER = device(0x0300, 3, 9, 3);

const STATUS_ENDPOINT = [7, 5, 0x81, 3];
const INTERFACE = [9, 4, 0, 0, 1, 9, 0, 0, 0];

/** hs_rh_config_descriptor and ss_rh_config_descriptor: self powered, can wake up. */
const CONFIG_HIGH = Uint8Array.of(9, 2, 25, 0, 1, 1, 0, 0xe0, 0, ...INTERFACE, ...STATUS_ENDPOINT, 4, 0, 12);
const CONFIG_SUPER = Uint8Array.of(9, 2, 31, 0, 1, 1, 0, 0xe0, 0, ...INTERFACE, ...STATUS_ENDPOINT, 4, 0, 12, 6, 0x30, 0, 0, 2, 0);

/** usb3_bos_desc of dummy_hcd: USB 2.0 extension absent, SuperSpeed with all speeds. */
const BOS_SUPER = Uint8Array.of(5, USB_DT_BOS, 15, 0, 1, 10, 0x10, 3, 0, 0x08, 0, 3, 0, 0, 0);

const wordLe = (text: string) => Uint8Array.from([...text].flatMap((c) => [c.charCodeAt(0) & 0xff, c.charCodeAt(0) >> 8]));

/** rh_string: 1 the serial number, 2 the product, 3 the manufacturer. */
function string(hcd: Hcd, index: number): Uint8Array {
  const text = [undefined, hcd.controller.name, hcd.driver.productDescription, `${OS_RELEASE} ${hcd.driver.name}`][index];
  if (index === 0) return Uint8Array.of(4, USB_DT_STRING, 0x09, 0x04);
  if (text === undefined) throw new Errno('EPIPE', `there is no string ${index}`);
  const body = wordLe(text).subarray(0, 252);
  return Uint8Array.of(2 + body.length, USB_DT_STRING, ...body);
}

/** rh_call_control. @returns bytes of the answer @throws Errno EPIPE */
export function rootHubControl(hcd: Hcd, setup: Uint8Array, buffer: Uint8Array): number {
  const { bRequestType, bRequest, wValue, wIndex } = usb_ctrlrequest.decode(new DataView(setup.buffer, setup.byteOffset), 0);
  const answer = (bytes: Uint8Array): number => {
    const count = Math.min(bytes.length, buffer.length);
    buffer.set(bytes.subarray(0, count));
    return count;
  };
  switch ((bRequestType << 8) | bRequest) {
    case (USB_DIR_IN << 8) | USB_REQ_GET_STATUS:
      return answer(Uint8Array.of(1, 0));
    case ((USB_DIR_IN | USB_RECIP_INTERFACE) << 8) | USB_REQ_GET_STATUS:
    case ((USB_DIR_IN | USB_RECIP_ENDPOINT) << 8) | USB_REQ_GET_STATUS:
      return answer(Uint8Array.of(0, 0));
    case (USB_DIR_IN << 8) | USB_REQ_GET_CONFIGURATION:
      return answer(Uint8Array.of(1));
    case ((USB_DIR_IN | USB_RECIP_INTERFACE) << 8) | USB_REQ_GET_INTERFACE:
      return answer(Uint8Array.of(0));
    case USB_REQ_SET_CONFIGURATION:
    case USB_REQ_SET_ADDRESS:
    case USB_REQ_CLEAR_FEATURE:
    case USB_REQ_SET_FEATURE:
    case (USB_RECIP_INTERFACE << 8) | USB_REQ_SET_INTERFACE:
    case (USB_RECIP_ENDPOINT << 8) | USB_REQ_CLEAR_FEATURE:
    case (USB_RECIP_ENDPOINT << 8) | USB_REQ_SET_FEATURE:
      return 0;
    case (USB_DIR_IN << 8) | USB_REQ_GET_DESCRIPTOR:
      switch (wValue >> 8) {
        case USB_DT_DEVICE:
          return answer(hcd.isSuperSpeed ? DEVICE_SUPER : DEVICE_HIGH);
        case USB_DT_CONFIG:
          return answer(hcd.isSuperSpeed ? CONFIG_SUPER : CONFIG_HIGH);
        case USB_DT_STRING:
          return answer(string(hcd, wValue & 0xff));
        case USB_DT_BOS:
          if (hcd.isSuperSpeed) return answer(BOS_SUPER);
      }
      throw new Errno('EPIPE', 'the root hub has no such descriptor');
    default:
      hcd.driver.hubControl((bRequestType << 8) | bRequest, wValue, wIndex, buffer);
      return bRequestType & USB_DIR_IN ? hubAnswerLength(bRequest, buffer) : 0;
  }
}

/** How much of the answer there is: a hub descriptor says it itself, a status has 4 bytes. */
function hubAnswerLength(bRequest: number, buffer: Uint8Array): number {
  return Math.min(buffer.length, bRequest === USB_REQ_GET_DESCRIPTOR ? (buffer[0] as number) : 4);
}
