/** ffs_do_single_desc of drivers/usb/gadget/function/f_fs.c: which USB descriptors a function may bring. */
import { Errno } from '../../abi/index.ts';
import {
  USB_CLASS_APP_SPEC,
  USB_CLASS_CSCID,
  USB_CLASS_HID,
  USB_DT_ENDPOINT,
  USB_DT_ENDPOINT_AUDIO_SIZE,
  USB_DT_ENDPOINT_SIZE,
  USB_DT_INTERFACE,
  USB_DT_INTERFACE_ASSOCIATION,
  USB_DT_INTERFACE_SIZE,
  USB_DT_OTG,
  USB_DT_SS_ENDPOINT_COMP,
  USB_DT_SS_EP_COMP_SIZE,
  USB_ENDPOINT_NUMBER_MASK,
  USB_TYPE_CLASS,
  usb_interface_assoc_descriptor,
  usb_otg_descriptor,
} from '../../abi/uapi/index.ts';

/** Of HID, CCID and DFU alike, and of different lengths. */
const USB_DT_CLASS_SPECIFIC = USB_TYPE_CLASS | 0x01;
const HID_SIZE = 9;
const CCID_SIZE = 54;
const DFU_SIZE = 9;
const USB_SUBCLASS_DFU = 1;

export const invalid = (message: string) => new Errno('EINVAL', message);

/** What a descriptor speaks of. */
export interface Entities {
  interface(number: number): void;
  endpoint(address: number): void;
  /** A string that the descriptors need. @param index 1 and up */
  string(index: number): void;
}

/** The interface that was last described, which says what class-specific descriptors mean. */
interface Interface {
  readonly class: number;
  readonly subclass: number;
}

function classSpecificSize(last: Interface | undefined): number | undefined {
  switch (last?.class) {
    case USB_CLASS_HID:
      return HID_SIZE;
    case USB_CLASS_CSCID:
      return CCID_SIZE;
    case USB_CLASS_APP_SPEC:
      return last.subclass === USB_SUBCLASS_DFU ? DFU_SIZE : undefined;
    default:
      return undefined;
  }
}

function sizesOf(type: number, last: Interface | undefined): readonly (number | undefined)[] {
  switch (type) {
    case USB_DT_INTERFACE:
      return [USB_DT_INTERFACE_SIZE];
    case USB_DT_ENDPOINT:
      return [USB_DT_ENDPOINT_SIZE, USB_DT_ENDPOINT_AUDIO_SIZE];
    case USB_DT_CLASS_SPECIFIC:
      return [classSpecificSize(last)];
    case USB_DT_OTG:
      return [usb_otg_descriptor.size];
    case USB_DT_INTERFACE_ASSOCIATION:
      return [usb_interface_assoc_descriptor.size];
    case USB_DT_SS_ENDPOINT_COMP:
      return [USB_DT_SS_EP_COMP_SIZE];
    default:
      return [];
  }
}

function tell(entities: Entities, bytes: Uint8Array): void {
  const at = (index: number) => bytes[index] as number;
  switch (at(1)) {
    case USB_DT_INTERFACE:
      entities.interface(at(2));
      if (at(8) !== 0) entities.string(at(8));
      break;
    case USB_DT_ENDPOINT:
      if ((at(2) & USB_ENDPOINT_NUMBER_MASK) === 0) throw invalid('endpoint 0 is not for functions to describe');
      entities.endpoint(at(2));
      break;
    case USB_DT_INTERFACE_ASSOCIATION:
      if (at(7) !== 0) entities.string(at(7));
      break;
  }
}

/**
 * Cuts the descriptors of one speed from the beginning of a block.
 *
 * @returns each descriptor's bytes, in order
 * @throws Errno EINVAL for a descriptor that is cut off, of a type that a function does not bring, or of a wrong length, and what the
 *   entities say
 */
export function cutDescriptors(block: Uint8Array, count: number, entities: Entities): Uint8Array[] {
  const descriptors: Uint8Array[] = [];
  let last: Interface | undefined;
  for (let at = 0; descriptors.length < count; ) {
    if (block.length - at < 2) throw invalid('a descriptor is missing');
    const [length, type] = [block[at] as number, block[at + 1] as number];
    if (block.length - at < length) throw invalid('a descriptor is longer than what is left');
    if (!sizesOf(type, last).includes(length)) throw invalid(`a descriptor of type 0x${type.toString(16)} cannot have ${length} bytes`);
    const bytes = block.subarray(at, at + length);
    tell(entities, bytes);
    if (type === USB_DT_INTERFACE) last = { class: bytes[5] as number, subclass: bytes[6] as number };
    descriptors.push(bytes);
    at += length;
  }
  return descriptors;
}
