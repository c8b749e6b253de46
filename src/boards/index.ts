/** Machines to boot, by name. */
import type { Board } from '../machine/index.ts';
import { generic } from './generic.ts';

export { generic };

/** Every board that `--board` knows. */
export const boards: Readonly<Record<string, () => Board>> = { generic };
