/** __ffs_data_got_strings of f_fs.c: the second block that a daemon writes to ep0. */
import { Errno } from '../../abi/index.ts';
import { FUNCTIONFS_STRINGS_MAGIC } from '../../abi/uapi/index.ts';
import { invalid } from './descriptor.ts';

/** KMALLOC_MAX_SIZE: what the kernel can have in one piece. */
export const KMALLOC_MAX_SIZE = 4 * 1024 * 1024;

const HEAD_SIZE = 16;
/** sizeof(struct usb_gadget_strings) with its pointer in the list, and sizeof(struct usb_string). */
const TABLE_SIZE = 8 + 16;
const STRING_SIZE = 16;

/** The strings of a function in one language. */
export interface StringTable {
  /** As in wIndex of GET_DESCRIPTOR. */
  readonly language: number;
  /** UTF-8, in the order of the descriptors' indices: the first has index 1. */
  readonly strings: readonly Uint8Array[];
}

/**
 * @param needed the highest index that the descriptors use; strings beyond it are skipped
 * @throws Errno EINVAL; ENOMEM for more languages than there is room for
 */
export function readStrings(block: Uint8Array, needed: number): StringTable[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  if (block.length < HEAD_SIZE || view.getUint32(0, true) !== FUNCTIONFS_STRINGS_MAGIC || view.getUint32(4, true) !== block.length)
    throw invalid('this is no block of strings');
  const count = view.getUint32(8, true);
  const languages = view.getUint32(12, true);
  if ((count === 0) !== (languages === 0)) throw invalid('there are strings without languages, or languages without strings');
  if (count < needed) throw invalid(`the descriptors need ${needed} strings`);
  if (needed === 0) return [];
  if (8 + languages * (TABLE_SIZE + (needed + 1) * STRING_SIZE) > KMALLOC_MAX_SIZE)
    throw new Errno('ENOMEM', `${languages} languages need too much memory`);
  const tables: StringTable[] = [];
  let at = HEAD_SIZE;
  for (let number = 0; number < languages; number++) {
    if (block.length - at < 3) throw invalid('a language is missing');
    const table = { language: view.getUint16(at, true), strings: [] as Uint8Array[] };
    at += 2;
    for (let index = 0; index < count; index++) {
      const end = block.indexOf(0, at);
      if (end < 0) throw invalid('a string has no end');
      if (index < needed) table.strings.push(block.subarray(at, end));
      at = end + 1;
    }
    tables.push(table);
  }
  if (at < block.length) throw invalid(`${block.length - at} bytes are left over`);
  return tables;
}
