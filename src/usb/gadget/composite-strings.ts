/** drivers/usb/gadget/usbstring.c and the string part of composite.c. */
import { Errno } from '../../abi/index.ts';
import { USB_DT_STRING } from '../../abi/uapi/index.ts';
import type { UsbCompositeDev } from './composite.ts';
import type { UsbGadgetStrings } from './usb-function.ts';

/** USB_MAX_STRING_LEN: bytes of a string that are looked at, and units of the answer. */
export const USB_MAX_STRING_LEN = 126;
/** OS_STRING_IDX. */
const OS_STRING_IDX = 0xee;

/** usb_validate_langid: a primary language and a sublanguage that can be. */
export function isLanguage(id: number): boolean {
  const primary = id & 0x3ff;
  const sub = id >> 10;
  return primary !== 0 && !(primary >= 0x62 && primary <= 0xfe) && primary < 0x100 && sub !== 0;
}

/** @param units of 16 bits */
function descriptor(units: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(2 + 2 * units.length);
  bytes[0] = bytes.length;
  bytes[1] = USB_DT_STRING;
  for (const [index, unit] of units.entries()) new DataView(bytes.buffer).setUint16(2 + 2 * index, unit, true);
  return bytes;
}

/** utf8s_to_utf16s of bytes, one a character. @returns undefined for what is no UTF-8 */
function utf16(text: string): readonly number[] | undefined {
  const bytes = Buffer.from(text, 'latin1').subarray(0, USB_MAX_STRING_LEN);
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return Array.from({ length: Math.min(decoded.length, USB_MAX_STRING_LEN) }, (_, index) => decoded.charCodeAt(index));
  } catch {
    return undefined;
  }
}

/** lookup_string: the first table of the language that has the string. */
function look(tables: readonly UsbGadgetStrings[], language: number, id: number): Uint8Array | undefined {
  for (const table of tables) {
    const found = table.language === language ? table.strings.find((string) => string.id === id) : undefined;
    const units = found === undefined ? undefined : utf16(found.s);
    if (units !== undefined) return descriptor(units);
  }
  return undefined;
}

/** Tables in the order in which they are looked through: those of the device are first, or last where languages are collected. */
function tablesOf(cdev: UsbCompositeDev): (readonly UsbGadgetStrings[])[] {
  return cdev.configs.flatMap((config) => [config.strings, ...config.functions.map(({ strings }) => strings)]);
}

/** get_string. @throws Errno EINVAL for a string that is not there, and for the languages when there are none */
export function stringDescriptor(cdev: UsbCompositeDev, language: number, id: number): Uint8Array {
  if (id === 0) {
    const languages = new Set([...tablesOf(cdev), ...cdev.strings].flat().map((table) => table.language));
    if (languages.size === 0) throw new Errno('EINVAL', 'there are no strings');
    return descriptor([...languages].slice(0, USB_MAX_STRING_LEN));
  }
  if (cdev.osDescriptors !== undefined && language === 0 && id === OS_STRING_IDX) {
    return Uint8Array.of(18, USB_DT_STRING, ...cdev.osDescriptors.signature, cdev.osDescriptors.vendorCode, 0);
  }
  for (const tables of [...cdev.strings, ...tablesOf(cdev)]) {
    const found = look(tables, language, id);
    if (found !== undefined) return found;
  }
  throw new Errno('EINVAL', `there is no string ${id} in language 0x${language.toString(16)}`);
}
