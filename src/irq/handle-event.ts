/** kernel/irq/handle.c: the handlers of an interrupt. */
import { IRQ_WAKE_THREAD } from './flags.ts';
import type { IrqAction } from './irq-action.ts';
import type { IrqDesc } from './irq-desc.ts';
import { noteInterrupt } from './spurious.ts';

/** handle_irq_event: asks every driver that shares the line. */
export function handleIrqEvent(desc: IrqDesc): void {
  desc.isPending = false;
  desc.inProgress = true;
  let answered = 0;
  const { scheduler } = desc.irqs.system;
  const before = scheduler.enterAtomic(undefined);
  try {
    for (const action of [...desc.actions]) {
      scheduler.enterAtomic(action);
      const answer = action.handler(desc.irq, action.devId);
      if (answer === IRQ_WAKE_THREAD) wakeThread(action);
      answered |= answer;
    }
  } finally {
    scheduler.enterAtomic(before);
    desc.inProgress = false;
    desc.idle.wake();
  }
  noteInterrupt(desc, answered);
}

/** __irq_wake_thread. */
function wakeThread(action: IrqAction): void {
  const { desc } = action;
  if (action.thread === undefined) {
    const text = `IRQ ${desc.irq} device ${action.name} returned IRQ_WAKE_THREAD but no thread function available.`;
    desc.irqs.system.log.print('warn', text);
    desc.irqs.system.findings.report('irq-no-thread', text);
    return;
  }
  if (action.threadHasWork) return;
  action.threadHasWork = true;
  desc.threadsOneshot |= action.threadMask;
  desc.threadsActive++;
  action.threadWork.wake();
}
