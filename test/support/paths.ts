import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The command line as users run it. */
export const cli = join(root, 'dist/doors/cli/main.js');

/** A board with devices that give back what is written. */
export const LOOPBACK = join(root, 'test/support/loopback-board.ts');
