import { Errno } from '../abi/index.ts';
import type { System } from '../kernel/index.ts';
import { type CacheModel, cachesOf } from './cache-model.ts';
import { type DmaDirection, deviceReads, deviceWrites } from './dma-direction.ts';
import { DmaMapping, type DmaSegment, type PageRange } from './dma-mapping.ts';

/** A part of the CPU's physical addresses as a bus shows it: an entry of `dma-ranges`. All in bytes. */
export interface DmaRange {
  /** Where it begins on the bus. */
  readonly bus: number;
  /** Where it begins for the CPU. */
  readonly cpu: number;
  readonly size: number;
}

/** What there is to know about a device before it can do DMA. */
export interface DmaDeviceTraits {
  /** As dev_name. */
  readonly name: string;
  /** Address bits that it drives, as dma_set_mask_and_coherent; 64 when left out. */
  readonly maskBits?: number;
  /** Of the bus that it is on; left out, it sees the CPU's addresses. */
  readonly ranges?: readonly DmaRange[];
  /** Up to how many bytes adjacent memory becomes one segment, as dma_set_max_seg_size; 65 536 when left out. */
  readonly maxSegmentSize?: number;
  /** Its accesses look into the CPU's caches first. True when left out. */
  readonly snoopsCpu?: boolean;
  /** What it writes lands in the CPU's caches and not in memory. */
  readonly allocatesInCpu?: boolean;
  /** It has a cache of its own, which it must flush before others see what it wrote. */
  readonly privateCache?: boolean;
  /** It may mark accesses as not to be snooped. */
  readonly noSnoopUsed?: boolean;
  /** It can do atomic operations that the CPU sees as such. */
  readonly atomics?: boolean;
  /** Whether the direction that memory is mapped for limits what it can do there, as an IOMMU does. True when left out. */
  readonly isDirectionChecked?: boolean;
}

/** DMA_ATTR_SKIP_CPU_SYNC: the caller looks after the caches. */
export interface DmaAttributes {
  readonly skipCpuSync?: boolean;
}

/** What dma_get_max_seg_size says of a device that has not said it itself. */
const DEFAULT_SEGMENT_SIZE = 65_536;

/** A run of mapped bytes, as the device's accesses find it. */
interface Mapped {
  readonly busAddress: number;
  readonly pages: PageRange;
  readonly mapping: DmaMapping;
}

/** A device, as far as it reads and writes memory by itself, and the part of the DMA API that it is the `dev` of. */
export class DmaDevice {
  readonly system: System;
  readonly name: string;
  readonly maskBits: number;
  readonly ranges: readonly DmaRange[] | undefined;
  readonly maxSegmentSize: number;
  readonly snoopsCpu: boolean;
  readonly allocatesInCpu: boolean;
  readonly privateCache: boolean;
  readonly noSnoopUsed: boolean;
  readonly atomics: boolean;
  readonly isDirectionChecked: boolean;
  readonly #caches: CacheModel;
  /** By bus address. Runs may overlap: the same memory can be mapped twice. */
  #mapped: Mapped[] = [];
  /** No mapped run is longer, so a search knows how far back it must look. */
  #longest = 0;

  /** @param caches the machine's when left out */
  constructor(system: System, traits: DmaDeviceTraits, caches: CacheModel = cachesOf(system)) {
    this.system = system;
    this.name = traits.name;
    this.maskBits = traits.maskBits ?? 64;
    this.ranges = traits.ranges;
    this.maxSegmentSize = traits.maxSegmentSize ?? DEFAULT_SEGMENT_SIZE;
    this.snoopsCpu = traits.snoopsCpu ?? true;
    this.allocatesInCpu = traits.allocatesInCpu ?? false;
    this.privateCache = traits.privateCache ?? false;
    this.noSnoopUsed = traits.noSnoopUsed ?? false;
    this.atomics = traits.atomics ?? false;
    this.isDirectionChecked = traits.isDirectionChecked ?? true;
    this.#caches = caches;
  }

