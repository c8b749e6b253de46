/** drivers/remoteproc/remoteproc_elf_loader.c. Section 3 of docs/reference/remoteproc.md. */
import { Errno, isErrno } from '../../abi/index.ts';
import { PT_LOAD } from '../../abi/uapi/index.ts';
import { RESOURCE_TABLE_SECTION, resource_table } from '../../ports/remoteproc/index.ts';
import { ElfImage, type Section } from './elf-image.ts';
import type { Rproc } from './rproc.ts';
import { liveTable, privateTable, type ResourceTable } from './table.ts';

const hex = (value: number | bigint) => `0x${value.toString(16)}`;

/** What a processor's platform may do in its own way; {@link elfLoader} is what it gets when it has no `load`. */
export interface FirmwareLoader {
  /** Copies what is to be loaded to where the processor has it. @throws Errno */
  load?(rproc: Rproc, firmware: Uint8Array): void;
  /** Takes the resource table out of a firmware: sets the private copy. @throws Errno */
  parseFw?(rproc: Rproc, firmware: Uint8Array): void;
  /** Where the loaded firmware has its resource table. */
  findLoadedRscTable?(rproc: Rproc, firmware: Uint8Array): ResourceTable | undefined;
  /** @throws Errno EINVAL */
  sanityCheck?(rproc: Rproc, firmware: Uint8Array): void;
  getBootAddr?(rproc: Rproc, firmware: Uint8Array): bigint;
}

const imageOf = (rproc: Rproc, firmware: Uint8Array) => new ElfImage(firmware, (text) => rproc.print('err', text));

/** rproc_elf_load_segments. @throws Errno EINVAL, EOVERFLOW */
function loadSegments(rproc: Rproc, firmware: Uint8Array): void {
  rproc.observer.segments.length = 0;
  for (const { type, physicalAddress, offset, fileSize, memorySize } of imageOf(rproc, firmware).segments()) {
    if (type !== PT_LOAD || memorySize === 0) continue;
    const refuse = (text: string, code: 'EINVAL' | 'EOVERFLOW' = 'EINVAL') => {
      rproc.print('err', text);
      return new Errno(code, text);
    };
    if (fileSize > memorySize) throw refuse(`bad phdr filesz ${hex(fileSize)} memsz ${hex(memorySize)}`);
    if (offset + fileSize > firmware.length) throw refuse(`truncated fw: need ${hex(offset + fileSize)} avail ${hex(firmware.length)}`);
    if (memorySize >= 2 ** rproc.sizeBits) throw refuse(`size (${memorySize.toString(16)}) does not fit in size_t type`, 'EOVERFLOW');
    const to = rproc.daToVa(physicalAddress, memorySize);
    if (to === undefined) throw refuse(`bad phdr da ${hex(physicalAddress)} mem ${hex(memorySize)}`);
    const bytes = to.va.accessed(memorySize, to.isIomem);
    bytes.set(firmware.subarray(offset, offset + fileSize));
    bytes.fill(0, fileSize);
    rproc.observer.segments.push({ da: Number(physicalAddress), len: memorySize, physical: to.va.physical });
  }
}

/** find_table: undefined when there is none, or none that is right. */
function findTable(rproc: Rproc, firmware: Uint8Array): Section | undefined {
  const image = imageOf(rproc, firmware);
  let section: Section | undefined;
  try {
    section = image.findSection(RESOURCE_TABLE_SECTION);
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error;
    return undefined;
  }
  if (section === undefined) return undefined;
  const wrong = wrongTable(firmware, section);
  if (wrong === undefined) return section;
  rproc.print('err', wrong);
  return undefined;
}

function wrongTable(firmware: Uint8Array, { offset, size }: Section): string | undefined {
  if (offset + size > firmware.length) return 'resource table truncated';
  if (size < resource_table.size) return 'header-less resource table';
  const { ver, num, reserved } = resource_table.decode(new DataView(firmware.buffer, firmware.byteOffset + offset, size), 0);
  if (ver !== 1) return `unsupported fw ver: ${ver}`;
  if (reserved.some((word) => word !== 0)) return 'non zero reserved bytes';
  if (resource_table.size + 4 * num > size) return 'resource table incomplete';
  return undefined;
}

/** rproc_elf_load_rsc_table. @throws Errno EINVAL without a table, ENOMEM */
export function elfLoadRscTable(rproc: Rproc, firmware: Uint8Array): void {
  const section = findTable(rproc, firmware);
  if (section === undefined) throw new Errno('EINVAL', 'the image has no resource table that is right');
  rproc.system.kmalloc('resource table');
  rproc.cachedTable = privateTable(firmware.slice(section.offset, section.offset + section.size));
  rproc.tablePtr = rproc.cachedTable;
}

/** The loader of ELF files. */
export const elfLoader: Required<FirmwareLoader> = {
  load: loadSegments,
  parseFw: elfLoadRscTable,
  findLoadedRscTable(rproc, firmware) {
    const section = findTable(rproc, firmware);
    if (section === undefined) return undefined;
    const at = rproc.daToVa(section.address, section.size);
    return at === undefined ? undefined : liveTable(at.va, section.size, at.isIomem);
  },
  sanityCheck: (rproc, firmware) => void imageOf(rproc, firmware),
  getBootAddr: (rproc, firmware) => imageOf(rproc, firmware).entry,
};
