/** drivers/iommu/intel/dmar.c: the unit that remaps tells of what it dropped by an interrupt of its own, which no unit remaps. */
import { composeMessage } from '../compose.ts';
import { IRQ_HANDLED } from '../flags.ts';
import { handleEdgeIrq } from '../flow.ts';
import { ackParent, type IrqChip, retriggerHierarchy } from '../irq-chip.ts';
import { IrqDomain } from '../irq-domain.ts';
import { requestIrq } from '../manage.ts';
import { type MsiMessage, NO_MESSAGE, targetOf } from './message.ts';
import type { VectorDomain } from './vector-domain.ts';

/** Why a message was dropped, by its number (6.3), with the driver's words. */
export const INTERRUPT_FAULTS = {
  32: 'Detected reserved fields in the decoded interrupt-remapped request',
  33: 'Interrupt index exceeded the interrupt-remapping table size',
  34: 'Present field in the IRTE entry is clear',
  35: 'Error accessing interrupt-remapping table pointed by IRTA_REG',
  36: 'Detected reserved fields in the IRTE entry',
  37: 'Blocked a compatibility format interrupt request',
  38: 'Blocked an interrupt request due to source-id verification failure',
} as const;
export type InterruptFault = keyof typeof INTERRUPT_FAULTS;

export interface FaultRecord {
  readonly requester: number;
  readonly index: number;
  readonly reason: InterruptFault;
}

/** Records that the unit can keep; what comes when they are full is only counted. */
const RECORDS = 8;

const hex = (value: number, digits = 1) => value.toString(16).padStart(digits, '0');

/** `bb:dd.f`. */
export const formatRequester = (id: number): string => `${hex(id >> 8, 2)}:${hex((id >> 3) & 31, 2)}.${id & 7}`;

/** The fault registers, and the driver that reads them: `dmar0` in /proc/interrupts. */
export class FaultReporting {
  readonly #vectors: VectorDomain;
  #records: FaultRecord[] = [];
  /** Some were lost for want of a record: PFO. */
  #hasOverflown = false;
  #message: MsiMessage = NO_MESSAGE;
  #isMasked = true;
  #isPending = false;

  constructor(vectors: VectorDomain, name: string) {
    this.#vectors = vectors;
    const { irqs } = vectors;
    const chip = this.#makeChip();
    const domain = new IrqDomain(irqs, {
      name: 'DMAR-MSI',
      parent: vectors.domain,
      linearSize: 0,
      ops: {
        allocate: (self, irq, count, argument) => {
          self.allocateParent(irq, count, argument);
          self.setChip(irq, 0, chip, undefined, handleEdgeIrq, 'edge');
        },
        free: (self, irq, count) => self.freeParent(irq, count),
        activate: (level) => {
          this.#message = composeMessage(level);
        },
        deactivate: () => {
          this.#message = NO_MESSAGE;
        },
      },
    });
    const handler = () => {
      this.#report();
      return IRQ_HANDLED;
    };
    const irq = domain.allocateIrqs(1, undefined);
    requestIrq(irqs, irq, { name, handler });
    // The unit is of the machine and never goes: nobody will free it, and that is no leak.
    for (const action of irqs.get(irq)?.actions ?? []) irqs.system.ledger.remove(action);
  }

  add(record: FaultRecord): void {
    if (this.#records.length < RECORDS) this.#records.push(record);
    else this.#hasOverflown = true;
    if (this.#records.length === 1) this.#fire();
  }

  #fire(): void {
    if (this.#isMasked) {
      this.#isPending = true;
      return;
    }
    const { cpu, vector } = targetOf(this.#message);
    this.#vectors.send(cpu, vector);
  }

  /** dmar_fault. */
  #report(): void {
    const { log } = this.#vectors.irqs.system;
    log.print('err', `DMAR: DRHD: handling fault status reg ${this.#hasOverflown ? 3 : 2}`);
    for (const { requester, index, reason } of this.#records)
      log.print(
        'err',
        `DMAR: [INTR-REMAP] Request device [${formatRequester(requester)}] fault index 0x${hex(index)} [fault reason 0x${hex(reason, 2)}] ${INTERRUPT_FAULTS[reason]}`,
      );
    this.#records = [];
    this.#hasOverflown = false;
  }

  #makeChip(): IrqChip {
    return {
      name: 'DMAR-MSI',
      ack: ackParent,
      retrigger: retriggerHierarchy,
      mask: () => {
        this.#isMasked = true;
      },
      unmask: () => {
        this.#isMasked = false;
        if (!this.#isPending) return;
        this.#isPending = false;
        this.#fire();
      },
      setAffinity: (level, cpus) => {
        const { parent } = level;
        const cpu = parent?.chip?.setAffinity?.(parent, cpus) as number;
        this.#message = composeMessage(level);
        return cpu;
      },
    };
  }
}
