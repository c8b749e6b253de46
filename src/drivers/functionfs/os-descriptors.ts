/** ffs_do_os_descs of f_fs.c: what Windows asks of a function. */
import { invalid } from './descriptor.ts';

/** struct usb_os_desc_header. */
const HEADER_SIZE = 11;
/** struct usb_ext_compat_desc. */
const COMPAT_SIZE = 24;
/** struct usb_ext_prop_desc, without the name, the data's length and the data. */
const PROPERTY_SIZE = 10;

const WINDEX_COMPAT = 4;
const WINDEX_PROPERTIES = 5;

/** An extended compatible id of an interface: 16 bytes, id and sub-id. */
export interface ExtCompat {
  /** As in the function's own descriptors. */
  readonly interface: number;
  readonly id: Uint8Array;
}

/** An extended property of an interface. */
export interface ExtProperty {
  readonly interface: number;
  /** USB_EXT_PROP_: how the data is meant. */
  readonly type: number;
  readonly name: Uint8Array;
  readonly data: Uint8Array;
}

export interface OsDescriptors {
  readonly compats: readonly ExtCompat[];
  readonly properties: readonly ExtProperty[];
  /** Bytes that they take. */
  readonly length: number;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function cutCompat(bytes: Uint8Array, interfaces: number): ExtCompat {
  if (bytes.length < COMPAT_SIZE) throw invalid('a compatible id is cut off');
  const number = bytes[0] as number;
  if (number >= interfaces) throw invalid(`there is no interface ${number}`);
  if (bytes.subarray(18, COMPAT_SIZE).some((byte) => byte !== 0)) throw invalid('reserved bytes are not zero');
  return { interface: number, id: bytes.subarray(2, 18) };
}

/** @returns the property and its size in bytes, of which Linux keeps eight bits only */
function cutProperty(bytes: Uint8Array, number: number, interfaces: number): readonly [ExtProperty, number] {
  if (bytes.length < PROPERTY_SIZE || number >= interfaces) throw invalid('a property is cut off, or of no interface');
  const view = viewOf(bytes);
  const size = view.getUint32(0, true) & 0xff;
  if (bytes.length < size) throw invalid('a property is longer than what is left');
  const type = view.getUint32(4, true);
  if (type < 1 || type > 7) throw invalid(`properties have no type ${type}`);
  const nameLength = view.getUint16(8, true);
  if (size < PROPERTY_SIZE + 4 + nameLength) throw invalid('a property is longer than it says');
  const dataLength = view.getUint32(PROPERTY_SIZE + nameLength, true);
  if (size !== (PROPERTY_SIZE + 4 + nameLength + dataLength) >>> 0) throw invalid('a property is not as long as it says');
  const name = bytes.subarray(PROPERTY_SIZE, PROPERTY_SIZE + nameLength);
  return [{ interface: number, type, name, data: bytes.subarray(PROPERTY_SIZE + 4 + nameLength, size) }, size];
}

/**
 * Cuts OS descriptors from the beginning of a block.
 *
 * @param count of feature descriptors, each with a header
 * @param interfaces how many the function has
 * @throws Errno EINVAL
 */
export function cutOsDescriptors(block: Uint8Array, count: number, interfaces: number): OsDescriptors {
  const compats: ExtCompat[] = [];
  const properties: ExtProperty[] = [];
  let at = 0;
  for (let number = 0; number < count; number++) {
    const rest = block.subarray(at);
    if (rest.length < HEADER_SIZE) throw invalid('the header of an OS descriptor is cut off');
    const view = viewOf(rest);
    if (view.getUint32(1, true) > rest.length) throw invalid('an OS descriptor is longer than what is left');
    const version = view.getUint16(5, true);
    if (version !== 0x100 && version !== 1) throw invalid(`OS descriptors have no version 0x${version.toString(16)}`);
    const index = view.getUint16(7, true);
    if (index !== WINDEX_COMPAT && index !== WINDEX_PROPERTIES) throw invalid(`there is no OS descriptor ${index}`);
    const entries = view.getUint16(9, true);
    if (index === WINDEX_COMPAT && entries > 255) throw invalid('the reserved byte is not zero');
    at += HEADER_SIZE;
    for (let entry = 0; entry < entries; entry++) {
      if (index === WINDEX_COMPAT) {
        compats.push(cutCompat(block.subarray(at), interfaces));
        at += COMPAT_SIZE;
      } else {
        const [property, size] = cutProperty(block.subarray(at), rest[0] as number, interfaces);
        properties.push(property);
        at += size;
      }
    }
  }
  return { compats, properties, length: at };
}
