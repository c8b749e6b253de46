/** kernel/irq/matrix.c: which vectors of which processor are taken, and by what. */
import { Errno } from '../../abi/index.ts';

/** Below are exceptions; from the other on, interrupts of the system itself (arch/x86/include/asm/irq_vectors.h). */
const FIRST_VECTOR = 0x20;
const FIRST_SYSTEM_VECTOR = 0xeb;
const SYSCALL_VECTOR = 0x80;
const VECTORS = 256;

const isOfSystem = (vector: number) => vector < FIRST_VECTOR || vector >= FIRST_SYSTEM_VECTOR || vector === SYSCALL_VECTOR;

/** How many vectors of one processor devices can have. */
export const VECTORS_PER_CPU = FIRST_SYSTEM_VECTOR - FIRST_VECTOR - 1;

/** Those that they cannot, in order. */
export const SYSTEM_VECTORS: readonly number[] = Array.from({ length: VECTORS }, (_, vector) => vector).filter(isOfSystem);

export interface Vector {
  readonly cpu: number;
  readonly vector: number;
}

/** Invariant: `available[cpu]` is the number of free vectors in the processor's row of `taken`. */
export class VectorMatrix {
  readonly cpus: number;
  /** The interrupt of each vector of each processor; 0 for none. */
  readonly #taken: readonly Uint32Array[];
  readonly #available: Uint32Array;
  /** How many interrupts have been made that will need a vector. */
  reserved = 0;

  constructor(cpus: number) {
    this.cpus = cpus;
    this.#taken = Array.from({ length: cpus }, () => new Uint32Array(VECTORS));
    this.#available = new Uint32Array(cpus).fill(VECTORS_PER_CPU);
  }

  available(cpu: number): number {
    return this.#available[cpu] as number;
  }

  /** Free vectors of all processors. */
  get allAvailable(): number {
    return this.#available.reduce((sum, one) => sum + one, 0);
  }

  /** The interrupt that has a vector; 0 when none has. */
  at(cpu: number, vector: number): number {
    return this.#taken[cpu]?.[vector] ?? 0;
  }

  /** The vectors of a processor that interrupts have, in order. */
  taken(cpu: number): readonly number[] {
    return [...(this.#taken[cpu] as Uint32Array).keys()].filter((vector) => this.at(cpu, vector) !== 0);
  }

  /**
   * irq_matrix_alloc: the lowest free vector of that processor which has most.
   *
   * @param cpus in order @throws Errno ENOSPC
   */
  allocate(cpus: readonly number[], irq: number): Vector {
    let best: number | undefined;
    for (const cpu of cpus) if (this.available(cpu) > (best === undefined ? 0 : this.available(best))) best = cpu;
    if (best === undefined) throw new Errno('ENOSPC', `no vector of processors ${cpus.join(',')} is free`);
    const row = this.#taken[best] as Uint32Array;
    let vector = FIRST_VECTOR;
    while (row[vector] !== 0 || vector === SYSCALL_VECTOR) vector++;
    row[vector] = irq;
    this.#available[best] = this.available(best) - 1;
    return { cpu: best, vector };
  }

  release({ cpu, vector }: Vector): void {
    (this.#taken[cpu] as Uint32Array)[vector] = 0;
    this.#available[cpu] = this.available(cpu) + 1;
  }
}
