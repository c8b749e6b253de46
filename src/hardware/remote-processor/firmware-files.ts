/** The firmware that ships: ELF files, made when they are asked for. */
import { ELFCLASS32, VIRTIO_ID_RPMSG } from '../../abi/uapi/index.ts';
import { ENTRY_MAGIC, entry_block, IOMMU_READ, IOMMU_WRITE, RESOURCE_TABLE_SECTION } from '../../ports/remoteproc/index.ts';
import { VIRTIO_RPMSG_F_NS } from '../../ports/rpmsg/index.ts';
import { writeElf } from './elf-writer.ts';
import { type TableEntry, writeResourceTable } from './table-writer.ts';

/** Where firmware lies for its processor. All in bytes. */
export interface FirmwareLayout {
  /** Its entry block; the table and the trace follow a page and two behind it. */
  readonly text: number;
  /** What it asks for beside its trace. */
  readonly entries: readonly TableEntry[];
}

export interface FirmwareFile {
  /** Of a program that the processor knows. */
  readonly program: string;
  /** `key=value,…`. */
  readonly options?: string;
  readonly layout: FirmwareLayout;
  /** ELFCLASS32 when left out. */
  readonly elfClass?: number;
  /** Whether it has a resource table; true when left out. */
  readonly hasTable?: boolean;
  /** The table byte for byte, instead of one made of the layout. */
  readonly table?: Uint8Array;
}

const TABLE_AT = 0x1000;
const TRACE_AT = 0x2000;
const TRACE_LENGTH = 0x1000;

/** An ELF file whose loaded bytes a simulated processor runs. */
export function buildFirmware(file: FirmwareFile): Uint8Array {
  const { program, options = '', layout, elfClass = ELFCLASS32, hasTable = true } = file;
  const { text, entries } = layout;
  const trace: TableEntry = { type: 'trace', name: 'trace', da: text + TRACE_AT, len: TRACE_LENGTH };
  const table = hasTable ? (file.table ?? writeResourceTable([trace, ...entries])) : new Uint8Array(0);
  if (table.length > TRACE_AT - TABLE_AT) throw new RangeError(`a table of ${table.length} bytes does not fit`);
  const bytes = new Uint8Array(TABLE_AT + table.length);
  entry_block.encode(new DataView(bytes.buffer), 0, {
    magic: ENTRY_MAGIC,
    table_da: hasTable ? text + TABLE_AT : 0,
    table_len: table.length,
    trace_da: text + TRACE_AT,
    trace_len: TRACE_LENGTH,
    name: program,
    options,
  });
  bytes.set(table, TABLE_AT);
  return writeElf({
    elfClass,
    entry: text,
    segments: [{ address: text, bytes, memorySize: TRACE_AT + TRACE_LENGTH }],
    sections: hasTable ? [{ name: RESOURCE_TABLE_SECTION, address: text + TABLE_AT, bytes: table }] : [],
  });
}

const NAME_SERVICE = 1 << VIRTIO_RPMSG_F_NS;

const rpmsgDevice = (vrings: readonly [number | undefined, number | undefined]): TableEntry => ({
  type: 'vdev',
  id: VIRTIO_ID_RPMSG,
  dfeatures: NAME_SERVICE,
  vrings: vrings.map((da) => (da === undefined ? {} : { da })),
});

/** Of a processor with SRAM at fixed places, as the Cortex-M4 of an STM32MP1: the host's regions are for the taking. */
export const sramLayout: FirmwareLayout = { text: 0x10000000, entries: [rpmsgDevice([undefined, undefined])] };

const READ_WRITE = IOMMU_READ | IOMMU_WRITE;

/** Of a processor behind an IOMMU: it says where it wants everything. */
export const iommuLayout: FirmwareLayout = {
  text: 0x20000000,
  entries: [
    { type: 'carveout', name: 'text', da: 0x20000000, len: 0x10000, flags: READ_WRITE },
    { type: 'carveout', name: 'vdev0buffer', da: 0x22000000, len: 0x4000, flags: READ_WRITE },
    rpmsgDevice([0x21000000, 0x21010000]),
  ],
};

/** Sends rpmsg messages back: `echo.elf` of the board. @param options see {@link rpmsgEcho} */
export const echoFirmware = (layout: FirmwareLayout = sramLayout, options = ''): Uint8Array =>
  buildFirmware({ program: 'rpmsg-echo', options, layout });

/** Writes a trace, and crashes: `crash.elf` of the board. @param options see {@link traceAndCrash} */
export function crashFirmware(layout: FirmwareLayout = sramLayout, options = ''): Uint8Array {
  const entries = layout.entries.filter(({ type }) => type !== 'vdev');
  return buildFirmware({ program: 'trace-and-crash', options, layout: { ...layout, entries } });
}
