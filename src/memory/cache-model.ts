import type { MemoryRange, System } from '../kernel/index.ts';
import type { DmaDevice } from './dma-device.ts';
import type { DmaDirection } from './dma-direction.ts';

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
