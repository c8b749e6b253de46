/** Regions: looking them up, allocating and releasing them. Section 5 of docs/reference/remoteproc.md. */
import { Errno, errno, isErrno } from '../../abi/index.ts';
import { allocateCoherent, type CoherentMemory } from '../../memory/index.ts';
import { FW_RSC_ADDR_ANY, fw_rsc_carveout } from '../../ports/remoteproc/index.ts';
import { KernelAddress, linearAddress } from './kernel-address.ts';
import { MemEntry } from './mem-entry.ts';
import type { Rproc } from './rproc.ts';

const LOW = 2 ** 32;

/** rproc_add_carveout: no check at all, but that of the policy `strict`. @throws Errno EBUSY by that */
export function addCarveout(rproc: Rproc, entry: MemEntry): void {
  rproc.policy.verify?.(rproc, entry);
  rproc.carveouts.push(entry);
  rproc.observer.lifetime('register', entry);
}

/** rproc_find_carveout_by_name: the first in the list. */
export const findCarveout = (rproc: Rproc, name: string): MemEntry | undefined => rproc.carveouts.find((entry) => entry.name === name);

/** Shows memory of the DMA API to an entry. */
export function provideCoherent(rproc: Rproc, entry: MemEntry, memory: CoherentMemory): void {
  const area = { virtual: linearAddress(memory.physical), physical: memory.physical, range: memory, isStrict: false };
  entry.va = new KernelAddress(rproc.system, area);
  entry.dma = memory.busAddress;
  entry.priv = memory;
}

/** What {@link provideCoherent} gave goes back. */
export function withdrawCoherent(entry: MemEntry): void {
  entry.va = undefined;
  (entry.priv as CoherentMemory).free();
}

/** rproc_alloc_carveout: coherent memory of the parent. @throws Errno ENOMEM, and what the IOMMU says */
export function allocCarveout(rproc: Rproc, entry: MemEntry): void {
  const { parent, domain } = rproc;
  let memory: CoherentMemory;
  try {
    memory = parent.allocateCoherent?.(entry.len) ?? allocateCoherent(parent.dma, parent.cma, entry.len);
  } catch (error) {
    if (!isErrno(error)) throw error;
    rproc.parentPrint('err', `failed to allocate dma memory: len 0x${entry.len.toString(16)}`);
    throw new Errno('ENOMEM', error.message);
  }
  const { busAddress } = memory;
  if (entry.da !== FW_RSC_ADDR_ANY && domain === undefined && entry.da !== busAddress % LOW)
    rproc.parentPrint('warn', "Allocated carveout doesn't fit device address request");
  if (entry.da !== FW_RSC_ADDR_ANY && domain !== undefined) {
    try {
      rproc.mapForRemote(entry.da, busAddress, entry.len, entry.flags);
    } catch (error) {
      memory.free();
      if (isErrno(error)) rproc.print('err', `iommu_map failed: -${errno[error.code]}`);
      throw error;
    }
  }
  if (entry.da === FW_RSC_ADDR_ANY) {
    if (busAddress >= LOW) rproc.print('warn', 'DMA address cast in 32bit to fit FW format');
    entry.da = busAddress % LOW;
  }
  provideCoherent(rproc, entry, memory);
}

/** rproc_release_carveout. */
export function releaseCarveout(_rproc: Rproc, entry: MemEntry): void {
  withdrawCoherent(entry);
}

/** An entry that the default allocator serves. */
export const defaultEntry = (name: string, len: number, da: number, owner: 'carveout' | 'vring'): MemEntry =>
  new MemEntry({ name, len, da, alloc: allocCarveout, release: releaseCarveout, owner, provider: 'coherent' });

/** rproc_alloc_registered_carveouts. @throws Errno ENOMEM */
export function allocRegisteredCarveouts(rproc: Rproc): void {
  for (const entry of rproc.carveouts) {
    if (entry.alloc !== undefined) {
      try {
        rproc.step('alloc', entry.name);
        entry.alloc(rproc, entry);
      } catch (error) {
        if (!isErrno(error)) throw error;
        rproc.print('err', `Unable to allocate carveout ${entry.name}: -${errno[error.code]}`);
        throw new Errno('ENOMEM', error.message);
      }
      entry.state = 'allocated';
      rproc.observer.lifetime('alloc', entry);
    }
    rproc.policy.verify?.(rproc, entry);
    if (entry.rscOffset !== FW_RSC_ADDR_ANY) writeBack(rproc, entry);
  }
}

/** What a carveout got is told to the firmware: the whole region, also when only a part was asked for. */
function writeBack(rproc: Rproc, entry: MemEntry): void {
  const physical = entry.va === undefined ? entry.dma : entry.va.physical;
  if (physical >= LOW) rproc.print('warn', 'Physical address cast in 32bit to fit resource table format');
  const view = rproc.tablePtr?.view();
  if (view === undefined) return;
  fw_rsc_carveout.assign(view, entry.rscOffset, { pa: physical % LOW, da: entry.da, len: entry.len });
  rproc.observer.lifetime('write-back', entry);
}

/** Gives back what one entry has. Linux releases one that was never allocated, too, with a va of NULL; that frees nothing, and is left out here. */
export function releaseEntry(rproc: Rproc, entry: MemEntry): void {
  if (entry.state === 'allocated' || entry.alloc === undefined) entry.release?.(rproc, entry);
  entry.state = 'released';
  rproc.observer.lifetime('release', entry);
}
