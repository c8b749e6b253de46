import { generic } from '../boards/index.ts';
import type { Board, MachineOptions } from '../machine/index.ts';
import { InProcessMachine } from './in-process/index.ts';

/** A machine with the doors that TypeScript code uses. */
export class BootedMachine extends InProcessMachine {}

/**
 * Switches a machine on. It is stepped: time moves only when nothing can run, and the same seed gives the same run.
 *
 * @param board `generic()` when left out
 */
export function boot(board: Board = generic(), options: MachineOptions = {}): BootedMachine {
  return new BootedMachine(board, options);
}
