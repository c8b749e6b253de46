import type { IrqChip } from './irq-chip.ts';
import type { IrqDomain } from './irq-domain.ts';

/**
 * One level of an interrupt, as `struct irq_data`: the descriptor has the one nearest to the device, and the levels between there
 * and the processor hang off it.
 */
export interface IrqData {
  /** The number that the whole machine knows. */
  readonly irq: number;
  /** The number within the domain. */
  hwirq: number;
  chip: IrqChip | undefined;
  domain: IrqDomain | undefined;
  chipData: unknown;
  parent: IrqData | undefined;
}
