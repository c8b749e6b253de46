/** kernel/irq/manage.c: drivers ask for interrupts, hold them back, and give them up. */
import { Errno } from '../abi/index.ts';
import { type Kernel, wait } from '../kernel/index.ts';
import {
  IRQ_NOTCONNECTED,
  IRQ_WAKE_THREAD,
  IRQCHIP_ONESHOT_SAFE,
  IRQF_COND_ONESHOT,
  IRQF_COND_SUSPEND,
  IRQF_NO_AUTOEN,
  IRQF_NO_SUSPEND,
  IRQF_ONESHOT,
  IRQF_PROBE_SHARED,
  IRQF_SHARED,
  IRQF_TRIGGER_MASK,
} from './flags.ts';
import { IrqAction, type IrqHandler, type IrqThreadFunction } from './irq-action.ts';
import type { IrqDesc } from './irq-desc.ts';
import { startThread } from './irq-thread.ts';
import type { Irqs } from './irqs.ts';

export interface IrqRequest {
  /** As /proc/interrupts shows it. */
  readonly name: string;
  /** Left out, the thread is woken by every interrupt: IRQF_ONESHOT is needed then. */
  readonly handler?: IrqHandler;
  readonly thread?: IrqThreadFunction;
  /** IRQF_ bits; 0 when left out. */
  readonly flags?: number;
  /** Whose request it is: {@link freeIrq} wants it back, and drivers that share a line must differ in it. */
  readonly devId?: unknown;
}

/** The primary handler of requests without one. */
const wakeThread: IrqHandler = () => IRQ_WAKE_THREAD;

const hex = (flags: number) => flags.toString(16).padStart(8, '0');

/** @throws Errno EINVAL */
function assertSane({ handler, thread, flags = 0, devId }: IrqRequest): void {
  const has = (flag: number) => (flags & flag) !== 0;
  const isWrong =
    (has(IRQF_SHARED) && devId === undefined) ||
    (has(IRQF_SHARED) && has(IRQF_NO_AUTOEN)) ||
    (!has(IRQF_SHARED) && has(IRQF_COND_SUSPEND)) ||
    (has(IRQF_NO_SUSPEND) && has(IRQF_COND_SUSPEND));
  if (isWrong) throw new Errno('EINVAL', `flags ${hex(flags)} contradict each other, or the line is shared and there is no device`);
  if (handler === undefined && thread === undefined) throw new Errno('EINVAL', 'there is neither a handler nor a thread');
}

/**
 * request_irq and request_threaded_irq: from now on, interrupts come to the handler.
 *
 * @throws Errno ENOTCONN for IRQ_NOTCONNECTED; EINVAL for flags that contradict each other, no interrupt of that number, no
 *   handler, and a thread alone without IRQF_ONESHOT; ENOSYS when nothing controls it; EBUSY when others have it and do not share,
 *   or differ in how; what the chip says of the trigger
 */
export function requestIrq(irqs: Irqs, irq: number, request: IrqRequest): void {
  if (irq === IRQ_NOTCONNECTED) throw new Errno('ENOTCONN', 'the line is not connected');
  assertSane(request);
  const desc = irqs.get(irq);
  if (desc === undefined) throw new Errno('EINVAL', `there is no interrupt ${irq}`);
  const { chip } = desc.data;
  if (chip === undefined) throw new Errno('ENOSYS', `nothing controls interrupt ${irq}`);
  const isOneshotSafe = ((chip.flags ?? 0) & IRQCHIP_ONESHOT_SAFE) !== 0;
  let flags = request.flags ?? 0;
  if ((flags & IRQF_TRIGGER_MASK) === 0) flags |= desc.trigger;
  if (isOneshotSafe) flags &= ~IRQF_ONESHOT;
  const [first] = desc.actions;
  if (first !== undefined) flags = shareWith(desc, first, request.name, flags);
  const action = new IrqAction(desc, {
    name: request.name,
    devId: request.devId,
    handler: request.handler ?? wakeThread,
    thread: request.thread,
    flags,
  });
  if ((flags & IRQF_ONESHOT) !== 0) action.threadMask = freeThreadMask(desc);
  else if (request.handler === undefined && !isOneshotSafe) {
    const text = `Threaded irq requested with handler=NULL and !ONESHOT for ${request.name} (irq ${irq})`;
    irqs.system.log.print('err', `genirq: ${text}`);
    throw new Errno('EINVAL', text);
  }
  desc.onBus(() => install(action, first === undefined));
}

/** __setup_irq, once nothing is against it but the chip. */
function install(action: IrqAction, isFirst: boolean): void {
  const { desc, flags } = action;
  const { irqs, irq } = desc;
  if (isFirst) setUpLine(desc, flags);
  if (action.thread !== undefined) startThread(action);
  desc.actions.push(action);
  desc.windowCount = 0;
  desc.windowUnhandled = 0;
  irqs.system.ledger.add(action);
  irqs.onRequest?.(action);
  if (isFirst) {
    if ((flags & IRQF_NO_AUTOEN) === 0) desc.startup();
    else desc.depth = 1;
  } else if (desc.isSpuriousDisabled) {
    desc.isSpuriousDisabled = false;
    enableIrq(irqs, irq);
  }
}

