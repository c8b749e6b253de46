import type { MemoryObject, System } from '../kernel/index.ts';
import { type CacheModel, cachesOf, type DmaDirection } from '../memory/index.ts';

/** Tells the machine's caches what programs say of their accesses to a buffer, so that a missing call can be named. */
export class CpuView {
  readonly #caches: CacheModel;
  readonly #memories: readonly MemoryObject[];
  /** Whether a program has ever had it mapped. */
  isMapped = false;

  constructor(caches: CacheModel, memories: readonly MemoryObject[]) {
    this.#caches = caches;
    this.#memories = memories;
  }

  named(label: () => string): void {
    for (const memory of this.#memories) this.#caches.named?.(memory, label);
  }

  begun(direction: DmaDirection): void {
    for (const memory of this.#memories) this.#caches.cpuAccessBegun?.(memory, direction);
  }

  ended(direction: DmaDirection): void {
    for (const memory of this.#memories) this.#caches.cpuAccessEnded?.(memory, direction);
  }

  detached(): void {
    for (const memory of this.#memories) this.#caches.detached?.(memory, this.isMapped);
  }

  retired(): void {
    for (const memory of this.#memories) this.#caches.retired?.(memory, this.isMapped);
  }
}

/** Undefined where nobody asks: caches are coherent, or the buffer's memory is not known. */
export function cpuViewOf(system: System, memories: readonly MemoryObject[]): CpuView | undefined {
  const caches = cachesOf(system);
  return caches.cpuAccessBegun === undefined || memories.length === 0 ? undefined : new CpuView(caches, memories);
}
