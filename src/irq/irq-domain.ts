/** kernel/irq/irqdomain.c: the numbers that an interrupt has within its controllers. */
import { Errno } from '../abi/index.ts';
import type { FlowHandler } from './flow.ts';
import type { IrqChip } from './irq-chip.ts';
import type { IrqData } from './irq-data.ts';
import type { IrqDesc } from './irq-desc.ts';
import type { Irqs } from './irqs.ts';

/** What a domain does. None of it waits. */
export interface IrqDomainOps {
  /** A domain without a parent: gives a number its chip. @throws Errno */
  readonly map?: (desc: IrqDesc, hwirq: number) => void;
  readonly unmap?: (desc: IrqDesc) => void;
  /**
   * One of a hierarchy: gives each number its chip by {@link IrqDomain.setChip}, and asks the parent by
   * {@link IrqDomain.allocateParent}. @throws Errno; what it had done it has undone
   */
  readonly allocate?: (domain: IrqDomain, irq: number, count: number, argument: unknown) => void;
  readonly free?: (domain: IrqDomain, irq: number, count: number) => void;
  readonly activate?: (data: IrqData) => void;
  readonly deactivate?: (data: IrqData) => void;
}

export interface IrqDomainDescription {
  readonly name: string;
  readonly ops: IrqDomainOps;
  /** Towards the processor. */
  readonly parent?: IrqDomain;
  /** How many numbers there are; without a limit when left out. */
  readonly size?: number;
  /** How many of them the kernel keeps in an array, which debugfs shows; all when left out. */
  readonly linearSize?: number;
  /** IRQ_DOMAIN_FLAG_ bits and token, as debugfs shows them. */
  readonly flags?: number;
  readonly busToken?: number;
  readonly hostData?: unknown;
  /** What debugfs shows of it beyond what all domains have. @param indent of the domain's block, in blanks */
  readonly debugLines?: (indent: number) => Iterable<string>;
}

/** The numbers of one controller, as `struct irq_domain`. */
export class IrqDomain {
  readonly irqs: Irqs;
  readonly name: string;
  readonly ops: IrqDomainOps;
  readonly parent: IrqDomain | undefined;
  readonly size: number;
  readonly linearSize: number;
  readonly flags: number;
  readonly busToken: number;
  readonly hostData: unknown;
  readonly debugLines: ((indent: number) => Iterable<string>) | undefined;
  readonly #mapped = new Map<number, IrqData>();

  constructor(irqs: Irqs, description: IrqDomainDescription) {
    const { name, ops, parent, size = Number.POSITIVE_INFINITY, linearSize, flags = 0, busToken = 0, hostData } = description;
    this.irqs = irqs;
    this.name = name;
    this.ops = ops;
    this.parent = parent;
    this.size = size;
    this.linearSize = linearSize ?? (size === Number.POSITIVE_INFINITY ? 0 : size);
    this.flags = flags;
    this.busToken = busToken;
    this.hostData = hostData;
    this.debugLines = description.debugLines;
    irqs.addDomain(this);
  }

