/** kernel/irq/manage.c: the thread of a threaded interrupt. */
import { finish, type Kernel, wait } from '../kernel/index.ts';
import { IRQ_HANDLED, IRQCHIP_EOI_THREADED } from './flags.ts';
import type { IrqAction, IrqThreadFunction } from './irq-action.ts';
import type { IrqDesc } from './irq-desc.ts';

/** Starts `irq/N-NAME`. It ends when the interrupt has been freed and nothing is left to do. */
export function startThread(action: IrqAction): void {
  const { desc } = action;
  action.threadEnded = false;
  desc.irqs.system.scheduler.spawn(`irq/${desc.irq}-${action.name}`, undefined, irqThread(action), (outcome) => {
    action.threadEnded = true;
    desc.idle.wake();
    if (!outcome.ok) throw outcome.error;
  });
}

function* irqThread(action: IrqAction): Kernel<void> {
  const { desc } = action;
  const thread = action.thread as IrqThreadFunction;
  for (;;) {
    yield* wait(action.threadWork, () => action.threadHasWork || action.isFreed, { mode: 'uninterruptible' });
    if (!action.threadHasWork) return;
    action.threadHasWork = false;
    const answer = yield* finish(thread(desc.irq, action.devId));
    if ((answer & IRQ_HANDLED) !== 0) desc.threadsHandled++;
    finalizeOneshot(desc, action);
    if (--desc.threadsActive === 0) desc.idle.wake();
  }
}

/** irq_finalize_oneshot: the last thread to finish opens the line again. */
function finalizeOneshot(desc: IrqDesc, action: IrqAction): void {
  // The line has interrupted again for this thread, so it runs once more.
  if (!desc.isOneshot || action.threadHasWork) return;
  desc.threadsOneshot &= ~action.threadMask;
  if (desc.threadsOneshot !== 0 || desc.isDisabled || !desc.isMasked) return;
  const { chip } = desc.data;
  if (((chip?.flags ?? 0) & IRQCHIP_EOI_THREADED) !== 0) chip?.eoi?.(desc.data);
  desc.unmask();
}
