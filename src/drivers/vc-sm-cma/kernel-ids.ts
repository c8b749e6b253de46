/** Cookies that the VPU gives back in RELEASED: section 7.2 of docs/reference/vc-sm-cma.md. */
import { isErrno } from '../../abi/index.ts';
import { Idr, type System } from '../../kernel/index.ts';
import type { VcSmBuffer } from './buffer.ts';
import { VCSM_DEFECTS } from './defects.ts';

/** -ENOMEM, as the 32 bits of the message have it. */
const NO_ID = 0xfffffff4;

/** The lowest free number from 1 on, for each buffer that the VPU has or may get. */
export class KernelIds {
  readonly #system: System;
  readonly #ids = new Idr<VcSmBuffer>(1);

  constructor(system: System) {
    this.#system = system;
  }

  /** Gives a buffer its id. @throws Errno ENOMEM */
  take(buffer: VcSmBuffer): void {
    try {
      this.#system.kmalloc('struct radix_tree_node');
    } catch (error) {
      if (!isErrno(error) || !this.#system.findings.recreates(VCSM_DEFECTS.Q31)) throw error;
      buffer.kernelId = NO_ID;
      return;
    }
    buffer.kernelId = this.#ids.allocate(buffer);
  }

  find(id: number): VcSmBuffer | undefined {
    return this.#ids.find(id);
  }

  /** The buffer's id is free again, if it has one. */
  drop(buffer: VcSmBuffer): void {
    if (this.find(buffer.kernelId) === buffer) this.#ids.remove(buffer.kernelId);
  }
}