  /** irq_domain_remove. None of its numbers may have an interrupt. */
  remove(): void {
    if (this.#mapped.size > 0) throw new Error(`${this.name} is removed and has ${this.#mapped.size} interrupts`);
    this.irqs.removeDomain(this);
  }

  /** How many numbers have an interrupt. */
  get mapped(): number {
    return this.#mapped.size;
  }

  /** irq_find_mapping: the machine's number of one of the domain's; 0 when it has none. */
  find(hwirq: number): number {
    return this.#mapped.get(hwirq)?.irq ?? 0;
  }

  /** The domain's level of an interrupt. */
  level(irq: number): IrqData {
    return levelOf(this.irqs.get(irq) as IrqDesc, this);
  }

  /** generic_handle_domain_irq. @throws Errno EINVAL when the number has no interrupt */
  handle(hwirq: number): void {
    const desc = this.irqs.get(this.find(hwirq));
    if (desc === undefined) throw new Errno('EINVAL', `${this.name} has no interrupt ${hwirq}`);
    this.irqs.handle(desc);
  }

  /** irq_create_mapping: the machine's number of one of the domain's, made if there is none. @throws Errno EINVAL, ENOSPC, what map says */
  createMapping(hwirq: number): number {
    this.#assertInside(hwirq);
    const known = this.find(hwirq);
    if (known !== 0) return known;
    const irq = this.irqs.allocate(1, hwirq);
    const desc = this.irqs.get(irq) as IrqDesc;
    desc.data.hwirq = hwirq;
    desc.data.domain = this;
    try {
      this.ops.map?.(desc, hwirq);
    } catch (error) {
      this.irqs.free(irq, 1);
      throw error;
    }
    this.#mapped.set(hwirq, desc.data);
    return irq;
  }

  /** irq_dispose_mapping. Nobody may have requested it. */
  disposeMapping(irq: number): void {
    const desc = this.irqs.get(irq);
    if (desc === undefined) return;
    this.#mapped.delete(desc.data.hwirq);
    this.ops.unmap?.(desc);
    this.irqs.free(irq, 1);
  }

  /**
   * irq_domain_alloc_irqs: interrupts with a level in this domain and in each above it.
   *
   * @param argument for the domains
   * @returns the first number; the others follow
   * @throws Errno ENOSYS when the domain is of no hierarchy; ENOSPC; what a domain says
   */
  allocateIrqs(count: number, argument: unknown): number {
    if (this.ops.allocate === undefined) throw new Errno('ENOSYS', `${this.name} is of no hierarchy`);
    const irq = this.irqs.allocate(count);
    for (let i = irq; i < irq + count; i++) this.#buildLevels(i);
    try {
      this.ops.allocate(this, irq, count, argument);
      for (let i = irq; i < irq + count; i++) trimLevels((this.irqs.get(i) as IrqDesc).data);
    } catch (error) {
      this.irqs.free(irq, count);
      throw error;
    }
    for (const level of this.#levels(irq, count)) (level.domain as IrqDomain).#mapped.set(level.hwirq, level);
    return irq;
  }

  /** irq_domain_free_irqs. */
  freeIrqs(irq: number, count: number): void {
    for (const level of this.#levels(irq, count)) (level.domain as IrqDomain).#mapped.delete(level.hwirq);
    this.ops.free?.(this, irq, count);
    this.irqs.free(irq, count);
  }

  /** irq_domain_alloc_irqs_parent. @throws Errno ENOSYS without a parent of the hierarchy; what the parent says */
  allocateParent(irq: number, count: number, argument: unknown): void {
    if (this.parent?.ops.allocate === undefined) throw new Errno('ENOSYS', `${this.name} has no parent that allocates`);
    this.parent.ops.allocate(this.parent, irq, count, argument);
  }

  /** irq_domain_free_irqs_parent. */
  freeParent(irq: number, count: number): void {
    this.parent?.ops.free?.(this.parent, irq, count);
  }

  /** irq_domain_set_hwirq_and_chip, and the flow of the interrupt when given. @throws Errno EINVAL for a number beyond the domain's */
  setChip(irq: number, hwirq: number, chip: IrqChip, chipData: unknown, flow?: FlowHandler, flowName = ''): void {
    this.#assertInside(hwirq);
    const desc = this.irqs.get(irq) as IrqDesc;
    const level = levelOf(desc, this);
    level.hwirq = hwirq;
    level.chip = chip;
    level.chipData = chipData;
    if (flow === undefined) return;
    desc.flow = flow;
    desc.flowName = flowName;
  }

  #assertInside(hwirq: number): void {
    if (hwirq < 0 || hwirq >= this.size) throw new Errno('EINVAL', `${this.name} has ${this.size} interrupts, none is ${hwirq}`);
  }

  #buildLevels(irq: number): void {
    const { data } = this.irqs.get(irq) as IrqDesc;
    data.domain = this;
    let level = data;
    for (let domain = this.parent; domain !== undefined; domain = domain.parent) {
      level.parent = { irq, hwirq: 0, chip: undefined, domain, chipData: undefined, parent: undefined };
      level = level.parent;
    }
  }

  *#levels(irq: number, count: number): Generator<IrqData> {
    for (let i = irq; i < irq + count; i++) {
      for (let level = this.irqs.get(i)?.data; level !== undefined; level = level.parent) yield level;
    }
  }
}

/** irq_domain_get_irq_data: the level of an interrupt in a domain. */
export function levelOf(desc: IrqDesc, domain: IrqDomain): IrqData {
  for (let level: IrqData | undefined = desc.data; level !== undefined; level = level.parent) if (level.domain === domain) return level;
  throw new Error(`interrupt ${desc.irq} has no level in ${domain.name}`);
}

/** irq_domain_trim_hierarchy: levels towards the processor that took no part go. @throws Errno EINVAL for one between others */
function trimLevels(data: IrqData): void {
  let last = data;
  if (data.chip === undefined) throw new Errno('EINVAL', `interrupt ${data.irq} got no chip`);
  let gap: IrqData | undefined;
  for (let level = data.parent; level !== undefined; level = level.parent) {
    if (level.chip === undefined) gap ??= level;
    else if (gap !== undefined) throw new Errno('EINVAL', `${gap.domain?.name} has no chip between two levels that have`);
    else last = level;
  }
  last.parent = undefined;
}
