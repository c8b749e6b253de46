/** drivers/remoteproc/remoteproc_coredump.c: an ELF file of what a processor had in memory. Section 15 of docs/reference/remoteproc.md. */
import { isErrno } from '../../abi/index.ts';
import {
  EI_CLASS,
  EI_DATA,
  EI_VERSION,
  ELFCLASS64,
  ELFCLASSNONE,
  ELFDATA2LSB,
  ELFMAG,
  ET_CORE,
  EV_CURRENT,
  elf32_hdr,
  elf32_phdr,
  elf32_shdr,
  elf64_hdr,
  elf64_phdr,
  elf64_shdr,
  PF_R,
  PF_W,
  PF_X,
  PT_LOAD,
  SHF_WRITE,
  SHT_PROGBITS,
  SHT_STRTAB,
} from '../../abi/uapi/index.ts';
import { devCoredump, type Kernel, WaitQueue, wait } from '../../kernel/index.ts';
import type { Rproc } from './rproc.ts';

export const DUMP_MODES = ['disabled', 'enabled', 'inline'] as const;
export type DumpMode = (typeof DUMP_MODES)[number];

/** `struct rproc_dump_segment`. */
export interface DumpSegment {
  readonly da: bigint;
  /** In bytes. */
  readonly size: number;
  /** Its section's name, in dumps with sections. */
  readonly name?: string;
  /** Where its bytes come from; memory when left out. */
  readonly dump?: (rproc: Rproc, offset: number, length: number) => Uint8Array;
}

/** Parts of a segment that nobody can look at are all ones. */
function bytesOf(rproc: Rproc, { da, dump }: DumpSegment, offset: number, length: number): Uint8Array {
  if (dump !== undefined) return dump(rproc, offset, length);
  const at = rproc.daToVa(da + BigInt(offset), length);
  if (at !== undefined) return at.va.accessed(length, at.isIomem).slice();
  rproc.print('err', `invalid copy request for segment 0x${da.toString(16)} with offset ${offset} and size ${length})`);
  return new Uint8Array(length).fill(0xff);
}

const identOf = (elfClass: number) => {
  const ident = new Array<number>(16).fill(0);
  for (let i = 0; i < ELFMAG.length; i++) ident[i] = ELFMAG.charCodeAt(i);
  ident[EI_CLASS] = elfClass;
  ident[EI_DATA] = ELFDATA2LSB;
  ident[EI_VERSION] = EV_CURRENT;
  return ident;
};

function headerOf({ elfClass, elfMachine, bootAddress }: Rproc) {
  return { e_ident: identOf(elfClass), e_type: ET_CORE, e_machine: elfMachine, e_version: EV_CURRENT, e_entry: bootAddress };
}

/** Writes a header of either class. Fields of 64 bits are given as bigints, and cut for the smaller one. */
function encoder(elfClass: number) {
  const is64 = elfClass === ELFCLASS64;
  const layouts = is64
    ? { header: elf64_hdr, program: elf64_phdr, section: elf64_shdr }
    : { header: elf32_hdr, program: elf32_phdr, section: elf32_shdr };
  const cut = (fields: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, typeof value === 'bigint' && !is64 ? Number(BigInt.asUintN(32, value)) : value]),
    );
  return {
    ...layouts,
    encode(layout: { encode(view: DataView, at: number, value: any): void }, view: DataView, at: number, fields: Record<string, unknown>) {
      layout.encode(view, at, cut(fields));
    },
  };
}

/** rproc_coredump: one program header for each segment, then their bytes. */
function programHeaders(rproc: Rproc): Uint8Array {
  const { header, program, encode } = encoder(rproc.elfClass);
  const segments = rproc.dumpSegments;
  const out = new Uint8Array(header.size + segments.length * program.size);
  const view = new DataView(out.buffer);
  encode(header, view, 0, {
    ...headerOf(rproc),
    e_phoff: BigInt(header.size),
    e_ehsize: header.size,
    e_phentsize: program.size,
    e_phnum: segments.length,
  });
  let offset = out.length;
  for (const [index, { da, size }] of segments.entries()) {
    encode(program, view, header.size + index * program.size, {
      p_type: PT_LOAD,
      p_flags: PF_R | PF_W | PF_X,
      p_offset: BigInt(offset),
      p_vaddr: da,
      p_paddr: da,
      p_filesz: BigInt(size),
      p_memsz: BigInt(size),
      p_align: 0n,
    });
    offset += size;
  }
  return out;
}

