/** kernel/irq/manage.c and migration.c: which processor gets an interrupt. */
import { Errno } from '../abi/index.ts';
import { IRQCHIP_MOVE_DEFERRED } from './flags.ts';
import type { IrqDesc } from './irq-desc.ts';

/**
 * irq_set_affinity. An interrupt that cannot move now moves when it next comes; who asked is not told.
 *
 * @param cpus in order @throws Errno EINVAL without a processor; what the chip says
 */
export function setAffinity(desc: IrqDesc, cpus: readonly number[]): void {
  if (cpus.length === 0) throw new Errno('EINVAL', 'no processor is left');
  const { chip } = desc.data;
  if (!desc.isStarted || chip?.setAffinity === undefined) desc.affinity = cpus;
  else if (((chip.flags ?? 0) & IRQCHIP_MOVE_DEFERRED) !== 0 || desc.pendingAffinity !== undefined) desc.pendingAffinity = cpus;
  else {
    try {
      desc.onBus(() => move(desc, cpus));
    } catch (error) {
      if (!(error instanceof Errno) || error.code !== 'EBUSY') throw error;
      desc.pendingAffinity = cpus;
    }
  }
}

function move(desc: IrqDesc, cpus: readonly number[]): void {
  const { chip } = desc.data;
  if (chip?.setAffinity === undefined) return;
  desc.effectiveCpu = chip.setAffinity(desc.data, cpus);
  desc.affinity = cpus;
}

/** irq_move_irq, for a chip's acknowledgement: no other interrupt can come in between, because it is masked. */
export function movePending(desc: IrqDesc): void {
  const { pendingAffinity, isMasked } = desc;
  if (pendingAffinity === undefined || desc.isDisabled) return;
  desc.pendingAffinity = undefined;
  desc.mask();
  try {
    move(desc, pendingAffinity);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.code === 'EBUSY') desc.pendingAffinity = pendingAffinity;
  } finally {
    if (!isMasked) desc.unmask();
  }
}

/** What a write to smp_affinity does. @throws Errno EPERM when the chip has no choice; as {@link setAffinity} */
export function setAffinityByUser(desc: IrqDesc, cpus: readonly number[]): void {
  if (desc.data.chip?.setAffinity === undefined) throw new Errno('EPERM', `interrupt ${desc.irq} goes where it goes`);
  setAffinity(desc, cpus);
}
