import { Errno } from '../../abi/index.ts';
import { FW_RSC_ADDR_ANY } from '../../ports/remoteproc/index.ts';
import type { KernelAddress } from './kernel-address.ts';
import type { Rproc } from './rproc.ts';

const NAME_MAX = 31;

/** Whose region it is, for those who compare designs. */
export type RegionOwner = 'platform' | 'carveout' | 'vring';

export interface MemEntryDescription {
  /** What requests are matched with; cut to 31 bytes. */
  readonly name: string;
  /** In bytes. */
  readonly len: number;
  /** For the remote processor, or FW_RSC_ADDR_ANY. */
  readonly da: number;
  readonly va?: KernelAddress | undefined;
  /** What the DMA API would say. */
  readonly dma?: number;
  /** Produces the memory: sets va, dma and maybe da. @throws Errno */
  readonly alloc?: ((rproc: Rproc, entry: MemEntry) => void) | undefined;
  /** Gives it back. */
  readonly release?: ((rproc: Rproc, entry: MemEntry) => void) | undefined;
  /** In the parent's list of memory regions; -1 when left out. */
  readonly ofResmIdx?: number;
  readonly owner?: RegionOwner;
  /** Where its memory comes from, for people. */
  readonly provider?: string;
}

/** A region of memory that the remote processor uses: `struct rproc_mem_entry`. Section 4 of docs/reference/remoteproc.md. */
export class MemEntry {
  readonly name: string;
  va: KernelAddress | undefined;
  dma: number;
  len: number;
  da: number;
  /** Whether I/O accessors must be used. */
  isIomem = false;
  priv: unknown;
  /** Of the carveout's body in the resource table; ANY while no entry of the table is attached. */
  rscOffset = FW_RSC_ADDR_ANY;
  /** IOMMU_ bits. */
  flags = 0;
  readonly ofResmIdx: number;
  readonly alloc: MemEntryDescription['alloc'];
  readonly release: MemEntryDescription['release'];
  readonly owner: RegionOwner;
  provider: string;
  state: 'registered' | 'allocated' | 'released' = 'registered';
  /** What was asked of it, when that was not all of it. */
  requested: { readonly da: number; readonly len: number } | undefined;
  /** Where its memory begins for the CPU, when only its provider knows. */
  providedPhysical: number | undefined;

  constructor(description: MemEntryDescription) {
    this.name = description.name.slice(0, NAME_MAX);
    this.va = description.va;
    this.dma = description.dma ?? 0;
    this.len = description.len;
    this.da = description.da;
    this.ofResmIdx = description.ofResmIdx ?? -1;
    this.alloc = description.alloc;
    this.release = description.release;
    this.owner = description.owner ?? 'platform';
    this.provider = description.provider ?? 'mapped';
  }

  /** Where it begins for the CPU; undefined as long as nobody knows. */
  get physical(): number | undefined {
    if (this.va !== undefined) return this.va.physical;
    if (this.providedPhysical !== undefined) return this.providedPhysical;
    return this.state === 'allocated' || this.alloc === undefined ? this.dma : undefined;
  }
}

/**
 * rproc_check_carveout_da: whether a request fits a region. Section 5.3; containment is enough.
 *
 * @param warn told why not, as dev_err
 * @throws Errno EINVAL
 */
export function checkCarveoutDa(entry: MemEntry, da: number, len: number, warn: (text: string) => void): void {
  const refuse = (text: string | undefined) => {
    if (text !== undefined) warn(text);
    return new Errno('EINVAL', text ?? `${entry.name} has no device address yet, and 0x${da.toString(16)} was asked for`);
  };
  if (len > entry.len) throw refuse("Registered carveout doesn't fit len request");
  if (da === FW_RSC_ADDR_ANY) return;
  if (entry.da === FW_RSC_ADDR_ANY) throw refuse(undefined);
  const delta = (da - entry.da) | 0;
  if (delta < 0) throw refuse("Registered carveout doesn't fit da request");
  if ((delta + len) >>> 0 > entry.len) throw refuse("Registered carveout doesn't fit len request");
}