  /**
   * dma_map_sgtable: lets the device access memory, which stays until it is unmapped. Neighbours whose bus addresses are adjacent become one segment, as long as it
   * does not become longer than {@link maxSegmentSize}.
   *
   * @throws Errno EIO when the device cannot reach all of it: beyond its mask, or in no range of its bus; nothing is mapped then. (No
   *   memory below is kept for copies: a Linux with swiotlb would use that before it fails.)
   */
  mapSg(pages: readonly PageRange[], direction: DmaDirection, attributes: DmaAttributes = {}): DmaMapping {
    this.system.faults.check('dma_map', this.name);
    const busAddresses = pages.map((range) => this.#busAddressOf(range));
    const mapping = new DmaMapping(this, pages, direction, this.#segments(pages, busAddresses));
    const runs = pages.map((range, index) => ({ busAddress: busAddresses[index] as number, pages: range, mapping }));
    this.#mapped = [...this.#mapped, ...runs].sort((a, b) => a.busAddress - b.busAddress);
    for (const { length } of pages) this.#longest = Math.max(this.#longest, length);
    for (const range of pages) this.#caches.mapped?.(this, range);
    if (attributes.skipCpuSync !== true) for (const range of pages) this.#caches.syncForDevice(this, range, direction);
    for (const { memory } of pages) memory.get();
    this.system.ledger.add(mapping);
    return mapping;
  }

  /** dma_unmap_sgtable: the device must be done with the memory. @param direction that it was mapped with */
  unmapSg(mapping: DmaMapping, direction: DmaDirection, attributes: DmaAttributes = {}): void {
    if (!this.#isOwn(mapping, 'dma-not-mapped', 'unmapped')) return;
    if (mapping.direction !== direction)
      this.system.findings.report('dma-direction', `${mapping.describe()}, was unmapped as ${direction}`);
    mapping.isMapped = false;
    this.#mapped = this.#mapped.filter((run) => run.mapping !== mapping);
    for (const range of mapping.pages) this.#caches.unmapping?.(this, range);
    if (attributes.skipCpuSync !== true) for (const range of mapping.pages) this.#caches.syncForCpu(this, range, direction);
    for (const { memory } of mapping.pages) memory.put();
    this.system.ledger.remove(mapping);
  }

  /** dma_sync_sgtable_for_cpu: the CPU will see what the device has written. */
  syncSgForCpu(mapping: DmaMapping, direction: DmaDirection): void {
    if (!this.#isOwn(mapping, 'dma-sync-unmapped', 'synced for the CPU')) return;
    for (const range of mapping.pages) this.#caches.syncForCpu(this, range, direction);
  }

  /** dma_sync_sgtable_for_device: the device will see what the CPU has written. */
  syncSgForDevice(mapping: DmaMapping, direction: DmaDirection): void {
    if (!this.#isOwn(mapping, 'dma-sync-unmapped', 'synced for the device')) return;
    for (const range of mapping.pages) this.#caches.syncForDevice(this, range, direction);
  }

  /** The hardware reads. Where nothing is mapped for it to read it gets ones, and that is a finding. */
  read(busAddress: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(busAddress, bytes);
    return bytes;
  }

  /** The same, into bytes of the hardware's own. */
  readInto(busAddress: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const run = this.#find(busAddress + done, deviceReads);
      if (run === undefined) {
        this.#reportOutside('read', busAddress + done, bytes.length - done);
        bytes.fill(0xff, done);
        return;
      }
      const range = this.#part(run, busAddress + done, bytes.length - done);
      run.mapping.onAccess?.('reads');
      this.#caches.deviceRead(this, range, bytes.subarray(done, done + range.length));
      done += range.length;
    }
  }

  /** The hardware writes. Where nothing is mapped for it to write the bytes are lost, and that is a finding. */
  write(busAddress: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const run = this.#find(busAddress + done, deviceWrites);
      if (run === undefined) {
        this.#reportOutside('wrote', busAddress + done, bytes.length - done);
        return;
      }
      const range = this.#part(run, busAddress + done, bytes.length - done);
      run.mapping.onAccess?.('writes');
      this.#caches.deviceWrite(this, range, bytes.subarray(done, done + range.length));
      done += range.length;
    }
  }

  /** Writes back what the device's own cache has, and empties it: to be done before its fence signals. */
  flushCache(): void {
    this.#caches.flushDevice?.(this);
  }

  /** Drops what the device's own cache has of memory: to be done before an operation that reads. */
  invalidateCache(): void {
    this.#caches.invalidateDevice?.(this);
  }

  /** Lines of its own cache that the device has written and not flushed. */
  get unflushedLines(): number {
    return this.#caches.unflushedLines?.(this) ?? 0;
  }

  /** phys_to_dma: where the device sees an address of the CPU. @returns undefined when no range of its bus has it */
  physToDma(address: number): number | undefined {
    if (this.ranges === undefined) return address;
    const range = this.ranges.find(({ cpu, size }) => address >= cpu && address < cpu + size);
    return range === undefined ? undefined : address - range.cpu + range.bus;
  }

  /** dma_to_phys: what of the CPU's the device sees at an address. @returns undefined when no range of its bus has it */
  dmaToPhys(busAddress: number): number | undefined {
    if (this.ranges === undefined) return busAddress;
    const range = this.ranges.find(({ bus, size }) => busAddress >= bus && busAddress < bus + size);
    return range === undefined ? undefined : busAddress - range.bus + range.cpu;
  }

  #isOwn(mapping: DmaMapping, rule: string, what: string): boolean {
    if (mapping.device === this && mapping.isMapped) return true;
    const state = mapping.isMapped ? '' : ', no longer mapped';
    this.system.findings.report(rule, `${mapping.describe()}${state}, was ${what} on ${this.name}`);
    return false;
  }

  #reportOutside(what: string, busAddress: number, length: number): void {
    const other = this.#find(busAddress, () => true);
    const why = other === undefined ? 'where nothing is mapped for it' : `which is mapped ${other.mapping.direction}`;
    this.system.findings.report('dma-outside-mapping', `${this.name} ${what} ${length} bytes at 0x${busAddress.toString(16)}, ${why}`);
  }

  /** A mapped run around an address, whose direction is right if that counts. */
  #find(busAddress: number, isRight: (direction: DmaDirection) => boolean): Mapped | undefined {
    let low = 0;
    let high = this.#mapped.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#mapped[middle] as Mapped).busAddress <= busAddress) low = middle + 1;
      else high = middle;
    }
    for (let at = low - 1; at >= 0; at--) {
      const run = this.#mapped[at] as Mapped;
      if (run.busAddress + this.#longest <= busAddress) return undefined;
      if (run.busAddress + run.pages.length <= busAddress) continue;
      if (!this.isDirectionChecked || isRight(run.mapping.direction)) return run;
    }
    return undefined;
  }

