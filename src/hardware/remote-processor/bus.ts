import type { IommuDomain, PhysicalMemory } from '../../memory/index.ts';

/** A part of memory as the processor sees it. All in bytes. */
export interface BusWindow {
  readonly name: string;
  /** Where it begins for the processor. */
  readonly da: number;
  /** Where it begins for the CPU. */
  readonly pa: number;
  readonly size: number;
}

/** The processor read or wrote where it has nothing. */
export class BusFault extends Error {
  override readonly name = 'BusFault';
  readonly address: number;
  /** The IOMMU has told its owner already. */
  readonly isTold: boolean;

  constructor(address: number, isTold: boolean) {
    super(`nothing is at 0x${address.toString(16)}`);
    this.address = address;
    this.isTold = isTold;
  }
}

export interface BusDescription {
  readonly ram: PhysicalMemory;
  /** Memory of its own: before any IOMMU. The first that has an address counts. */
  readonly windows: readonly BusWindow[];
  /** What everything else goes through; without one there is nothing else. */
  readonly iommu?: { readonly domain: IommuDomain | undefined };
}

const PAGE = 4096;

/** What a remote processor sees of memory, by device addresses. */
export class RemoteBus {
  readonly #ram: PhysicalMemory;
  readonly #windows: readonly BusWindow[];
  readonly #iommu: BusDescription['iommu'];

  constructor({ ram, windows, iommu }: BusDescription) {
    this.#ram = ram;
    this.#windows = windows;
    this.#iommu = iommu;
  }

  /** @throws BusFault */
  readInto(address: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += this.#part(address + done, bytes.subarray(done), false);
  }

  /** @throws BusFault */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(address, bytes);
    return bytes;
  }

  /** @throws BusFault */
  write(address: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += this.#part(address + done, bytes.subarray(done), true);
  }

  /** Where the processor has what the CPU has at an address; undefined when no window of its own shows it. */
  fromPhysical(physical: number): number | undefined {
    const window = this.#windows.find(({ pa, size }) => physical >= pa && physical < pa + size);
    return window === undefined ? undefined : physical - window.pa + window.da;
  }

  /** Moves what is at hand in a row. @returns how many bytes */
  #part(address: number, bytes: Uint8Array, isWrite: boolean): number {
    const { physical, left } = this.#locate(address, isWrite);
    const range = this.#ram.resolve(physical);
    if (range === undefined) throw new BusFault(address, false);
    const length = Math.min(bytes.length, left, range.length);
    const there = range.memory.bytes().subarray(range.offset, range.offset + length);
    if (isWrite) there.set(bytes.subarray(0, length));
    else bytes.set(there);
    return length;
  }

  #locate(address: number, isWrite: boolean): { readonly physical: number; readonly left: number } {
    const window = this.#windows.find(({ da, size }) => address >= da && address < da + size);
    if (window !== undefined) return { physical: address - window.da + window.pa, left: window.da + window.size - address };
    if (this.#iommu === undefined) throw new BusFault(address, false);
    const physical = this.#iommu.domain?.translate(address, isWrite);
    if (physical === undefined) throw new BusFault(address, this.#iommu.domain?.onFault !== undefined);
    return { physical, left: PAGE - (address % PAGE) };
  }
}
