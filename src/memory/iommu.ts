import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { Faults, Ledger, Tracked } from '../kernel/index.ts';

/** IOMMU_READ, IOMMU_WRITE of linux/iommu.h. */
const IOMMU_READ = 1;
const IOMMU_WRITE = 2;

/** What an access wanted that no page allowed. */
export interface IommuFault {
  readonly iova: number;
  readonly isWrite: boolean;
}

/** A page that is mapped. */
interface Entry {
  readonly physical: number;
  readonly protection: number;
}

const pageOf = (address: number) => Math.floor(address / PAGE_SIZE);

/** What a device behind an IOMMU sees of memory, in pages of 4 KiB: `struct iommu_domain`. */
export class IommuDomain implements Tracked {
  readonly kind = 'object';
  readonly #device: string;
  readonly #ledger: Ledger;
  readonly #faults: Faults;
  readonly #pages = new Map<number, Entry>();
  /** iommu_set_fault_handler. Called in an interrupt. */
  onFault: ((fault: IommuFault) => void) | undefined;

  /** iommu_paging_domain_alloc and iommu_attach_device. @param device for people */
  constructor(device: string, system: { readonly ledger: Ledger; readonly faults: Faults }) {
    this.#device = device;
    this.#ledger = system.ledger;
    this.#faults = system.faults;
    this.#ledger.add(this);
  }

  /** iommu_domain_free. What is still mapped goes with it. */
  free(): void {
    this.#pages.clear();
    this.#ledger.remove(this);
  }

  /**
   * iommu_map. Nothing is mapped when it fails.
   *
   * @param protection IOMMU_ bits; without IOMMU_READ and IOMMU_WRITE everything may be done, as in page tables that have no
   *   permissions: those of OMAP's processors, whose vrings are mapped so
   * @throws Errno EINVAL unless addresses and length are of whole pages; EEXIST when a page is mapped
   */
  map(iova: number, physical: number, length: number, protection: number): void {
    this.#faults.check('dma_map', `${this.#device}, iommu_map`);
    if ([iova, physical, length].some((value) => value % PAGE_SIZE !== 0))
      throw new Errno('EINVAL', `unaligned: iova 0x${iova.toString(16)} pa 0x${physical.toString(16)} size 0x${length.toString(16)}`);
    const first = pageOf(iova);
    const count = length / PAGE_SIZE;
    for (let page = 0; page < count; page++)
      if (this.#pages.has(first + page)) throw new Errno('EEXIST', `0x${((first + page) * PAGE_SIZE).toString(16)} is mapped`);
    for (let page = 0; page < count; page++) this.#pages.set(first + page, { physical: physical + page * PAGE_SIZE, protection });
  }

  /** iommu_unmap. @returns how many bytes were mapped there, up to the first that was not */
  unmap(iova: number, length: number): number {
    const first = pageOf(iova);
    let page = 0;
    while (page < Math.ceil(length / PAGE_SIZE) && this.#pages.delete(first + page)) page++;
    return page * PAGE_SIZE;
  }

  /** iommu_iova_to_phys. */
  iovaToPhys(iova: number): number | undefined {
    const entry = this.#pages.get(pageOf(iova));
    return entry === undefined ? undefined : entry.physical + (iova % PAGE_SIZE);
  }

  /**
   * An access of the device, within one page.
   *
   * @returns the physical address; undefined after a fault, which the handler was told
   */
  translate(iova: number, isWrite: boolean): number | undefined {
    const entry = this.#pages.get(pageOf(iova));
    const allowed = entry === undefined ? 0 : entry.protection & (IOMMU_READ | IOMMU_WRITE) || IOMMU_READ | IOMMU_WRITE;
    if (entry === undefined || (allowed & (isWrite ? IOMMU_WRITE : IOMMU_READ)) === 0) {
      this.onFault?.({ iova, isWrite });
      return undefined;
    }
    return entry.physical + (iova % PAGE_SIZE);
  }

  describe(): string {
    return `IOMMU domain of ${this.#device}, ${this.#pages.size} pages`;
  }
}
