/** dma_alloc_coherent: contiguous memory that the CPU does not cache. */
import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE } from '../../abi/uapi/index.ts';
import type { MemoryObject, PageRange } from '../../kernel/index.ts';
import { type ContiguousRegion, cachesOf, cmaAlignment, type DmaDevice, type DmaMapping } from '../../memory/index.ts';

export interface CoherentMemory {
  readonly memory: MemoryObject;
  readonly pages: readonly PageRange[];
  /** In bytes, on the device's bus. */
  readonly busAddress: number;
  free(): void;
}

/** @param size in bytes @throws Errno ENOMEM */
export function allocateCoherent(device: DmaDevice, region: ContiguousRegion, size: number): CoherentMemory {
  const { system } = device;
  const length = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
  if (system.faults.fails('page', region.name) !== undefined) throw new Errno('ENOMEM', `${region.name} has no pages to give`);
  const address = region.allocate(length, cmaAlignment(length));
  const memory = system.memory.allocate(length, 'memory of vcsm-cma');
  region.back(address, memory, 0);
  cachesOf(system).setUncached?.(memory);
  const pages: PageRange[] = [{ memory, offset: 0, length, address }];
  const free = () => {
    region.free(address);
    memory.put();
  };
  let mapping: DmaMapping;
  try {
    mapping = device.mapSg(pages, 'bidirectional', { skipCpuSync: true });
  } catch (error) {
    free();
    throw new Errno('ENOMEM', (error as Error).message);
  }
  return {
    memory,
    pages,
    busAddress: mapping.segments[0]?.busAddress as number,
    free() {
      device.unmapSg(mapping, 'bidirectional', { skipCpuSync: true });
      free();
    },
  };
}
