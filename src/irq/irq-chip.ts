import type { IrqData } from './irq-data.ts';
import type { MsiMessage } from './msi/message.ts';

/** How one level of interrupts is controlled, as `struct irq_chip`. What is left out is not needed there. None of it waits. */
export interface IrqChip {
  /** As /proc/interrupts shows it. */
  readonly name: string;
  /** IRQCHIP_ bits. */
  readonly flags?: number;
  /** First request and last free; enable and disable when left out. */
  readonly startup?: (data: IrqData) => void;
  readonly shutdown?: (data: IrqData) => void;
  /** Unmask when left out. */
  readonly enable?: (data: IrqData) => void;
  /** Left out, a line is masked only when it next interrupts: irqs that are disabled for a moment cost nothing. */
  readonly disable?: (data: IrqData) => void;
  readonly mask?: (data: IrqData) => void;
  readonly unmask?: (data: IrqData) => void;
  readonly ack?: (data: IrqData) => void;
  readonly eoi?: (data: IrqData) => void;
  /** @param type one of IRQ_TYPE_ @throws Errno EINVAL when the line cannot trigger so */
  readonly setType?: (data: IrqData, type: number) => void;
  /** @param cpus online ones, in order @returns the one that gets the interrupts @throws Errno */
  readonly setAffinity?: (data: IrqData, cpus: readonly number[]) => number;
  /** Makes the hardware interrupt again. @returns false when it cannot */
  readonly retrigger?: (data: IrqData) => boolean;
  /** The message that makes the interrupt, for a level that takes messages. */
  readonly composeMessage?: (data: IrqData) => MsiMessage;
  /** Around what a driver or a user changes, for a chip behind a slow bus: what was changed goes there at the end. */
  readonly busLock?: (data: IrqData) => void;
  readonly busSyncUnlock?: (data: IrqData) => void;
  /** What debugfs shows of the level beyond its names, without indentation. */
  readonly debugLines?: (data: IrqData) => readonly string[];
}

/** Lets the level towards the processor do it: irq_chip_mask_parent and its like. */
const up = (data: IrqData): IrqData => {
  if (data.parent === undefined) throw new Error(`interrupt ${data.irq} has no level above ${data.domain?.name}`);
  return data.parent;
};

export const maskParent = (data: IrqData): void => {
  const parent = up(data);
  parent.chip?.mask?.(parent);
};

export const unmaskParent = (data: IrqData): void => {
  const parent = up(data);
  parent.chip?.unmask?.(parent);
};

export const ackParent = (data: IrqData): void => {
  const parent = up(data);
  parent.chip?.ack?.(parent);
};

export const eoiParent = (data: IrqData): void => {
  const parent = up(data);
  parent.chip?.eoi?.(parent);
};

/** Goes up until a level can. */
export function retriggerHierarchy(data: IrqData): boolean {
  for (let level = data.parent; level !== undefined; level = level.parent) {
    if (level.chip?.retrigger !== undefined) return level.chip.retrigger(level);
  }
  return false;
}
