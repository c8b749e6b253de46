import type { System } from '../kernel/index.ts';
import type { IrqAction } from './irq-action.ts';
import type { IrqData } from './irq-data.ts';
import { IrqDesc } from './irq-desc.ts';
import type { IrqDomain } from './irq-domain.ts';

/** All interrupts of a machine. */
export class Irqs {
  readonly system: System;
  readonly cpus: number;
  /** Of an interrupt that never came. */
  readonly noCounts: readonly number[];
  /** For interrupts that are made from now on: which processors may get them. */
  defaultAffinity: readonly number[];
  /** Interrupts that nothing was made for: the line ERR of /proc/interrupts. */
  errors = 0;
  /** Told of requests as they come and go; what shows them in /proc. */
  onRequest: ((action: IrqAction) => void) | undefined;
  onFree: ((action: IrqAction) => void) | undefined;
  onFreeDesc: ((desc: IrqDesc) => void) | undefined;
  onAllocate: ((desc: IrqDesc) => void) | undefined;
  /** While an interrupt is handled: the processor that does, if it is known. */
  cpu: number | undefined;
  readonly #descs: (IrqDesc | undefined)[] = [];
  /** No number below is free. */
  #lowestFree = 1;
  readonly #domains = new Set<IrqDomain>();
  onDomain: ((domain: IrqDomain) => void) | undefined;
  onDomainRemoved: ((domain: IrqDomain) => void) | undefined;

  constructor(system: System) {
    this.system = system;
    this.cpus = system.cpus;
    this.noCounts = Array.from({ length: this.cpus }, () => 0);
    this.defaultAffinity = this.online;
  }

  /** The processors of the machine. */
  get online(): readonly number[] {
    return Array.from({ length: this.cpus }, (_, cpu) => cpu);
  }

  get(irq: number): IrqDesc | undefined {
    return this.#descs[irq];
  }

  /** One more than the highest number: nr_irqs. */
  get limit(): number {
    return this.#descs.length;
  }

  /** The interrupt of a level. */
  desc(level: IrqData): IrqDesc {
    const desc = this.#descs[level.irq];
    if (desc === undefined) throw new Error(`there is no interrupt ${level.irq}`);
    return desc;
  }

  get domains(): ReadonlySet<IrqDomain> {
    return this.#domains;
  }

  addDomain(domain: IrqDomain): void {
    this.#domains.add(domain);
    this.onDomain?.(domain);
  }

  removeDomain(domain: IrqDomain): void {
    this.#domains.delete(domain);
    this.onDomainRemoved?.(domain);
  }

  /** In the order of their numbers. */
  get all(): readonly IrqDesc[] {
    return this.#descs.filter((desc) => desc !== undefined);
  }

  /**
   * irq_alloc_descs: numbers in a row that nobody has.
   *
   * @param from the lowest that would do; 0 means no interrupt and is never given
   * @returns the first
   */
  allocate(count: number, from = 1): number {
    const irq = this.#findFree(count, Math.max(this.#lowestFree, from));
    for (let i = irq; i < irq + count; i++) {
      const desc = new IrqDesc(this, i);
      this.#descs[i] = desc;
      this.onAllocate?.(desc);
    }
    if (irq === this.#lowestFree) this.#lowestFree = irq + count;
    return irq;
  }

  #findFree(count: number, from: number): number {
    for (let irq = from, run = 0; ; irq++) {
      run = this.#descs[irq] === undefined ? run + 1 : 0;
      if (run === count) return irq - count + 1;
    }
  }

  /** irq_free_descs. Nobody may have requested them. */
  free(irq: number, count: number): void {
    for (let i = irq; i < irq + count; i++) {
      const desc = this.#descs[i];
      if (desc === undefined) throw new Error(`interrupt ${i} is freed, and there is none`);
      if (desc.actions.length > 0) throw new Error(`interrupt ${i} is freed, but ${desc.actions[0]?.name} has requested it`);
      this.onFreeDesc?.(desc);
      this.#descs[i] = undefined;
      this.#lowestFree = Math.min(this.#lowestFree, i);
    }
  }

  /** generic_handle_irq: the interrupt comes now. For events of the hardware; nothing that runs then may wait. @param cpu where */
  handle(desc: IrqDesc, cpu?: number): void {
    const { scheduler } = this.system;
    const before = scheduler.enter(undefined);
    this.cpu = cpu;
    try {
      if (desc.flow === undefined) this.errors++;
      else desc.flow(desc);
    } finally {
      this.cpu = undefined;
      scheduler.enter(before);
    }
  }

  count(desc: IrqDesc): void {
    desc.count(this.cpu ?? desc.effectiveCpu);
  }

  /** irq_domain_activate_irq: from the processor's level to the device's. @throws Errno what a level says; none is active then */
  activate(desc: IrqDesc): void {
    if (desc.isActivated) return;
    activateLevel(desc.data);
    desc.isActivated = true;
  }

  /** irq_domain_deactivate_irq: from the device's level to the processor's. */
  deactivate(desc: IrqDesc): void {
    if (!desc.isActivated) return;
    desc.isActivated = false;
    for (let level: IrqData | undefined = desc.data; level !== undefined; level = level.parent) level.domain?.ops.deactivate?.(level);
  }

  /** WARN: a rule was broken, and the machine goes on. */
  warn(rule: string, text: string): void {
    this.system.log.print('warn', text);
    this.system.findings.report(rule, text);
  }
}

function activateLevel(data: IrqData): void {
  if (data.parent !== undefined) activateLevel(data.parent);
  try {
    data.domain?.ops.activate?.(data);
  } catch (error) {
    for (let level = data.parent; level !== undefined; level = level.parent) level.domain?.ops.deactivate?.(level);
    throw error;
  }
}
