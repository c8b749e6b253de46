/** kernel/irq/manage.c: which processor gets an interrupt. */
import { Errno } from '../abi/index.ts';
import type { IrqDesc } from './irq-desc.ts';

/** irq_set_affinity. @param cpus in order @throws Errno EINVAL without a processor; what the chip says */
export function setAffinity(desc: IrqDesc, cpus: readonly number[]): void {
  if (cpus.length === 0) throw new Errno('EINVAL', 'no processor is left');
  desc.affinity = cpus;
  if (desc.isStarted && desc.data.chip?.setAffinity !== undefined) desc.effectiveCpu = desc.data.chip.setAffinity(desc.data, cpus);
}

/** What a write to smp_affinity does. @throws Errno EPERM when the chip has no choice; as {@link setAffinity} */
export function setAffinityByUser(desc: IrqDesc, cpus: readonly number[]): void {
  if (desc.data.chip?.setAffinity === undefined) throw new Errno('EPERM', `interrupt ${desc.irq} goes where it goes`);
  setAffinity(desc, cpus);
}
