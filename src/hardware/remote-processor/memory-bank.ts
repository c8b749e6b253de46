import type { MemoryObject, System } from '../../kernel/index.ts';
import type { ContiguousRegion } from '../../memory/index.ts';

/** SRAM and its like: memory that is there from the beginning, and keeps what is in it. */
export class MemoryBank {
  readonly memory: MemoryObject;
  readonly #region: ContiguousRegion;

  /** @param region of which it is all */
  constructor(system: System, region: ContiguousRegion) {
    this.#region = region;
    region.allocate(region.size);
    this.memory = system.memory.allocate(region.size, region.name);
    region.back(region.base, this.memory, 0);
  }

  /** When the machine is switched off. */
  remove(): void {
    this.#region.free(this.#region.base);
    this.memory.put();
  }
}