const STRTAB = 'STR_TBL';

/** rproc_coredump_using_sections: section headers instead, with a string table of their names behind them. */
function sectionHeaders(rproc: Rproc): Uint8Array {
  const { header, section, encode } = encoder(rproc.elfClass);
  const segments = rproc.dumpSegments;
  const names = ['', STRTAB, ...segments.map(({ name }) => name ?? '')];
  const strings = Buffer.from(`${names.join('\0')}\0`, 'latin1');
  const tableAt = header.size + (segments.length + 2) * section.size;
  const out = new Uint8Array(tableAt + strings.length);
  const view = new DataView(out.buffer);
  out.set(strings, tableAt);
  encode(header, view, 0, {
    ...headerOf(rproc),
    e_shoff: BigInt(header.size),
    e_ehsize: header.size,
    e_shentsize: section.size,
    e_shnum: segments.length + 2,
    e_shstrndx: 1,
  });
  const nameAt = (index: number) => names.slice(0, index).reduce((sum, name) => sum + name.length + 1, 0);
  const put = (index: number, fields: Record<string, unknown>) => {
    encode(section, view, header.size + index * section.size, { sh_name: nameAt(index), ...fields });
  };
  put(1, { sh_type: SHT_STRTAB, sh_offset: BigInt(tableAt), sh_size: BigInt(strings.length) });
  let offset = out.length;
  for (const [index, { da, size }] of segments.entries()) {
    put(index + 2, {
      sh_type: SHT_PROGBITS,
      sh_flags: BigInt(SHF_WRITE),
      sh_addr: da,
      sh_offset: BigInt(offset),
      sh_size: BigInt(size),
    });
    offset += size;
  }
  return out;
}

/** The bytes of headers and segments in a row, as they are now. */
function readDump(rproc: Rproc, headers: Uint8Array, segments: readonly DumpSegment[], offset: number, length: number): Uint8Array {
  if (offset < headers.length) return headers.slice(offset, offset + length);
  let at = headers.length;
  for (const segment of segments) {
    if (offset < at + segment.size) return bytesOf(rproc, segment, offset - at, Math.min(length, at + segment.size - offset));
    at += segment.size;
  }
  return new Uint8Array(0);
}

function* dump(rproc: Rproc, makeHeaders: (rproc: Rproc) => Uint8Array): Kernel<void> {
  const { dumpMode, system } = rproc;
  if (rproc.dumpSegments.length === 0 || dumpMode === 'disabled') return;
  if (rproc.elfClass === ELFCLASSNONE) {
    rproc.print('err', 'ELF class is not set');
    return;
  }
  const headers = makeHeaders(rproc);
  const segments = [...rproc.dumpSegments];
  const device = rproc.device;
  if (dumpMode === 'enabled') {
    try {
      system.kmalloc('core dump');
    } catch (error) {
      if (!isErrno(error)) throw error;
      return;
    }
    const whole = Buffer.concat([headers, ...segments.map((segment) => bytesOf(rproc, segment, 0, segment.size))]);
    devCoredump(system, device, { read: (offset, length) => whole.subarray(offset, offset + length), free() {} });
    return;
  }
  let isDone = false;
  const done = new WaitQueue(`the core dump of ${rproc.name} to be read`);
  devCoredump(system, device, {
    read: (offset, length) => readDump(rproc, headers, segments, offset, length),
    free() {
      isDone = true;
      done.wake();
    },
  });
  yield* wait(done, () => isDone, { mode: 'uninterruptible' });
}

/** rproc_coredump. */
export const rprocCoredump = (rproc: Rproc): Kernel<void> => dump(rproc, programHeaders);

/** rproc_coredump_using_sections, for platforms that want it. */
export const rprocCoredumpUsingSections = (rproc: Rproc): Kernel<void> => dump(rproc, sectionHeaders);

/** rproc_coredump_add_segment, rproc_coredump_add_custom_segment. Until the next cleanup. */
export function addDumpSegment(rproc: Rproc, segment: DumpSegment): void {
  rproc.system.kmalloc('struct rproc_dump_segment');
  rproc.dumpSegments.push(segment);
}
