import { Errno } from '../../abi/index.ts';
import type { System } from '../../kernel/index.ts';
import type { CoherentRegion } from '../../memory/index.ts';
import type { IpcLink } from '../../ports/keembay/index.ts';
import { RING_OVERWRITES } from './defects.ts';

/** Most bytes of a volatile message, and the size of each buffer: XLINK_MAX_BUF_SIZE. */
export const XLINK_MAX_BUF_SIZE = 128;

/** The buffers that volatile messages are copied to, one after the other: section 15 of docs/reference/keembay-ipc.md. */
export class PayloadRing {
  readonly #system: System;
  readonly #ipc: Pick<IpcLink, 'isNamed'>;
  readonly #region: CoherentRegion;
  readonly #count: number;
  #next = 0;

  constructor(system: System, ipc: Pick<IpcLink, 'isNamed'>, region: CoherentRegion) {
    this.#system = system;
    this.#ipc = ipc;
    this.#region = region;
    this.#count = Math.floor(region.size / XLINK_MAX_BUF_SIZE);
    region.memory.bytes().fill(0);
  }

  /** @returns where the VPU sees the copy @throws Errno ENOMEM, which only a ring without the defect knows; ENXIO */
  put(message: Uint8Array): number {
    const { busAddress, size, memory } = this.#region;
    const slot = this.#take();
    if (busAddress + size > 0xffffffff) throw new Errno('ENXIO', 'the buffers are not below 4 GiB');
    memory.bytes().set(message, slot * XLINK_MAX_BUF_SIZE);
    return this.#addressOf(slot);
  }

  #addressOf = (slot: number) => this.#region.busAddress + slot * XLINK_MAX_BUF_SIZE;
  #isInUse = (slot: number) => this.#ipc.isNamed(this.#addressOf(slot), XLINK_MAX_BUF_SIZE);

  #take(): number {
    const { findings } = this.#system;
    const mayOverwrite = findings.recreates(RING_OVERWRITES);
    for (let tries = 0; tries < this.#count; tries++) {
      const slot = this.#next;
      this.#next = (slot + 1) % this.#count;
      if (!this.#isInUse(slot)) return slot;
      if (!mayOverwrite) continue;
      findings.report('xlink-payload-overwritten', `buffer ${slot} of ${this.#count} was filled anew while a packet in use names it`);
      return slot;
    }
    throw new Errno('ENOMEM', `packets in use name all ${this.#count} buffers`);
  }
}
