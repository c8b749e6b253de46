/** The part of drivers/usb/gadget/composite.c that answers what Microsoft's operating systems ask: "MS OS descriptors". */
import { Errno } from '../../abi/index.ts';
import { USB_RECIP_DEVICE, USB_RECIP_INTERFACE, USB_RECIP_MASK, USB_TYPE_VENDOR, type UsbCtrlRequest } from '../../abi/uapi/index.ts';
import type { UsbCompositeDev } from './composite.ts';
import type { UsbConfiguration } from './usb-configuration.ts';
import type { UsbOsDescTable, UsbOsProperty } from './usb-function.ts';

const EXT_COMPAT_ID = 4;
const EXT_PROPERTIES = 5;
const COMPAT_HEADER = 16;
const PROPERTIES_HEADER = 10;
/** USB_EXT_PROP_ types whose data are text: plain, with variables, a link, several. */
const TEXTS: ReadonlySet<number> = new Set([1, 2, 6, 7]);

const tables = (config: UsbConfiguration): readonly UsbOsDescTable[] => config.functions.flatMap(({ osDescTable }) => osDescTable);

/** Bytes as characters of 16 bits. A NUL ends them, at the latest where the last one stands. */
function widened(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 * bytes.length);
  for (const [index, byte] of bytes.subarray(0, -1).entries()) {
    if (byte === 0) break;
    out[2 * index] = byte;
  }
  return out;
}

function header(size: number, total: number, wIndex: number): Uint8Array {
  const out = new Uint8Array(size);
  new DataView(out.buffer).setUint32(0, total, true);
  // bcdVersion 1.00.
  out[5] = 1;
  out[6] = wIndex;
  return out;
}

function compatibility(config: UsbConfiguration): Uint8Array {
  const entries = tables(config).map(({ ifId, extCompatId }) => Uint8Array.of(ifId, 1, ...extCompatId, 0, 0, 0, 0, 0, 0));
  const head = header(COMPAT_HEADER, COMPAT_HEADER + 24 * entries.length, EXT_COMPAT_ID);
  head[8] = entries.length;
  return Buffer.concat([head, ...entries]);
}

function property({ type, name, data }: UsbOsProperty): Uint8Array {
  const wideName = widened(name);
  const value = TEXTS.has(type) ? widened(data) : data;
  const out = new Uint8Array(14 + wideName.length + value.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, out.length, true);
  view.setUint32(4, type, true);
  view.setUint16(8, wideName.length, true);
  out.set(wideName, 10);
  view.setUint32(10 + wideName.length, value.length, true);
  out.set(value, 14 + wideName.length);
  return out;
}

function properties(config: UsbConfiguration, intf: number): Uint8Array {
  const entries = tables(config)
    .filter(({ ifId }) => ifId === intf)
    .flatMap((table) => table.properties.map(property));
  const total = PROPERTIES_HEADER + entries.reduce((sum, one) => sum + one.length, 0);
  const head = header(PROPERTIES_HEADER, total, EXT_PROPERTIES);
  new DataView(head.buffer).setUint16(8, entries.length, true);
  return Buffer.concat([head, ...entries]);
}

/** @returns undefined when the request asks for nothing of it @throws Errno EOPNOTSUPP when it asks for what there is not */
export function answerOsDescriptor(cdev: UsbCompositeDev, request: UsbCtrlRequest): Uint8Array | undefined {
  const { osDescriptors, osDescConfig } = cdev;
  const { bRequestType, bRequest, wIndex, wValue } = request;
  if (osDescriptors === undefined || osDescConfig === undefined) return undefined;
  if ((bRequestType & USB_TYPE_VENDOR) === 0 || bRequest !== osDescriptors.vendorCode) return undefined;
  const recipient = bRequestType & USB_RECIP_MASK;
  // 6.12 has the interface in the high byte, newer kernels in the low one.
  if (recipient === USB_RECIP_DEVICE && wIndex === EXT_COMPAT_ID && wValue >> 8 === 0) return compatibility(osDescConfig);
  const intf = wValue >> 8;
  if (
    recipient === USB_RECIP_INTERFACE &&
    wIndex === EXT_PROPERTIES &&
    (wValue & 0xff) === 0 &&
    osDescConfig.interfaces[intf] !== undefined
  )
    return properties(osDescConfig, intf);
  throw new Errno('EOPNOTSUPP', 'there is no such OS descriptor');
}
