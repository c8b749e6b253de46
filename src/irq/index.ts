/** Interrupts: descriptors, domains, controllers, handlers and threads. */
import type { System } from '../kernel/index.ts';
import { Irqs } from './irqs.ts';
import { ProcIrq } from './proc-irq.ts';
import { SysfsIrqs } from './sysfs-irq.ts';

export { setAffinity } from './affinity.ts';
export { showIrqDebugfs } from './debugfs-irq.ts';
export * from './flags.ts';
export { type FlowHandler, handleEdgeIrq, handleFasteoiIrq, handleLevelIrq, handleSimpleIrq } from './flow.ts';
export type { IrqHandler, IrqThreadFunction } from './irq-action.ts';
export { ackParent, eoiParent, type IrqChip, maskParent, retriggerHierarchy, unmaskParent } from './irq-chip.ts';
export type { IrqData } from './irq-data.ts';
export type { IrqDesc } from './irq-desc.ts';
export { IrqDomain, type IrqDomainDescription, type IrqDomainOps, levelOf } from './irq-domain.ts';
export type { IrqLine } from './irq-line.ts';
export type { Irqs } from './irqs.ts';
export {
  disableIrq,
  disableIrqNosync,
  enableIrq,
  freeIrq,
  type IrqRequest,
  requestIrq,
  setIrqType,
  synchronizeIrq,
} from './manage.ts';
export * from './msi/index.ts';
export { WiredController, type WiredControllerDescription } from './wired-controller.ts';

function makeIrqs(system: System): Irqs {
  const irqs = new Irqs(system);
  const proc = new ProcIrq(irqs);
  const sysfs = new SysfsIrqs(system);
  irqs.onAllocate = (desc) => sysfs.add(desc);
  irqs.onFreeDesc = (desc) => {
    proc.removeAll(desc);
    sysfs.remove(desc);
  };
  irqs.onRequest = (action) => proc.add(action);
  irqs.onFree = (action) => proc.remove(action);
  return irqs;
}

/** The interrupts of a machine; the first who asks brings up /proc/interrupts, /proc/irq and /sys/kernel/irq. */
export const irqs = (system: System): Irqs => system.single(makeIrqs);
