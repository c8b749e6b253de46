/** Writes ELF files of firmware: segments, sections with names, either class. */
import {
  EI_CLASS,
  EI_DATA,
  EI_VERSION,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFMAG,
  EM_ARM,
  ET_EXEC,
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
  SHF_ALLOC,
  SHT_PROGBITS,
  SHT_STRTAB,
} from '../../abi/uapi/index.ts';

export interface ElfSegment {
  /** For the processor. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** What is beyond the bytes is zero; their number when left out. */
  readonly memorySize?: number;
}

export interface ElfSection {
  readonly name: string;
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface ElfDescription {
  readonly elfClass: number;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
}

/** Fields of 64 bits are numbers below 2^53 here, whatever the class. */
export function writeElf({ elfClass, entry, segments, sections }: ElfDescription): Uint8Array {
  const is64 = elfClass === ELFCLASS64;
  const [header, program, section] = is64 ? [elf64_hdr, elf64_phdr, elf64_shdr] : [elf32_hdr, elf32_phdr, elf32_shdr];
  const names = ['', '.shstrtab', ...sections.map(({ name }) => name)];
  const strings = Buffer.from(`${names.join('\0')}\0`, 'latin1');
  const contents = [...segments.map(({ bytes }) => bytes), ...sections.map(({ bytes }) => bytes), strings];
  let at = header.size + segments.length * program.size;
  const offsets = contents.map((bytes) => {
    const here = Math.ceil(at / 16) * 16;
    at = here + bytes.length;
    return here;
  });
  const sectionsAt = Math.ceil(at / 16) * 16;
  const out = new Uint8Array(sectionsAt + names.length * section.size);
  const view = new DataView(out.buffer);
  for (const [index, bytes] of contents.entries()) out.set(bytes, offsets[index]);
  const ident = new Array<number>(16).fill(0);
  for (let i = 0; i < ELFMAG.length; i++) ident[i] = ELFMAG.charCodeAt(i);
  ident[EI_CLASS] = elfClass;
  ident[EI_DATA] = ELFDATA2LSB;
  ident[EI_VERSION] = EV_CURRENT;
  header.encode(view, 0, {
    e_ident: ident,
    e_type: ET_EXEC,
    e_machine: EM_ARM,
    e_version: EV_CURRENT,
    e_entry: entry,
    e_phoff: header.size,
    e_shoff: sectionsAt,
    e_ehsize: header.size,
    e_phentsize: program.size,
    e_phnum: segments.length,
    e_shentsize: section.size,
    e_shnum: names.length,
    e_shstrndx: 1,
  });
  for (const [index, { address, bytes, memorySize = bytes.length }] of segments.entries())
    program.encode(view, header.size + index * program.size, {
      p_type: PT_LOAD,
      p_flags: PF_R | PF_W | PF_X,
      p_offset: offsets[index] as number,
      p_vaddr: address,
      p_paddr: address,
      p_filesz: bytes.length,
      p_memsz: memorySize,
      p_align: 16,
    });
  const nameAt = (index: number) => names.slice(0, index).reduce((sum, name) => sum + name.length + 1, 0);
  const put = (index: number, type: number, flags: number, address: number, content: number) =>
    section.encode(view, sectionsAt + index * section.size, {
      sh_name: nameAt(index),
      sh_type: type,
      sh_flags: flags,
      sh_addr: address,
      sh_offset: offsets[content] as number,
      sh_size: (contents[content] as Uint8Array).length,
      sh_addralign: 1,
    });
  put(1, SHT_STRTAB, 0, 0, contents.length - 1);
  for (const [index, { address }] of sections.entries()) put(index + 2, SHT_PROGBITS, SHF_ALLOC, address, segments.length + index);
  return out;
}
