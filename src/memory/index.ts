/** Bytes and addresses: memory objects, and the RAM that gives them physical addresses. */
export { ArrayMemoryProvider } from './array-memory.ts';
export { PageCache, type PageSource } from './page-cache.ts';
export { MAX_PAGE_ORDER, PhysicalMemory } from './physical-memory.ts';
