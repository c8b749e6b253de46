/** dma_alloc_coherent: contiguous memory that the CPU and a device see alike without syncs. */
import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { MemoryObject, PageRange } from '../kernel/index.ts';
import { cachesOf } from './cache-model.ts';
import { isNonCoherent } from './coherency/index.ts';
import { type ContiguousRegion, cmaAlignment } from './contiguous-region.ts';
import type { DmaDevice } from './dma-device.ts';
import type { DmaMapping } from './dma-mapping.ts';

export interface CoherentMemory {
  readonly memory: MemoryObject;
  readonly pages: readonly PageRange[];
  /** In bytes, on the device's bus. */
  readonly busAddress: number;
  free(): void;
}

/**
 * Takes zeroed memory of a region for a device, mapped both ways until it is freed. For a device that does not look into the CPU's caches the
 * CPU does not cache it.
 *
 * @param size in bytes
 * @param name for people: what the memory is of
 * @throws Errno ENOMEM
 */
export function allocateCoherent(device: DmaDevice, region: ContiguousRegion, size: number, name: string): CoherentMemory {
  const { system } = device;
  const length = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
  if (system.faults.fails('page', region.name) !== undefined) throw new Errno('ENOMEM', `${region.name} has no pages to give`);
  const address = region.allocate(length, cmaAlignment(length));
  const memory = system.memory.allocate(length, `memory of ${name}`);
  region.back(address, memory, 0);
  if (isNonCoherent(device)) cachesOf(system).setUncached?.(memory);
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