  #part({ busAddress: first, pages }: Mapped, busAddress: number, length: number): PageRange {
    const skipped = busAddress - first;
    return {
      memory: pages.memory,
      offset: pages.offset + skipped,
      length: Math.min(length, pages.length - skipped),
      address: pages.address + skipped,
    };
  }

  #segments(pages: readonly PageRange[], busAddresses: readonly number[]): DmaSegment[] {
    const segments: { busAddress: number; length: number }[] = [];
    for (const [index, { length }] of pages.entries()) {
      const busAddress = busAddresses[index] as number;
      const last = segments.at(-1);
      if (last !== undefined && last.busAddress + last.length === busAddress && last.length + length <= this.maxSegmentSize)
        last.length += length;
      else segments.push({ busAddress, length });
    }
    return segments;
  }

  #busAddressOf({ address, length }: PageRange): number {
    const range = this.ranges?.find(({ cpu, size }) => address >= cpu && address + length <= cpu + size);
    const where = `${length} bytes at physical address 0x${address.toString(16)}`;
    if (this.ranges !== undefined && range === undefined) throw new Errno('EIO', `${where} are in no range of the bus of ${this.name}`);
    const busAddress = range === undefined ? address : address - range.cpu + range.bus;
    if (busAddress + length > 2 ** this.maskBits)
      throw new Errno('EIO', `${where}, 0x${busAddress.toString(16)} on the bus, are beyond the ${this.maskBits} bits of ${this.name}`);
    return busAddress;
  }
}
