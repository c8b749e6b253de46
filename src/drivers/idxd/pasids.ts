/** drivers/iommu/iommu-sva.c: address spaces that devices may use, by number. */
import { Errno } from '../../abi/index.ts';
import type { Task } from '../../kernel/index.ts';

const PASID_MAX = 0xfffff;

interface Binding {
  readonly pasid: number;
  readonly process: number;
  users: number;
}

/** Invariant: a process has one number as long as something is bound to it. */
export class Pasids {
  readonly #byProcess = new Map<number, Binding>();
  readonly #byPasid = new Map<number, Binding>();
  #next = 1;

  /** iommu_sva_bind_device. @throws Errno ENOSPC */
  bind(task: Task): number {
    let binding = this.#byProcess.get(task.tgid);
    if (binding === undefined) {
      binding = { pasid: this.#free(), process: task.tgid, users: 0 };
      this.#byProcess.set(task.tgid, binding);
      this.#byPasid.set(binding.pasid, binding);
    }
    binding.users++;
    return binding.pasid;
  }

  /** iommu_sva_unbind_device. */
  unbind(pasid: number): void {
    const binding = this.#byPasid.get(pasid) as Binding;
    if (--binding.users > 0) return;
    this.#byPasid.delete(pasid);
    this.#byProcess.delete(binding.process);
  }

  /** Numbers go on, so that what is late of a process is not taken for another's. */
  #free(): number {
    if (this.#byPasid.size >= PASID_MAX) throw new Errno('ENOSPC', 'all address space numbers are in use');
    while (this.#byPasid.has(this.#next)) this.#next = (this.#next % PASID_MAX) + 1;
    const pasid = this.#next;
    this.#next = (pasid % PASID_MAX) + 1;
    return pasid;
  }
}