/** @returns the flags of one more request of the line @throws Errno EBUSY */
function shareWith(desc: IrqDesc, old: IrqAction, name: string, wanted: number): number {
  let flags = wanted;
  if ((old.flags & IRQF_ONESHOT) !== 0 && (flags & IRQF_COND_ONESHOT) !== 0) flags |= IRQF_ONESHOT;
  const oldTrigger = desc.trigger !== 0 ? desc.trigger : flags & IRQF_TRIGGER_MASK;
  const isAlike =
    (old.flags & flags & IRQF_SHARED) !== 0 && oldTrigger === (flags & IRQF_TRIGGER_MASK) && ((old.flags ^ flags) & IRQF_ONESHOT) === 0;
  if (isAlike) return flags;
  const text = `Flags mismatch irq ${desc.irq}. ${hex(flags)} (${name}) vs. ${hex(old.flags)} (${old.name})`;
  if ((flags & IRQF_PROBE_SHARED) === 0) desc.irqs.system.log.print('err', `genirq: ${text}`);
  throw new Errno('EBUSY', text);
}

/** The lowest bit that no other action of the line has. @throws Errno EBUSY when 32 have one */
function freeThreadMask(desc: IrqDesc): number {
  const taken = desc.actions.reduce((bits, { threadMask }) => bits | threadMask, 0);
  if (taken === -1) throw new Errno('EBUSY', 'too many threads share the line');
  return ~taken & (taken + 1);
}

/** The first request of a line decides how it triggers. @throws Errno what the domain or the chip says */
function setUpLine(desc: IrqDesc, flags: number): void {
  const trigger = flags & IRQF_TRIGGER_MASK;
  if (trigger !== 0) setIrqType(desc, trigger);
  desc.irqs.activate(desc);
  desc.isSpuriousDisabled = false;
  desc.inProgress = false;
  desc.isOneshot = (flags & IRQF_ONESHOT) !== 0;
}

/** irq_set_irq_type. @param type one of IRQ_TYPE_ @throws Errno EINVAL when the line cannot */
export function setIrqType(desc: IrqDesc, type: number): void {
  desc.data.chip?.setType?.(desc.data, type);
  desc.trigger = type;
}

/**
 * free_irq: gives a request up, and waits until its handler and its thread are done. It must not be called by either of them.
 *
 * @param devId as in the request
 */
export function* freeIrq(irqs: Irqs, irq: number, devId?: unknown): Kernel<void> {
  const desc = irqs.get(irq);
  const action = desc?.actions.find((one) => one.devId === devId);
  if (desc === undefined || action === undefined) {
    irqs.warn('irq-already-free', `Trying to free already-free IRQ ${irq}`);
    return;
  }
  desc.actions = desc.actions.filter((one) => one !== action);
  if (desc.actions.length === 0) desc.onBus(() => desc.shutdown());
  irqs.onFree?.(action);
  yield* synchronizeIrq(irqs, irq);
  action.isFreed = true;
  action.threadWork.wake();
  yield* wait(desc.idle, () => action.threadEnded, { mode: 'uninterruptible', what: `the end of irq/${irq}-${action.name}` });
  // Its bit may be what keeps the line masked for those that are left.
  desc.threadsOneshot &= ~action.threadMask;
  if (desc.actions.length === 0) desc.onBus(() => irqs.deactivate(desc));
  irqs.system.ledger.remove(action);
}

/** synchronize_irq: waits until no handler and no thread of the interrupt is under way. */
export function* synchronizeIrq(irqs: Irqs, irq: number): Kernel<void> {
  const desc = irqs.get(irq);
  if (desc === undefined) return;
  yield* wait(desc.idle, () => !desc.inProgress && desc.threadsActive === 0, { mode: 'uninterruptible' });
}

/** disable_irq_nosync: it does not come until as many {@link enableIrq}. A handler that runs goes on. */
export function disableIrqNosync(irqs: Irqs, irq: number): void {
  const desc = irqs.get(irq);
  if (desc !== undefined && desc.depth++ === 0) desc.onBus(() => desc.disable(false));
}

/** disable_irq: the same, and waits for handlers and threads that are under way. */
export function* disableIrq(irqs: Irqs, irq: number): Kernel<void> {
  disableIrqNosync(irqs, irq);
  yield* synchronizeIrq(irqs, irq);
}

/** enable_irq: undoes one disable; an edge that came meanwhile comes now. */
export function enableIrq(irqs: Irqs, irq: number): void {
  const desc = irqs.get(irq);
  if (desc === undefined) return;
  if (desc.depth === 0) irqs.warn('irq-unbalanced-enable', `Unbalanced enable for IRQ ${irq}`);
  else if (desc.depth === 1) desc.onBus(() => desc.startup());
  else desc.depth--;
}
