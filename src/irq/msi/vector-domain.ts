/** arch/x86/kernel/apic/vector.c: the processors' vectors, the root of what messages become. */
import { Errno } from '../../abi/index.ts';
import { type Kernel, WaitQueue, wait } from '../../kernel/index.ts';
import { movePending } from '../affinity.ts';
import { formatList } from '../cpumask.ts';
import { IRQ_DOMAIN_FLAG_HIERARCHY, IRQ_DOMAIN_FLAG_MSI_PARENT, IRQ_DOMAIN_NAME_ALLOCATED } from '../flags.ts';
import type { IrqChip } from '../irq-chip.ts';
import type { IrqData } from '../irq-data.ts';
import { IrqDomain } from '../irq-domain.ts';
import type { Irqs } from '../irqs.ts';
import { compatibilityMessage } from './message.ts';
import { SYSTEM_VECTORS, type Vector, VectorMatrix } from './vector-matrix.ts';

/** From a write to the processor. */
const LATENCY_NS = 1000;
/** How long the vector that an interrupt has left still takes what was on its way: a jiffy. */
const CLEANUP_NS = 4e6;

/**
 * `struct apic_chip_data`: where an interrupt goes.
 *
 * Invariant: `previous` is there exactly from a move until the old vector is given back.
 */
class ApicData {
  target: Vector | undefined;
  previous: Vector | undefined;
  /** No interrupt has come at the new place yet. */
  moveInProgress = false;
}

export type { ApicData };

const dataOf = (level: IrqData) => level.chipData as ApicData;

export class VectorDomain {
  readonly irqs: Irqs;
  readonly domain: IrqDomain;
  readonly matrix: VectorMatrix;
  /** Messages for vectors that no interrupt has. */
  spurious = 0;
  /** Interrupts that have been asked for and not yet taken, by {@link keyOf}: the IRRs. A second of its kind is the same one. */
  readonly #requested = new Set<number>();
  /** Vectors that were given back while something was on its way to them: VECTOR_SHUTDOWN. They stay taken until it has come. */
  readonly #leaving = new Map<number, Vector>();
  readonly #arrived = new WaitQueue('interrupts that are on their way');

  constructor(irqs: Irqs) {
    this.irqs = irqs;
    this.matrix = new VectorMatrix(irqs.cpus);
    const chip = this.#makeChip();
    this.domain = new IrqDomain(irqs, {
      name: 'VECTOR',
      flags: IRQ_DOMAIN_FLAG_HIERARCHY | IRQ_DOMAIN_NAME_ALLOCATED | IRQ_DOMAIN_FLAG_MSI_PARENT,
      linearSize: 0,
      debugLines: (indent) => matrixLines(this.matrix, indent),
      ops: {
        allocate: (domain, irq, count) => {
          for (let i = irq; i < irq + count; i++) domain.setChip(i, i, chip, new ApicData());
          this.matrix.reserved += count;
        },
        free: (_domain, _irq, count) => {
          this.matrix.reserved -= count;
        },
        activate: (level) => this.#assign(level),
        deactivate: (level) => this.#giveUp(level),
      },
    });
  }

  /** A message is for a vector: it interrupts after a moment. */
  send(cpu: number, vector: number): void {
    const key = keyOf(cpu, vector);
    if (this.#requested.has(key)) return;
    const { clock } = this.irqs.system;
    this.#requested.add(key);
    clock.schedule(LATENCY_NS, `vector ${vector} of processor ${cpu}`, () => this.#deliver(cpu, vector));
  }

  /** Where an interrupt of a level goes; nowhere while it is not active. */
  target(level: IrqData): Vector | undefined {
    return dataOf(level).target;
  }

  #deliver(cpu: number, vector: number): void {
    const key = keyOf(cpu, vector);
    this.#requested.delete(key);
    const leaving = this.#leaving.get(key);
    if (leaving !== undefined) {
      this.#leaving.delete(key);
      this.matrix.release(leaving);
      return;
    }
    const desc = this.irqs.get(this.matrix.at(cpu, vector));
    if (desc === undefined) {
      this.spurious++;
      this.irqs.system.log.print('err', `__common_interrupt: ${cpu}.${vector} No irq handler for vector`);
    } else this.irqs.handle(desc, cpu);
    this.#arrived.wake();
  }

  /** Waits until what an interrupt's device has sent so far has come. */
  *quiesce(irq: number): Kernel<void> {
    const level = this.domain.level(irq);
    const isOnItsWay = (at: Vector | undefined) => at !== undefined && this.#requested.has(keyOf(at.cpu, at.vector));
    const hasCome = () => !isOnItsWay(dataOf(level).target) && !isOnItsWay(dataOf(level).previous);
    yield* wait(this.#arrived, hasCome, { mode: 'uninterruptible' });
  }

  #assign(level: IrqData): void {
    const desc = this.irqs.desc(level);
    try {
      dataOf(level).target = this.matrix.allocate(desc.affinity, level.irq);
    } catch (error) {
      this.irqs.system.log.print('err', `irq ${level.irq}: failed to allocate a vector`);
      throw error;
    }
    this.matrix.reserved--;
    desc.effectiveCpu = this.#targetOf(level).cpu;
  }

  #giveUp(level: IrqData): void {
    const data = dataOf(level);
    if (data.target === undefined) return;
    this.#release(data.target);
    if (data.previous !== undefined) this.#release(data.previous);
    data.target = undefined;
    data.previous = undefined;
    data.moveInProgress = false;
    this.matrix.reserved++;
  }

