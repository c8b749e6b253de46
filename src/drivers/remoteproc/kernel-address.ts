import type { MemoryRange, System } from '../../kernel/index.ts';

/** What the kernel has mapped, at addresses of its own. */
export interface MappedArea {
  /** Virtual address of the first byte. */
  readonly virtual: bigint;
  /** Physical address of the first byte. */
  readonly physical: number;
  readonly range: MemoryRange;
  /** Device memory that wants I/O accessors: plain ones are findings. */
  readonly isStrict: boolean;
}

/** First address of the linear map, and of what ioremap gives, with 48 bits of arm64. */
const PAGE_OFFSET = 0xffff_0000_0000_0000n;
const VMALLOC_START = 0xffff_8000_8000_0000n;

const makeVmalloc = (_system: System) => ({ next: VMALLOC_START });

/** Where ioremap puts the next area. A guard page follows each, as the kernel has it. */
export function takeVirtual(system: System, length: number): bigint {
  const vmalloc = system.single(makeVmalloc);
  const at = vmalloc.next;
  vmalloc.next += BigInt((Math.ceil(length / 4096) + 1) * 4096);
  return at;
}

/** Where RAM is in the linear map. */
export const linearAddress = (physical: number): bigint => PAGE_OFFSET + BigInt(physical);

/** A kernel virtual address: the `va` of a region, or a place in it. It is no number, so no physical or device address can be taken for it. */
export class KernelAddress {
  readonly area: MappedArea;
  /** In bytes from the beginning of the area. */
  readonly offset: number;
  readonly #system: System;

  constructor(system: System, area: MappedArea, offset = 0) {
    this.#system = system;
    this.area = area;
    this.offset = offset;
  }

  get virtual(): bigint {
    return this.area.virtual + BigInt(this.offset);
  }

  /** rproc_va_to_pa. */
  get physical(): number {
    return this.area.physical + this.offset;
  }

  /** Of what lies at this address to the end of the area, in bytes. */
  get length(): number {
    return this.area.range.length - this.offset;
  }

  /** As the CPU finds it: for rings that drivers and devices share. @throws RangeError beyond the area */
  range(length: number): MemoryRange {
    if (this.offset < 0 || length > this.length) throw new RangeError(`${length} bytes are not within ${this.length} at this address`);
    return { memory: this.area.range.memory, offset: this.area.range.offset + this.offset, length };
  }

  plus(bytes: number): KernelAddress {
    return new KernelAddress(this.#system, this.area, this.offset + bytes);
  }

  /** Bytes for loads and stores of the compiler's, as memcpy and memset make. Not to be kept. */
  bytes(length: number): Uint8Array {
    if (this.area.isStrict)
      this.#system.findings.report('plain-access-to-io-memory', `${length} bytes at 0x${this.physical.toString(16)} were accessed plainly`);
    return this.ioBytes(length);
  }

  /** Bytes for I/O accessors, as memcpy_toio and memset_io. Not to be kept. */
  ioBytes(length: number): Uint8Array {
    const { memory, offset } = this.range(length);
    return memory.bytes().subarray(offset, offset + length);
  }

  /** Either, as an `is_iomem` says. */
  accessed(length: number, isIomem: boolean): Uint8Array {
    return isIomem ? this.ioBytes(length) : this.bytes(length);
  }
}
