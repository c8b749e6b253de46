/** Machines to boot, by name. */
import type { Board } from '../machine/index.ts';
import { contiguous } from './contiguous.ts';
import { generic } from './generic.ts';

export { contiguous, generic };

/** Every board that `--board` knows. */
export const boards: Readonly<Record<string, () => Board>> = { generic, contiguous };
