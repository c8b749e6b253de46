/** Machines to boot, by name. */
import type { Board } from '../machine/index.ts';
import { contiguous } from './contiguous.ts';
import { generic } from './generic.ts';
import { noncoherent } from './noncoherent.ts';

export type { NonCoherentBoardOptions } from './noncoherent.ts';
export { contiguous, generic, noncoherent };

/** Every board that `--board` knows. */
export const boards: Readonly<Record<string, () => Board>> = { generic, contiguous, noncoherent };
