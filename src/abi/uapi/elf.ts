/** linux/elf.h: the headers of ELF files, little-endian. */
import { array, bigu64, struct, u8, u16, u32 } from '../layout.ts';

export const EI_NIDENT = 16;
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const EI_VERSION = 6;
export const ELFMAG = '\x7fELF';
export const ELFCLASSNONE = 0;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const EV_CURRENT = 1;
export const ET_EXEC = 2;
export const ET_CORE = 4;
export const EM_NONE = 0;
export const EM_ARM = 40;
export const PT_LOAD = 1;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;
export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_STRTAB = 3;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;

export const elf32_hdr = struct('elf32_hdr', {
  e_ident: array(u8, EI_NIDENT),
  e_type: u16,
  e_machine: u16,
  e_version: u32,
  e_entry: u32,
  e_phoff: u32,
  e_shoff: u32,
  e_flags: u32,
  e_ehsize: u16,
  e_phentsize: u16,
  e_phnum: u16,
  e_shentsize: u16,
  e_shnum: u16,
  e_shstrndx: u16,
});

export const elf64_hdr = struct('elf64_hdr', {
  e_ident: array(u8, EI_NIDENT),
  e_type: u16,
  e_machine: u16,
  e_version: u32,
  e_entry: bigu64,
  e_phoff: bigu64,
  e_shoff: bigu64,
  e_flags: u32,
  e_ehsize: u16,
  e_phentsize: u16,
  e_phnum: u16,
  e_shentsize: u16,
  e_shnum: u16,
  e_shstrndx: u16,
});

export const elf32_phdr = struct('elf32_phdr', {
  p_type: u32,
  p_offset: u32,
  p_vaddr: u32,
  p_paddr: u32,
  p_filesz: u32,
  p_memsz: u32,
  p_flags: u32,
  p_align: u32,
});

export const elf64_phdr = struct('elf64_phdr', {
  p_type: u32,
  p_flags: u32,
  p_offset: bigu64,
  p_vaddr: bigu64,
  p_paddr: bigu64,
  p_filesz: bigu64,
  p_memsz: bigu64,
  p_align: bigu64,
});

export const elf32_shdr = struct('elf32_shdr', {
  sh_name: u32,
  sh_type: u32,
  sh_flags: u32,
  sh_addr: u32,
  sh_offset: u32,
  sh_size: u32,
  sh_link: u32,
  sh_info: u32,
  sh_addralign: u32,
  sh_entsize: u32,
});

export const elf64_shdr = struct('elf64_shdr', {
  sh_name: u32,
  sh_type: u32,
  sh_flags: bigu64,
  sh_addr: bigu64,
  sh_offset: bigu64,
  sh_size: bigu64,
  sh_link: u32,
  sh_info: u32,
  sh_addralign: bigu64,
  sh_entsize: bigu64,
});
