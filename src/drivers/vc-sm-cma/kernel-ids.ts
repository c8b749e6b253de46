/** Cookies that the VPU gives back in RELEASED: section 7.2 of docs/reference/vc-sm-cma.md. */
import { isErrno } from '../../abi/index.ts';
import { Idr, type System } from '../../kernel/index.ts';
import type { VcSmBuffer } from './buffer.ts';
import { VCSM_DEFECTS } from './defects.ts';

/** -ENOMEM, as the 32 bits of the message have it. */
const NO_ID = 0xfffffff4;

/** Of kmalloc, for what is as large as a buffer's record. */
const ALIGNMENT = 256;

/** The lowest free number from 1 on, or once its address, for each buffer that the VPU has or may get. */
export class KernelIds {
  readonly #system: System;
  readonly #ids = new Idr<VcSmBuffer>(1);
  /** By the low 32 bits of addresses, as the messages have them; undefined where ids are numbers. */
  readonly #byAddress: Map<number, VcSmBuffer> | undefined;
  readonly #random: ReturnType<System['random']>;

  constructor(system: System, arePointers: boolean) {
    this.#system = system;
    this.#random = system.random('addresses of vcsm-cma');
    this.#byAddress = arePointers ? new Map() : undefined;
  }

  /** Gives a buffer its id. @throws Errno ENOMEM */
  take(buffer: VcSmBuffer): void {
    if (this.#byAddress !== undefined) {
      do buffer.kernelId = (this.#random.uint32() & -ALIGNMENT) >>> 0;
      while (buffer.kernelId === 0 || this.#byAddress.has(buffer.kernelId));
      this.#byAddress.set(buffer.kernelId, buffer);
      return;
    }
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
    return this.#byAddress === undefined ? this.#ids.find(id) : this.#byAddress.get(id);
  }

  /** The buffer's id is free again, if it has one. */
  drop(buffer: VcSmBuffer): void {
    if (this.find(buffer.kernelId) !== buffer) return;
    if (this.#byAddress === undefined) this.#ids.remove(buffer.kernelId);
    else this.#byAddress.delete(buffer.kernelId);
  }
}
