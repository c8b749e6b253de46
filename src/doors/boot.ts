import { generic } from '../boards/index.ts';
import type { Board, MachineOptions } from '../machine/index.ts';
import { InProcessMachine } from './in-process/index.ts';
import { createNodeFs, type NodeFs } from './node-fs/index.ts';

/** A machine with the doors that TypeScript code uses. */
export class BootedMachine extends InProcessMachine {
  #fs: NodeFs | undefined;

  /** The file tree, shaped like `node:fs`. */
  get fs(): NodeFs {
    this.#fs ??= createNodeFs(this.sys);
    return this.#fs;
  }
}

/**
 * Switches a machine on. It is stepped: time moves only when nothing can run, and the same seed gives the same run.
 *
 * @param board `generic()` when left out
 */
export function boot(board: Board = generic(), options: MachineOptions = {}): BootedMachine {
  return new BootedMachine(board, options);
}
