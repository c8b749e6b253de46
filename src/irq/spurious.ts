/** kernel/irq/spurious.c: a line that interrupts without end and without a driver that knows why is switched off. */
import { IRQ_HANDLED, IRQ_NONE, IRQ_WAKE_THREAD } from './flags.ts';
import type { IrqDesc } from './irq-desc.ts';

/** Interrupts that are judged together, and how many of them may go unhandled. */
const WINDOW = 100_000;
const UNHANDLED_MAX = 99_900;
/** Unhandled interrupts farther apart than this count from the beginning. */
const APART_NS = 100_000_000;

/** Whether the threads that were woken for nothing but this did something since the last time. Undefined: it cannot be known yet. */
function threadsHandled(desc: IrqDesc): boolean | undefined {
  const before = desc.threadsHandledLast;
  desc.threadsHandledLast = desc.threadsHandled;
  return before === undefined ? undefined : desc.threadsHandled !== before;
}

/** note_interrupt. @param answered all answers of the handlers */
export function noteInterrupt(desc: IrqDesc, answered: number): void {
  if (answered > (IRQ_HANDLED | IRQ_WAKE_THREAD)) {
    report(desc, `irq event ${desc.irq}: bogus return value ${answered.toString(16)}`);
    return;
  }
  let answer = answered;
  if (answered === IRQ_WAKE_THREAD) {
    const handled = threadsHandled(desc);
    if (handled === undefined) return;
    answer = handled ? IRQ_HANDLED : IRQ_NONE;
  } else if ((answered & IRQ_WAKE_THREAD) !== 0) desc.threadsHandledLast = undefined;
  if (answer === IRQ_NONE) {
    const now = desc.irqs.system.now();
    desc.windowUnhandled = now - (desc.lastUnhandled_ns ?? Number.NEGATIVE_INFINITY) > APART_NS ? 1 : desc.windowUnhandled + 1;
    desc.lastUnhandled_ns = now;
  }
  if (desc.windowUnhandled === 0) return;
  if (++desc.windowCount < WINDOW) return;
  desc.windowCount = 0;
  if (desc.windowUnhandled > UNHANDLED_MAX) switchOff(desc);
  desc.windowUnhandled = 0;
}

function switchOff(desc: IrqDesc): void {
  report(desc, `irq ${desc.irq}: nobody cared (try booting with the "irqpoll" option)`);
  desc.irqs.system.log.print('err', `Disabling IRQ #${desc.irq}`);
  desc.isSpuriousDisabled = true;
  desc.depth++;
  desc.disable(false);
}

/** __report_bad_irq. */
function report(desc: IrqDesc, text: string): void {
  const { log, findings } = desc.irqs.system;
  log.print('err', text);
  log.print('err', 'handlers:');
  for (const action of desc.actions) log.print('err', action.name);
  findings.report('irq-nobody-cared', `${text}; handlers: ${desc.actions.map((action) => action.name).join(', ')}`);
}
