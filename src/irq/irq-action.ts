import type { Kernel, Tracked } from '../kernel/index.ts';
import { WaitQueue } from '../kernel/index.ts';
import type { IrqReturn } from './flags.ts';
import type { IrqDesc } from './irq-desc.ts';

/** Looks at the device, quiets it, and says whether it was the one. Runs as an interrupt: it must not wait. */
export type IrqHandler = (irq: number, devId: unknown) => IrqReturn;

/** Does what may wait, in the thread of the interrupt. */
export type IrqThreadFunction = (irq: number, devId: unknown) => Kernel<IrqReturn>;

/** One driver's request of an interrupt, as `struct irqaction`. */
export class IrqAction implements Tracked {
  readonly kind = 'irq';
  readonly desc: IrqDesc;
  readonly name: string;
  readonly devId: unknown;
  readonly handler: IrqHandler;
  readonly thread: IrqThreadFunction | undefined;
  /** IRQF_ bits. */
  readonly flags: number;
  /** Its bit in the descriptor's `threadsOneshot`; 0 when the line need not stay masked for its thread. */
  threadMask = 0;
  /** IRQTF_RUNTHREAD: the thread has something to do. */
  threadHasWork = false;
  isFreed = false;
  threadEnded = true;
  readonly threadWork: WaitQueue;

  constructor(
    desc: IrqDesc,
    request: { name: string; devId: unknown; handler: IrqHandler; thread: IrqThreadFunction | undefined; flags: number },
  ) {
    this.desc = desc;
    this.name = request.name;
    this.devId = request.devId;
    this.handler = request.handler;
    this.thread = request.thread;
    this.flags = request.flags;
    this.threadWork = new WaitQueue(`work for irq/${desc.irq}-${request.name}`);
  }

  describe(): string {
    return `interrupt ${this.desc.irq} for ${this.name}`;
  }
}
