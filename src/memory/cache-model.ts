import type { MemoryObject, MemoryRange, System } from '../kernel/index.ts';
import type { DmaDevice } from './dma-device.ts';
import type { DmaDirection } from './dma-direction.ts';

/** What a CPU can do to its own lines: write dirty ones back, drop them whatever they have, or the one and then the other. */
export type CacheMaintenance = 'clean' | 'invalidate' | 'flush';

/**
 * What lies between memory, CPU caches and devices. Each access of a device and each sync of the DMA API goes through it; a range
 * is always within one memory object, and as long as the bytes that come with it.
 */
export interface CacheModel {
  /** A device reads. */
  deviceRead(device: DmaDevice, range: MemoryRange, into: Uint8Array): void;
  /** A device writes. */
  deviceWrite(device: DmaDevice, range: MemoryRange, bytes: Uint8Array): void;
  /** Mapping and dma_sync_*_for_device: what the CPU wrote is made visible to the device. */
  syncForDevice(device: DmaDevice, range: MemoryRange, direction: DmaDirection): void;
  /** Unmapping and dma_sync_*_for_cpu: what the device wrote is made visible to the CPU. */
  syncForCpu(device: DmaDevice, range: MemoryRange, direction: DmaDirection): void;
  /** The CPU maintains its lines of a range by their addresses, whoever uses the memory otherwise. */
  maintain?(range: MemoryRange, what: CacheMaintenance): void;
  /** Memory was mapped for a device; before the sync that belongs to it. */
  mapped?(device: DmaDevice, range: MemoryRange): void;
  /** It is about to be unmapped; before the sync that belongs to it. */
  unmapping?(device: DmaDevice, range: MemoryRange): void;
  /** A device writes back what its own cache has and empties it. */
  flushDevice?(device: DmaDevice): void;
  /** A device drops what its own cache has of memory. */
  invalidateDevice?(device: DmaDevice): void;
  /** Lines that a device has written and only it sees. */
  unflushedLines?(device: DmaDevice): number;
  /** The CPU is about to access memory, as DMA_BUF_IOCTL_SYNC START tells; after the syncs that belong to it. */
  cpuAccessBegun?(memory: MemoryObject, direction: DmaDirection): void;
  /** The CPU's access has ended; before the syncs that belong to it. */
  cpuAccessEnded?(memory: MemoryObject, direction: DmaDirection): void;
  /** The CPU maps memory uncached or write-combined: it has no lines of it. To be said before a device comes. */
  setUncached?(memory: MemoryObject): void;
  /** The memory has got its use. @param label for people */
  named?(memory: MemoryObject, label: () => string): void;
  /** A device was taken from a buffer for good. @param wasMapped whether programs ever had the buffer mapped */
  detached?(memory: MemoryObject, wasMapped: boolean): void;
  /** Its use ends. @param wasMapped as of {@link detached} */
  retired?(memory: MemoryObject, wasMapped: boolean): void;
}

/** All devices snoop the CPU's caches: there is one memory, and nothing to sync. */
export const coherentCaches: CacheModel = {
  deviceRead(_device, { memory, offset, length }, into) {
    into.set(memory.bytes().subarray(offset, offset + length));
  },
  deviceWrite(_device, { memory, offset }, bytes) {
    memory.bytes().set(bytes, offset);
  },
  syncForDevice() {},
  syncForCpu() {},
};

const makeHolder = (_system: System): { model: CacheModel } => ({ model: coherentCaches });

/** The cache model of a machine. */
export const cachesOf = (system: System): CacheModel => system.single(makeHolder).model;

/** Gives a machine another cache model, before it has devices. */
export function setCaches(system: System, model: CacheModel): void {
  system.single(makeHolder).model = model;
}
