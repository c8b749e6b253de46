/** Bytes and addresses: memory objects, the RAM that gives them physical addresses, and how devices reach them. */
export { ArrayMemoryProvider } from './array-memory.ts';
export { type CacheMaintenance, type CacheModel, cachesOf, coherentCaches, setCaches } from './cache-model.ts';
export {
  EVICTIONS,
  type Eviction,
  isNonCoherent,
  NonCoherentCaches,
  type NonCoherentOptions,
  REPORTS,
  type Reports,
} from './coherency/index.ts';
export { allocateCoherent, type CoherentMemory, CoherentPool, type CoherentPoolDescription, coherentPages } from './coherent-memory.ts';
export { CoherentRegion } from './coherent-region.ts';
export { ContiguousRegion, cmaAlignment, type RegionDescription } from './contiguous-region.ts';
export { type DmaAttributes, DmaDevice, type DmaDeviceTraits, type DmaRange } from './dma-device.ts';
export { type DmaDirection, deviceReads, deviceWrites } from './dma-direction.ts';
export { DmaMapping, type DmaSegment, type PageRange } from './dma-mapping.ts';
export { GenPool, type GenPoolAlgorithm } from './gen-pool.ts';
export { IommuDomain, type IommuFault } from './iommu.ts';
export { KernelMapping } from './kernel-mapping.ts';
export { type NewPages, PageCache, type PageSource } from './page-cache.ts';
export { MAX_PAGE_ORDER, PhysicalMemory } from './physical-memory.ts';
