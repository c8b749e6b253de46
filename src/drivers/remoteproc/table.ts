import { Errno } from '../../abi/index.ts';
import { fw_rsc_hdr, resource_table } from '../../ports/remoteproc/index.ts';
import type { KernelAddress } from './kernel-address.ts';

/** A resource table in effect: a copy of Linux's own, or the one that the remote processor sees. */
export interface ResourceTable {
  /** In bytes. */
  readonly size: number;
  /** Its bytes; not to be kept. */
  bytes(): Uint8Array;
  view(): DataView;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function privateTable(bytes: Uint8Array): ResourceTable {
  const view = viewOf(bytes);
  return { size: bytes.length, bytes: () => bytes, view: () => view };
}

export function liveTable(at: KernelAddress, size: number, isIomem: boolean): ResourceTable {
  const bytes = () => at.accessed(size, isIomem);
  return { size, bytes, view: () => viewOf(bytes()) };
}

/** How many entries it says to have. */
export const countOf = (table: ResourceTable): number =>
  table.size < resource_table.size ? 0 : resource_table.decode(table.view(), 0).num;

/**
 * Where an entry begins, in bytes.
 *
 * @throws Errno EINVAL when not even its place, or its type, is within the table
 */
export function entryAt(table: ResourceTable, index: number): number {
  const at = resource_table.size + 4 * index;
  if (at + 4 > table.size) throw new Errno('EINVAL', `the table has no place for entry ${index}`);
  const offset = table.view().getUint32(at, true);
  // An int holds what is left, so what lies far behind the end seems to fit; a kernel reads wild memory then, here it is truncated.
  if (offset + fw_rsc_hdr.size > table.size) throw new Errno('EINVAL', 'rsc table is truncated');
  return offset;
}
