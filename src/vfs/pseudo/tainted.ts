/** What has happened to a kernel that makes its faults suspect: add_taint of kernel/panic.c, at /proc/sys/kernel/tainted. */
import { kstrtoull, type System } from '../../kernel/index.ts';
import { registerSysctl } from './sysctl.ts';

/** Somebody waited too long, or may wait for ever. */
export const TAINT_SOFTLOCKUP = 14;

class Taints {
  /** One bit for each reason. Nothing takes one away. */
  #bits = 0n;

  constructor(system: System) {
    registerSysctl(system, 'kernel', [
      {
        name: 'tainted',
        mode: 0o644,
        show: () => `${this.#bits}`,
        store: (text) => {
          this.#bits |= kstrtoull(text, 10);
        },
      },
    ]);
  }

  add(reason: number): void {
    this.#bits |= 1n << BigInt(reason);
  }
}

const makeTaints = (system: System) => new Taints(system);

/** Makes the file, for a kernel on which something may happen. */
export function addTaints(system: System): void {
  system.single(makeTaints);
}

/** add_taint. @param reason number of the bit */
export function addTaint(system: System, reason: number): void {
  system.single(makeTaints).add(reason);
}
