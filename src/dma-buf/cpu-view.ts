import type { MemoryObject, System } from '../kernel/index.ts';
import { type CacheModel, cachesOf, type DmaDirection } from '../memory/index.ts';

/** Tells the machine's caches what programs say of their accesses to a buffer, so that a missing call can be named. */
export class CpuView {
  readonly #caches: CacheModel;
  readonly #memory: MemoryObject;
  /** Whether a program has ever had it mapped. */
  isMapped = false;

  constructor(caches: CacheModel, memory: MemoryObject) {
    this.#caches = caches;
    this.#memory = memory;
  }

  named(label: () => string): void {
    this.#caches.named?.(this.#memory, label);
  }

  begun(direction: DmaDirection): void {
    this.#caches.cpuAccessBegun?.(this.#memory, direction);
  }

  ended(direction: DmaDirection): void {
    this.#caches.cpuAccessEnded?.(this.#memory, direction);
  }

  detached(): void {
    this.#caches.detached?.(this.#memory, this.isMapped);
  }

  retired(): void {
    this.#caches.retired?.(this.#memory, this.isMapped);
  }
}

/** Undefined where caches are coherent: nobody asks there. */
export function cpuViewOf(system: System, memory: MemoryObject): CpuView | undefined {
  const caches = cachesOf(system);
  return caches.cpuAccessBegun === undefined ? undefined : new CpuView(caches, memory);
}
