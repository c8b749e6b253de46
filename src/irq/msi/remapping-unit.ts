/** drivers/iommu/intel/irq_remapping.c: a table between what devices write and the processors' vectors (6 of docs/reference/ims-dsa.md). */
import { Errno } from '../../abi/index.ts';
import {
  IRQ_DOMAIN_FLAG_HIERARCHY,
  IRQ_DOMAIN_FLAG_ISOLATED_MSI,
  IRQ_DOMAIN_FLAG_MSI_PARENT,
  IRQ_DOMAIN_NAME_ALLOCATED,
} from '../flags.ts';
import { ackParent, type IrqChip, retriggerHierarchy } from '../irq-chip.ts';
import type { IrqData } from '../irq-data.ts';
import { IrqDomain } from '../irq-domain.ts';
import type { Irqs } from '../irqs.ts';
import { FaultReporting, formatRequester, type InterruptFault } from './fault-reporting.ts';
import { handleOf, isRemappable, type MsiMessage, remappableMessage } from './message.ts';
import type { VectorDomain } from './vector-domain.ts';
import type { Vector } from './vector-matrix.ts';

/** INTR_REMAP_TABLE_ENTRIES. */
export const IRTES = 65536;

/** An entry in use. Absent from the table, it is not present. */
export interface Irte {
  readonly target: Vector;
  /** Whose messages may name it: bus, device and function. */
  readonly requester: number;
}

/** What the allocation of an interrupt must say. */
export interface RemappedAllocation {
  readonly requester: number;
}

interface Entry {
  readonly index: number;
  readonly requester: number;
}

export class RemappingUnit {
  readonly domain: IrqDomain;
  readonly #irqs: Irqs;
  readonly #vectors: VectorDomain;
  readonly #size: number;
  readonly #reporting: FaultReporting;
  readonly #table: (Irte | undefined)[] = [];
  readonly #used = new Set<number>();
  /** No index below is free. */
  #lowestFree = 0;
  /** Messages that were dropped, by their reason. */
  readonly faults = new Map<InterruptFault, number>();

