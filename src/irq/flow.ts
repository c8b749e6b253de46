/** kernel/irq/chip.c: in which order an interrupt is acknowledged, masked and handled. */
import { IRQCHIP_EOI_THREADED } from './flags.ts';
import { handleIrqEvent } from './handle-event.ts';
import type { IrqDesc } from './irq-desc.ts';

export type FlowHandler = (desc: IrqDesc) => void;

/** Whether it can be handled now; if not, it is remembered. */
function mayHandle(desc: IrqDesc): boolean {
  desc.isReplayed = false;
  if (!desc.inProgress && desc.actions.length > 0 && !desc.isDisabled) return true;
  desc.isPending = true;
  return false;
}

/** handle_level_irq: masked while the handlers run, for the line is high until one of them quiets the device. */
export const handleLevelIrq: FlowHandler = (desc) => {
  desc.maskAck();
  if (!mayHandle(desc)) return;
  desc.irqs.count(desc);
  handleIrqEvent(desc);
  if (!desc.isDisabled && desc.isMasked && desc.threadsOneshot === 0) desc.unmask();
};

/** handle_edge_irq: another edge may come while the handlers run; they run again then. */
export const handleEdgeIrq: FlowHandler = (desc) => {
  if (!mayHandle(desc)) {
    desc.maskAck();
    return;
  }
  desc.irqs.count(desc);
  desc.data.chip?.ack?.(desc.data);
  do {
    if (desc.actions.length === 0) {
      desc.mask();
      return;
    }
    if (desc.isPending && !desc.isDisabled && desc.isMasked) desc.unmask();
    handleIrqEvent(desc);
  } while (desc.isPending && !desc.isDisabled);
};

/** handle_fasteoi_irq: the controller holds the line back until it hears of the end. */
export const handleFasteoiIrq: FlowHandler = (desc) => {
  const { chip } = desc.data;
  if (!mayHandle(desc)) {
    desc.mask();
    chip?.eoi?.(desc.data);
    return;
  }
  desc.irqs.count(desc);
  if (desc.isOneshot) desc.mask();
  handleIrqEvent(desc);
  if (!desc.isOneshot) chip?.eoi?.(desc.data);
  else if (!desc.isDisabled && desc.isMasked && desc.threadsOneshot === 0) {
    chip?.eoi?.(desc.data);
    desc.unmask();
  } else if (((chip?.flags ?? 0) & IRQCHIP_EOI_THREADED) === 0) chip?.eoi?.(desc.data);
};

/** handle_simple_irq: software made it, nothing is to be acknowledged. */
export const handleSimpleIrq: FlowHandler = (desc) => {
  if (!mayHandle(desc)) return;
  desc.irqs.count(desc);
  handleIrqEvent(desc);
};
