import type { Kernel } from '../../kernel/index.ts';
import type { Completion, Descriptor, DeviceMemory } from '../../ports/dsa/index.ts';

/**
 * What an opcode does. Counts in the record how far it came, so that a fault finds it true.
 *
 * @returns the status
 * @throws TranslationFault
 */
export type Execute = (descriptor: Descriptor, memory: DeviceMemory, record: Completion) => Kernel<number>;

/** An operation, and what a descriptor of it may hold (9.3 and 9.4 of docs/reference/ims-dsa.md). */
export interface Operation {
  readonly execute: Execute;
  /** Beyond those of completion. */
  readonly flags: number;
  /** Bytes from 40 on that it looks at: [from, to). All others are reserved. */
  readonly fields: readonly (readonly [from: number, to: number])[];
  /** Whether the size is one of a transfer. */
  readonly hasSize: boolean;
}