  constructor(vectors: VectorDomain, { size = IRTES } = {}) {
    this.#irqs = vectors.irqs;
    this.#vectors = vectors;
    this.#size = size;
    this.#reporting = new FaultReporting(vectors, 'dmar0');
    const chip = this.#makeChip();
    this.domain = new IrqDomain(this.#irqs, {
      name: 'INTEL-IR-0',
      parent: vectors.domain,
      flags: IRQ_DOMAIN_FLAG_HIERARCHY | IRQ_DOMAIN_NAME_ALLOCATED | IRQ_DOMAIN_FLAG_ISOLATED_MSI | IRQ_DOMAIN_FLAG_MSI_PARENT,
      linearSize: 0,
      ops: {
        allocate: (domain, irq, count, argument) => {
          const { requester } = argument as RemappedAllocation;
          domain.allocateParent(irq, count, argument);
          const taken: number[] = [];
          try {
            for (let i = 0; i < count; i++) {
              const index = this.#takeIndex();
              taken.push(index);
              domain.setChip(irq + i, index * 0x10000, chip, { index, requester } satisfies Entry);
            }
          } catch (error) {
            for (const index of taken) this.#giveIndex(index);
            domain.freeParent(irq, count);
            throw error;
          }
        },
        free: (domain, irq, count) => {
          for (let i = irq; i < irq + count; i++) this.#giveIndex(entryOf(domain.level(i)).index);
          domain.freeParent(irq, count);
        },
        activate: (level) => this.#program(level),
        deactivate: (level) => {
          this.#table[entryOf(level).index] = undefined;
        },
      },
    });
  }

  /** A device has written a message: it is remapped, or dropped with a fault. */
  receive(requester: number, message: MsiMessage): void {
    if (!isRemappable(message)) this.#fault(requester, 0, 0x25);
    else {
      const index = handleOf(message);
      if ((message.data & 0xffff0000) !== 0) this.#fault(requester, index, 0x20);
      else if (index >= this.#size) this.#fault(requester, index, 0x21);
      else {
        const irte = this.#table[index];
        if (irte === undefined) this.#fault(requester, index, 0x22);
        else if (irte.requester !== requester) this.#fault(requester, index, 0x26);
        else this.#vectors.send(irte.target.cpu, irte.target.vector);
      }
    }
  }

  /** Those in use, in order. */
  *entries(): Generator<readonly [number, Irte]> {
    for (const [index, irte] of this.#table.entries()) if (irte !== undefined) yield [index, irte];
  }

  /** The index of an interrupt's entry. */
  indexOf(level: IrqData): number {
    return entryOf(level).index;
  }

  #takeIndex(): number {
    let index = this.#lowestFree;
    while (this.#used.has(index)) index++;
    if (index >= this.#size) {
      this.#irqs.system.log.print('warn', "DMAR-IR: IR0: can't allocate an IRTE");
      throw new Errno('ENOMEM', `all ${this.#size} entries of the remapping table are taken`);
    }
    this.#used.add(index);
    this.#lowestFree = index + 1;
    return index;
  }

  #giveIndex(index: number): void {
    this.#used.delete(index);
    this.#lowestFree = Math.min(this.#lowestFree, index);
  }

  #program(level: IrqData): void {
    const { index, requester } = entryOf(level);
    const target = this.#vectors.target(level.parent as IrqData) as Vector;
    this.#table[index] = { target, requester };
  }

  #fault(requester: number, index: number, reason: InterruptFault): void {
    this.faults.set(reason, (this.faults.get(reason) ?? 0) + 1);
    this.#reporting.add({ requester, index, reason });
  }

  #makeChip(): IrqChip {
    return {
      name: 'INTEL-IR',
      ack: ackParent,
      retrigger: retriggerHierarchy,
      composeMessage: (level) => remappableMessage(entryOf(level).index),
      // The entry is rewritten; what the device holds stays as it is.
      setAffinity: (level, cpus) => {
        const parent = level.parent as IrqData;
        const cpu = parent.chip?.setAffinity?.(parent, cpus) as number;
        this.#program(level);
        return cpu;
      },
    };
  }
}

const entryOf = (level: IrqData) => level.chipData as Entry;

/** Where the table would be in memory, for who looks at the unit's registers. */
const TABLE_ADDRESS = 0x100000000n;

/** ir_translation_struct (7.6). */
export function remappingTableText(unit: RemappingUnit | undefined): string {
  if (unit === undefined) return '****\n\n';
  const rows = [...unit.entries()].map(([index, irte]) => {
    const { low, high } = irteBits(irte);
    const digits = (value: bigint | number, width: number) => value.toString(16).padStart(width, '0');
    const { cpu, vector } = irte.target;
    return ` ${String(index).padEnd(5)} ${formatRequester(irte.requester)} ${digits(cpu, 8)} ${digits(vector, 2)}  ${digits(high, 16)}\t${digits(low, 16)}\n`;
  });
  return [
    'Remapped Interrupt supported on IOMMU: dmar0\n',
    ` IR table address:${TABLE_ADDRESS.toString(16)}\n`,
    ' Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low\n',
    ...rows,
    '\n****\n\n',
  ].join('');
}

/** The two halves of an entry as the table holds them (6.2): fixed delivery, edge, physical destination. */
export function irteBits({ target, requester }: Irte): { readonly low: bigint; readonly high: bigint } {
  const PRESENT = 1n;
  const REDIRECTION_HINT = 8n;
  const VERIFY_REQUESTER = 1n << 18n;
  return {
    low: PRESENT | REDIRECTION_HINT | (BigInt(target.vector) << 16n) | (BigInt(target.cpu) << 32n),
    high: VERIFY_REQUESTER | BigInt(requester),
  };
}
