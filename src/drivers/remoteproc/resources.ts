/** Walking the resource table. Sections 5.4, 6.1, 7, 8 and 10 of docs/reference/remoteproc.md. */
import { Errno, errno, isErrno } from '../../abi/index.ts';
import {
  FW_RSC_ADDR_ANY,
  fw_rsc_carveout,
  fw_rsc_devmem,
  fw_rsc_hdr,
  fw_rsc_trace,
  fw_rsc_vdev,
  fw_rsc_vdev_vring,
  RSC_CARVEOUT,
  RSC_DEVMEM,
  RSC_LAST,
  RSC_TRACE,
  RSC_VDEV,
  RSC_VENDOR_END,
  RSC_VENDOR_START,
  RVDEV_NUM_VRINGS,
} from '../../ports/remoteproc/index.ts';
import { addCarveout, allocRegisteredCarveouts } from './carveouts.ts';
import { checkCarveoutDa } from './mem-entry.ts';
import type { Rproc } from './rproc.ts';
import { countOf, entryAt } from './table.ts';
import { addTrace } from './trace.ts';

/** What a vendor's handler says: it took the entry, or leaves it. */
export const RSC_HANDLED = 0;
export const RSC_IGNORED = 1;

/** A body of an entry: its offset in the table, and how many bytes are left there. */
type Handler = (rproc: Rproc, view: DataView, offset: number, available: number) => void;

function refuse(rproc: Rproc, text: string): Errno {
  rproc.print('err', text);
  return new Errno('EINVAL', text);
}

function handleCarveout(rproc: Rproc, view: DataView, offset: number, available: number): void {
  if (available < fw_rsc_carveout.size) throw refuse(rproc, 'carveout rsc is truncated');
  const { da, pa, len, flags, reserved, name } = fw_rsc_carveout.decode(view, offset);
  if (reserved !== 0) throw refuse(rproc, 'carveout rsc has non zero reserved bytes');
  const request = { kind: 'carveout', name, da, pa, len } as const;
  const found = rproc.policy.match(rproc, request);
  if (found === undefined) {
    rproc.system.kmalloc('struct rproc_mem_entry');
    const entry = rproc.policy.entryFor(rproc, request);
    entry.flags = flags;
    entry.rscOffset = offset;
    addCarveout(rproc, entry);
    return;
  }
  if (found.rscOffset !== FW_RSC_ADDR_ANY) {
    rproc.print('err', 'Carveout already associated to resource table');
    throw new Errno('ENOMEM', `${name} is asked for twice`);
  }
  try {
    checkCarveoutDa(found, da, len, (text) => rproc.print('err', text));
  } catch (error) {
    throw new Errno('ENOMEM', (error as Error).message);
  }
  found.requested = { da, len };
  found.rscOffset = offset;
  found.flags = flags;
}

function handleDevmem(rproc: Rproc, view: DataView, offset: number, available: number): void {
  if (rproc.domain === undefined) throw new Errno('EINVAL', 'there is no IOMMU to map device memory with');
  if (available < fw_rsc_devmem.size) throw refuse(rproc, 'devmem rsc is truncated');
  const { da, pa, len, flags, reserved } = fw_rsc_devmem.decode(view, offset);
  if (reserved !== 0) throw refuse(rproc, 'devmem rsc has non zero reserved bytes');
  try {
    rproc.mapForRemote(da, pa, len, flags);
  } catch (error) {
    if (isErrno(error)) rproc.print('err', `failed to map devmem: -${errno[error.code]}`);
    throw error;
  }
}

function handleTrace(rproc: Rproc, view: DataView, offset: number, available: number): void {
  if (available < fw_rsc_trace.size) throw refuse(rproc, 'trace rsc is truncated');
  const { da, len, reserved } = fw_rsc_trace.decode(view, offset);
  if (reserved !== 0) throw refuse(rproc, 'trace rsc has non zero reserved bytes');
  rproc.system.kmalloc('struct rproc_debug_trace');
  addTrace(rproc, da, len);
}

function handleVdev(rproc: Rproc, view: DataView, offset: number, available: number): void {
  const short = () => refuse(rproc, 'vdev rsc is truncated');
  // A kernel looks at the number of vrings first, wherever that is.
  if (available < fw_rsc_vdev.size) throw short();
  const { num_of_vrings, config_len, reserved, id } = fw_rsc_vdev.decode(view, offset);
  if (fw_rsc_vdev.size + num_of_vrings * fw_rsc_vdev_vring.size + config_len > available) throw short();
  if (reserved.some((byte) => byte !== 0)) throw refuse(rproc, 'vdev rsc has non zero reserved bytes');
  if (num_of_vrings > RVDEV_NUM_VRINGS) throw refuse(rproc, `too many vrings: ${num_of_vrings}`);
  rproc.addVdev({ id, index: rproc.vdevCount++, rscOffset: offset });
}

const HANDLERS: Readonly<Record<number, Handler>> = {
  [RSC_CARVEOUT]: handleCarveout,
  [RSC_DEVMEM]: handleDevmem,
  [RSC_TRACE]: handleTrace,
  [RSC_VDEV]: handleVdev,
};

/**
 * rproc_handle_resources.
 *
 * @returns 0; 1 when the last entry that was looked at is of a vendor and nobody knows it, which fails the boot without an error
 * @throws Errno EINVAL, ENOMEM, what a vendor's handler says
 */
function handleResources(rproc: Rproc): number {
  const table = rproc.tablePtr;
  if (table === undefined) return 0;
  let result = 0;
  for (let i = 0; i < countOf(table); i++) {
    let at: number;
    try {
      at = entryAt(table, i);
    } catch (error) {
      rproc.print('err', 'rsc table is truncated');
      throw error;
    }
    const view = table.view();
    const { type } = fw_rsc_hdr.decode(view, at);
    const offset = at + fw_rsc_hdr.size;
    const available = table.size - offset;
    if (type >= RSC_VENDOR_START && type <= RSC_VENDOR_END) {
      result = rproc.ops.handleRsc?.(rproc, type, view, offset, available) ?? RSC_IGNORED;
      if (result !== RSC_HANDLED) rproc.print('warn', `unsupported vendor resource ${type}`);
    } else if (type >= RSC_LAST) rproc.print('warn', `unsupported resource ${type}`);
    else {
      result = 0;
      HANDLERS[type]?.(rproc, view, offset, available);
    }
  }
  return result;
}

/**
 * What boot and attach do with a table: its entries are taken, then all carveouts that were registered.
 *
 * @returns 0, or 1 when the table ended with a vendor's entry that nobody knows @throws Errno
 */
export function takeResources(rproc: Rproc): number {
  rproc.maxNotifyid = -1;
  rproc.vdevCount = 0;
  rproc.observer.tableBefore = rproc.tablePtr?.bytes().slice();
  let result: number;
  try {
    result = handleResources(rproc);
  } catch (error) {
    throw rproc.told(error, 'Failed to process resources');
  }
  if (result !== 0) {
    rproc.print('err', `Failed to process resources: ${result}`);
    return result;
  }
  try {
    allocRegisteredCarveouts(rproc);
  } catch (error) {
    throw rproc.told(error, 'Failed to allocate associated carveouts');
  }
  return 0;
}
