import { Errno } from '../../abi/index.ts';
import {
  EI_CLASS,
  EI_DATA,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFMAG,
  elf32_hdr,
  elf32_phdr,
  elf32_shdr,
  elf64_hdr,
  elf64_phdr,
  elf64_shdr,
} from '../../abi/uapi/index.ts';

export interface Segment {
  readonly type: number;
  readonly physicalAddress: bigint;
  /** In the file, and sizes in bytes. What is larger than 2^53 is not exact, and too large everywhere. */
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface Section {
  readonly name: string;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
}

/**
 * The headers of an ELF file, either class. Linux trusts most of what they say; here a header that is not within the file is EINVAL.
 */
export class ElfImage {
  readonly bytes: Uint8Array;
  readonly elfClass: number;
  readonly entry: bigint;
  readonly segmentCount: number;
  readonly segmentsAt: number;
  readonly sectionCount: number;
  readonly sectionsAt: number;
  readonly #names: number;
  readonly #view: DataView;

  /**
   * rproc_elf_sanity_check. Section 3.1 of docs/reference/remoteproc.md, in its order.
   *
   * @param report told why not, as dev_err
   * @throws Errno EINVAL
   */
  constructor(bytes: Uint8Array | undefined, report: (text: string) => void) {
    const refuse = (text: string) => {
      report(text);
      return new Errno('EINVAL', text);
    };
    if (bytes === undefined) throw refuse('failed to load the image');
    if (bytes.length < elf32_hdr.size) throw refuse('Image is too small');
    if (String.fromCharCode(...bytes.subarray(0, 4)) !== ELFMAG) throw refuse('Image is corrupted (bad magic)');
    const elfClass = bytes[EI_CLASS] as number;
    if (elfClass !== ELFCLASS32 && elfClass !== ELFCLASS64) throw refuse(`Unsupported class: ${elfClass}`);
    if (elfClass === ELFCLASS64 && bytes.length < elf64_hdr.size) throw refuse('elf64 header is too small');
    if (bytes[EI_DATA] !== ELFDATA2LSB) throw refuse('Unsupported firmware endianness');
    const is64 = elfClass === ELFCLASS64;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = is64 ? elf64_hdr.decode(this.#view, 0) : elf32_hdr.decode(this.#view, 0);
    this.bytes = bytes;
    this.elfClass = elfClass;
    this.entry = BigInt(header.e_entry);
    this.segmentsAt = Number(header.e_phoff);
    this.segmentCount = header.e_phnum;
    this.sectionsAt = Number(header.e_shoff);
    this.sectionCount = header.e_shnum;
    this.#names = header.e_shstrndx;
    if (bytes.length < this.sectionsAt + (is64 ? elf64_shdr : elf32_shdr).size) throw refuse('Image is too small');
    if (this.segmentCount === 0) throw refuse('No loadable segments');
    if (this.segmentsAt > bytes.length) throw refuse('Firmware size is too small');
  }

  get #is64(): boolean {
    return this.elfClass === ELFCLASS64;
  }

  /** Program headers in the order of the file. @throws Errno EINVAL at one that is not within the file */
  *segments(): Generator<Segment> {
    const layout = this.#is64 ? elf64_phdr : elf32_phdr;
    for (let i = 0; i < this.segmentCount; i++) {
      const at = this.segmentsAt + i * layout.size;
      if (at + layout.size > this.bytes.length) throw new Errno('EINVAL', `program header ${i} is not within the image`);
      const { p_type, p_paddr, p_offset, p_filesz, p_memsz } = layout.decode(this.#view, at);
      yield {
        type: p_type,
        physicalAddress: BigInt(p_paddr),
        offset: Number(p_offset),
        fileSize: Number(p_filesz),
        memorySize: Number(p_memsz),
      };
    }
  }

  /** The first section of a name. @throws Errno EINVAL when headers or names are not within the file */
  findSection(name: string): Section | undefined {
    const names = this.#section(this.#names).offset;
    for (let i = 0; i < this.sectionCount; i++) {
      const { nameAt, ...section } = this.#section(i);
      if (this.#text(names + nameAt) === name) return { name, ...section };
    }
    return undefined;
  }

  #section(index: number): Omit<Section, 'name'> & { readonly nameAt: number } {
    const layout = this.#is64 ? elf64_shdr : elf32_shdr;
    const at = this.sectionsAt + index * layout.size;
    if (at + layout.size > this.bytes.length) throw new Errno('EINVAL', `section header ${index} is not within the image`);
    const { sh_name, sh_addr, sh_offset, sh_size } = layout.decode(this.#view, at);
    return { nameAt: sh_name, address: BigInt(sh_addr), offset: Number(sh_offset), size: Number(sh_size) };
  }

  #text(at: number): string {
    const end = at < this.bytes.length ? this.bytes.indexOf(0, at) : -1;
    if (end < 0) throw new Errno('EINVAL', 'a name of a section is not within the image');
    return Buffer.from(this.bytes.subarray(at, end)).toString('latin1');
  }
}
