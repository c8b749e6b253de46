/** What debugfs shows of the resource table and the regions: 17.1 and 17.2 of docs/reference/remoteproc.md. */
import { isErrno } from '../../abi/index.ts';
import {
  fw_rsc_carveout,
  fw_rsc_devmem,
  fw_rsc_hdr,
  fw_rsc_trace,
  fw_rsc_vdev,
  fw_rsc_vdev_vring,
  RSC_CARVEOUT,
  RSC_DEVMEM,
  RSC_TRACE,
  RSC_VDEV,
} from '../../ports/remoteproc/index.ts';
import type { Rproc } from './rproc.ts';
import { countOf, entryAt, type ResourceTable } from './table.ts';

const TYPES = ['carveout', 'devmem', 'trace', 'vdev'];
const hex = (value: number) => `0x${value.toString(16)}`;
/** %d of an unsigned field. */
const decimal = (value: number) => `${value | 0}`;

function memoryText(view: DataView, at: number, layout: typeof fw_rsc_carveout | typeof fw_rsc_devmem): string {
  const { da, pa, len, flags, reserved, name } = layout.decode(view, at);
  return (
    `  Device Address ${hex(da)}\n  Physical Address ${hex(pa)}\n  Length ${hex(len)} Bytes\n  Flags ${hex(flags)}\n` +
    `  Reserved (should be zero) [${decimal(reserved)}]\n  Name ${name}\n\n`
  );
}

function traceText(view: DataView, at: number): string {
  const { da, len, reserved, name } = fw_rsc_trace.decode(view, at);
  return `  Device Address ${hex(da)}\n  Length ${hex(len)} Bytes\n  Reserved (should be zero) [${decimal(reserved)}]\n  Name ${name}\n\n`;
}

function vringText(view: DataView, at: number, index: number): string {
  const { da, align, num, notifyid, pa } = fw_rsc_vdev_vring.decode(view, at);
  return (
    `  Vring ${index}\n    Device Address ${hex(da)}\n    Alignment ${decimal(align)}\n    Number of buffers ${decimal(num)}\n` +
    `    Notify ID ${decimal(notifyid)}\n    Physical Address ${hex(pa)}\n\n`
  );
}

function vdevText(view: DataView, at: number): string {
  const { id, notifyid, dfeatures, gfeatures, config_len, status, num_of_vrings, reserved } = fw_rsc_vdev.decode(view, at);
  const head =
    `  ID ${decimal(id)}\n  Notify ID ${decimal(notifyid)}\n  Device features ${hex(dfeatures)}\n  Guest features ${hex(gfeatures)}\n` +
    `  Config length ${hex(config_len)}\n  Status ${hex(status)}\n  Number of vrings ${num_of_vrings}\n` +
    `  Reserved (should be zero) [${reserved[0]}][${reserved[1]}]\n\n`;
  const first = at + fw_rsc_vdev.size;
  // A live table may say anything by now: what is not within it is not shown.
  const within = Math.min(num_of_vrings, Math.floor((view.byteLength - first) / fw_rsc_vdev_vring.size));
  return head + Array.from({ length: within }, (_, index) => vringText(view, first + index * fw_rsc_vdev_vring.size, index)).join('');
}

const SHOWN: Readonly<Record<number, { readonly size: number; readonly show: (view: DataView, at: number) => string }>> = {
  [RSC_CARVEOUT]: { size: fw_rsc_carveout.size, show: (view, at) => memoryText(view, at, fw_rsc_carveout) },
  [RSC_DEVMEM]: { size: fw_rsc_devmem.size, show: (view, at) => memoryText(view, at, fw_rsc_devmem) },
  [RSC_TRACE]: { size: fw_rsc_trace.size, show: traceText },
  [RSC_VDEV]: { size: fw_rsc_vdev.size, show: vdevText },
};

function entryText(table: ResourceTable, index: number): string | undefined {
  let at: number;
  try {
    at = entryAt(table, index);
  } catch (error) {
    if (!isErrno(error)) throw error;
    return undefined;
  }
  const view = table.view();
  const { type } = fw_rsc_hdr.decode(view, at);
  const body = at + fw_rsc_hdr.size;
  const shown = SHOWN[type];
  if (shown === undefined) return `Unknown resource type found: ${decimal(type)} [hdr: ${POINTER}]\n`;
  if (body + shown.size > table.size) return undefined;
  return `Entry ${index} is of type ${TYPES[type]}\n${shown.show(view, body)}`;
}

/** %pK before anything is random enough to hash with. */
const POINTER = '(____ptrval____)';

export function resourceTableText(table: ResourceTable | undefined): string {
  if (table === undefined) return 'No resource table found\n';
  let text = '';
  for (let index = 0; index < countOf(table); index++) {
    const entry = entryText(table, index);
    if (entry === undefined) break;
    text += entry;
  }
  return text;
}

/** A pointer as %p prints it: the same for the same address, and nothing that could be taken for it. */
function hashed(address: bigint | undefined): string {
  if (address === undefined) return '0000000000000000';
  return (BigInt.asUintN(64, address * 0x9e37_79b9_7f4a_7c15n) >> 32n).toString(16).padStart(16, '0');
}

export function carveoutsText({ carveouts }: Rproc): string {
  return carveouts
    .map(
      ({ name, va, dma, da, len }) =>
        `Carveout memory entry:\n\tName: ${name}\n\tVirtual address: ${hashed(va?.virtual)}\n` +
        `\tDMA address: 0x${dma.toString(16).padStart(16, '0')}\n\tDevice address: ${hex(da)}\n\tLength: ${hex(len)} Bytes\n\n`,
    )
    .join('');
}