  /** What is on its way comes to nobody, and to nobody who gets the vector next. */
  #release(vector: Vector): void {
    const key = keyOf(vector.cpu, vector.vector);
    if (this.#requested.has(key)) this.#leaving.set(key, vector);
    else this.matrix.release(vector);
  }

  #targetOf(level: IrqData): Vector {
    const { target } = dataOf(level);
    if (target === undefined) throw new Error(`interrupt ${level.irq} is not active and has no vector`);
    return target;
  }

  /** apic_set_affinity. @throws Errno EBUSY before an interrupt has come where the last move led, ENOSPC */
  #move(level: IrqData, cpus: readonly number[]): number {
    const data = dataOf(level);
    const target = this.#targetOf(level);
    if (cpus.includes(target.cpu)) return target.cpu;
    if (data.previous !== undefined) throw new Errno('EBUSY', `interrupt ${level.irq} is still on its way from ${data.previous.cpu}`);
    data.target = this.matrix.allocate(cpus, level.irq);
    data.previous = target;
    data.moveInProgress = true;
    return data.target.cpu;
  }

  /** irq_complete_move: the interrupt has come to its new place, so that the old one is given back soon. */
  #completeMove(level: IrqData): void {
    const data = dataOf(level);
    const { target, previous } = data;
    if (!data.moveInProgress || previous === undefined || this.irqs.cpu !== target?.cpu) return;
    data.moveInProgress = false;
    const cleanUp = () => {
      if (data.previous !== previous) return;
      if (this.#requested.has(keyOf(previous.cpu, previous.vector))) schedule();
      else {
        data.previous = undefined;
        this.#release(previous);
      }
    };
    const schedule = () => this.irqs.system.clock.schedule(CLEANUP_NS, `vector ${previous.vector} to be given back`, cleanUp);
    schedule();
  }

  #makeChip(): IrqChip {
    return {
      name: 'APIC',
      ack: (level) => {
        this.#completeMove(level);
        movePending(this.irqs.desc(level));
      },
      setAffinity: (level, cpus) => this.#move(level, cpus),
      composeMessage: (level) => {
        const { cpu, vector } = this.#targetOf(level);
        return compatibilityMessage(cpu, vector);
      },
      retrigger: (level) => {
        const { cpu, vector } = this.#targetOf(level);
        this.send(cpu, vector);
        return true;
      },
      debugLines: (level) => describe(dataOf(level)),
    };
  }
}

const keyOf = (cpu: number, vector: number) => cpu * 256 + vector;

/** irq_matrix_debug_show: only the table of processors is indented. */
function* matrixLines(matrix: VectorMatrix, indent: number): Generator<string> {
  const { cpus } = matrix;
  const row = (label: string, value: number) => `${label}${String(value).padStart(6)}`;
  const all = Array.from({ length: cpus }, (_, cpu) => ({ cpu, available: matrix.available(cpu), taken: matrix.taken(cpu) }));
  yield row('Online bitmaps:   ', cpus);
  yield row('Global available: ', matrix.allAvailable);
  yield row('Global reserved:  ', matrix.reserved);
  yield row(
    'Total allocated:  ',
    all.reduce((sum, { taken }) => sum + taken.length, 0),
  );
  yield `System: ${SYSTEM_VECTORS.length}: ${formatList(SYSTEM_VECTORS)}`;
  const blanks = ' '.repeat(indent + 1);
  yield `${blanks}| CPU | avl | man | mac | act | vectors`;
  for (const { cpu, available, taken } of all) {
    const [c, a, m] = [String(cpu).padStart(4), String(available).padStart(4), '   0'];
    yield `${blanks} ${c}  ${a}  ${m}  ${m} ${String(taken.length).padStart(4)}  ${formatList(taken)}`;
  }
}

/** x86_vector_debug_show of one interrupt. */
function describe({ target, previous, moveInProgress }: ApicData): readonly string[] {
  if (target === undefined) return ['Vector: Not assigned'];
  const row = (name: string, value: number) => `${name}${String(value).padStart(5)}`;
  return [
    row('Vector: ', target.vector),
    row('Target: ', target.cpu),
    ...(previous === undefined ? [] : [row('Previous vector: ', previous.vector), row('Previous target: ', previous.cpu)]),
    `move_in_progress: ${Number(moveInProgress)}`,
    'is_managed:       0',
    'can_reserve:      0',
    'has_reserved:     0',
    `cleanup_pending:  ${Number(previous !== undefined && !moveInProgress)}`,
  ];
}
