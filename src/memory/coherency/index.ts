/** CPU caches that devices may fail to look into: a program that forgets to sync sees old bytes. */
export { CachedMemory } from './cached-memory.ts';
export { EVICTIONS, type Eviction } from './eviction.ts';
export { isNonCoherent, NonCoherentCaches, type NonCoherentOptions } from './non-coherent-caches.ts';
export { PrivateCache } from './private-cache.ts';
export { REPORTS, type Reports } from './reports.ts';
