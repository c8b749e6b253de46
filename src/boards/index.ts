/** Machines to boot, by name. */
import type { Board } from '../machine/index.ts';
import { contiguous } from './contiguous.ts';
import { generic } from './generic.ts';
import { keembay } from './keembay.ts';
import { noncoherent } from './noncoherent.ts';

export type { KeembayBoard, KeembayOptions, KeembayParts } from './keembay.ts';
export type { NonCoherentBoardOptions } from './noncoherent.ts';
export { contiguous, generic, keembay, noncoherent };

/** Every board that `--board` knows. */
export const boards: Readonly<Record<string, () => Board>> = { generic, contiguous, noncoherent, keembay: () => keembay() };
