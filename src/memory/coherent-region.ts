import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject } from '../kernel/index.ts';
import { ArrayMemoryProvider } from './array-memory.ts';
import type { ContiguousRegion } from './contiguous-region.ts';
import type { DmaDevice } from './dma-device.ts';
import type { DmaMapping, PageRange } from './dma-mapping.ts';

/**
 * A reserved region that its driver takes whole, by one dma_alloc_coherent at probe. Its memory is never shown to programs, so it is not the
 * door's to provide.
 */
export class CoherentRegion {
  readonly name: string;
  /** Where the device sees it: the `dma_addr_t` of the allocation. */
  readonly busAddress: number;
  /** In bytes. */
  readonly size: number;
  readonly memory: MemoryObject;
  readonly #reserved: ContiguousRegion;
  readonly #device: DmaDevice;
  readonly #mapping: DmaMapping;
  readonly #address: number;

  /**
   * The allocator of a reserved region rounds up to a power of two pages, and has nowhere else to look (kernel/dma/coherent.c).
   *
   * @throws Errno ENOMEM when its pages are no power of two; EIO when the device cannot reach it
   */
  constructor(device: DmaDevice, reserved: ContiguousRegion) {
    const { system } = device;
    this.#device = device;
    this.#reserved = reserved;
    this.name = reserved.name;
    this.size = reserved.size;
    const rounded = PAGE_SIZE * 2 ** Math.ceil(Math.log2(reserved.size / PAGE_SIZE));
    if (rounded > reserved.size)
      throw new Errno('ENOMEM', `region ${reserved.name} of ${reserved.size} bytes has no ${rounded}, and that many would be taken`);
    this.#address = reserved.allocate(rounded);
    this.memory = new ArrayMemoryProvider(() => system.ledger).allocate(rounded, `region ${reserved.name}`);
    reserved.back(this.#address, this.memory, 0);
    const pages: PageRange[] = [{ memory: this.memory, offset: 0, length: rounded, address: this.#address }];
    try {
      this.#mapping = device.mapSg(pages, 'bidirectional');
    } catch (error) {
      reserved.free(this.#address);
      this.memory.put();
      throw error;
    }
    this.busAddress = (this.#mapping.segments[0] as { busAddress: number }).busAddress;
  }

  /** Some of its bytes, for whoever maps them once more. */
  rangeOf(offset: number, length: number): PageRange {
    return { memory: this.memory, offset, length, address: this.#address + offset };
  }

  release(): void {
    this.#device.unmapSg(this.#mapping, 'bidirectional');
    this.#reserved.free(this.#address);
    this.memory.put();
  }
}
