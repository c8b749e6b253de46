/** dma_alloc_coherent: contiguous memory that CPU and device see alike. */
import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, MemoryRange, PageRange } from '../kernel/index.ts';
import { cachesOf } from './cache-model.ts';
import { isNonCoherent } from './coherency/index.ts';
import { type ContiguousRegion, cmaAlignment } from './contiguous-region.ts';
import type { DmaDevice } from './dma-device.ts';
import type { DmaMapping } from './dma-mapping.ts';

/** Memory that {@link allocateCoherent} or a {@link CoherentPool} gave. */
export interface CoherentMemory extends MemoryRange {
  /** Physical address of the first byte. */
  readonly physical: number;
  /** What the device is told: a dma_addr_t. */
  readonly busAddress: number;
  /** Once. */
  free(): void;
}

/** The whole pages that it lies in, for whoever maps them once more. */
export const coherentPages = ({ memory, offset, length, physical }: CoherentMemory): readonly PageRange[] => [
  { memory, offset, length: pagesOf(length) * PAGE_SIZE, address: physical },
];

const pagesOf = (bytes: number) => Math.ceil(bytes / PAGE_SIZE);

/**
 * Memory of a CMA area for a device that has no pool of its own. It is zero. For a device that does not look into the CPU's caches the CPU
 * does not cache it.
 *
 * @param size in bytes, rounded up to pages
 * @param name for people: what the memory is of; the device's when left out
 * @throws Errno ENOMEM, also when the device cannot reach what there is
 */
export function allocateCoherent(device: DmaDevice, region: ContiguousRegion, size: number, name = device.name): CoherentMemory {
  const { system } = device;
  const length = pagesOf(size) * PAGE_SIZE;
  if (length === 0) throw new Errno('ENOMEM', 'no bytes at all');
  if (system.faults.fails('page', region.name) !== undefined) throw new Errno('ENOMEM', `${region.name} has no pages to give`);
  const physical = region.allocate(length, cmaAlignment(length));
  const memory = system.memory.allocate(length, `coherent memory of ${name}`);
  region.back(physical, memory, 0);
  if (isNonCoherent(device)) cachesOf(system).setUncached?.(memory);
  const free = () => {
    region.free(physical);
    memory.put();
  };
  let mapping: DmaMapping;
  try {
    mapping = device.mapSg([{ memory, offset: 0, length, address: physical }], 'bidirectional', { skipCpuSync: true });
  } catch (error) {
    free();
    throw new Errno('ENOMEM', (error as Error).message);
  }
  return {
    memory,
    offset: 0,
    length: size,
    physical,
    busAddress: mapping.segments[0]?.busAddress as number,
    free() {
      device.unmapSg(mapping, 'bidirectional', { skipCpuSync: true });
      free();
    },
  };
}

export interface CoherentPoolDescription {
  /** Physical address of its first byte. */
  readonly physical: number;
  /** The same for the device. */
  readonly deviceBase: number;
  /** In bytes; what is no whole page is not used. */
  readonly size: number;
  /** The bytes behind a physical address. */
  readonly resolve: (physical: number) => MemoryRange | undefined;
  /** Whether requests become powers of two of pages, naturally aligned, as kernel/dma/coherent.c has it; true when left out. */
  readonly roundsUp?: boolean;
}

/** kernel/dma/coherent.c: memory that was declared for one device, from which all it allocates comes. */
export class CoherentPool {
  readonly #description: CoherentPoolDescription;
  readonly #taken: boolean[];
  /** Of its first byte. */
  readonly physical: number;
  /** Bytes that were given beyond what was asked for, as of now. */
  wastedBytes = 0;
  failures = 0;

  constructor(description: CoherentPoolDescription) {
    this.#description = description;
    this.physical = description.physical;
    this.#taken = new Array(Math.floor(description.size / PAGE_SIZE)).fill(false);
  }

  get freeBytes(): number {
    return this.#taken.filter((isTaken) => !isTaken).length * PAGE_SIZE;
  }

  /** dma_alloc_from_dev_coherent: zeroed. There is no other memory to fall back to. @throws Errno ENOMEM */
  allocate(size: number): CoherentMemory {
    const { physical, deviceBase, resolve, roundsUp = true } = this.#description;
    const wanted = Math.max(1, pagesOf(size));
    const pages = roundsUp ? 2 ** Math.ceil(Math.log2(wanted)) : wanted;
    const first = this.#firstGap(pages, roundsUp ? pages : 1);
    const range = first === undefined ? undefined : resolve(physical + first * PAGE_SIZE);
    if (first === undefined || range === undefined || range.length < wanted * PAGE_SIZE) {
      this.failures++;
      throw new Errno('ENOMEM', `the device's pool of ${this.#taken.length} pages has no ${pages} of them in a row`);
    }
    this.#taken.fill(true, first, first + pages);
    const waste = pages * PAGE_SIZE - size;
    this.wastedBytes += waste;
    zero(range.memory, range.offset, size);
    return {
      memory: range.memory,
      offset: range.offset,
      length: size,
      physical: physical + first * PAGE_SIZE,
      busAddress: deviceBase + first * PAGE_SIZE,
      free: () => {
        this.#taken.fill(false, first, first + pages);
        this.wastedBytes -= waste;
      },
    };
  }

  #firstGap(pages: number, alignment: number): number | undefined {
    for (let first = 0; first + pages <= this.#taken.length; first += alignment)
      if (!this.#taken.slice(first, first + pages).includes(true)) return first;
    return undefined;
  }
}

function zero(memory: MemoryObject, offset: number, length: number): void {
  memory.bytes().fill(0, offset, offset + length);
}
