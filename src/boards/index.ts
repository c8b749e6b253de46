/** Machines to boot, by name. */
import type { Board } from '../machine/index.ts';
import { generic } from './generic.ts';
import { noncoherent } from './noncoherent.ts';

export type { NonCoherentBoardOptions } from './noncoherent.ts';
export { generic, noncoherent };

/** Every board that `--board` knows. */
export const boards: Readonly<Record<string, () => Board>> = { generic, noncoherent };
