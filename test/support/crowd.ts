import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compiler.ts';

import { cli, LOOPBACK, root } from './paths.ts';
import { start } from './run.ts';

/**
 * Lets 32 processes write and read records at one node, natively and through the mount, while half of them are killed.
 *
 * @param folder for the program and the mount
 * @returns a function that does so for a seed @throws Error when records were lost, torn or doubled, or the machine had something left
 */
export function crowd(folder: string): (seed: number) => Promise<void> {
  const program = compile(join(root, 'test/fuse/crowd.c'), join(folder, 'crowd'));
  return async (seed) => {
    const place = mkdtempSync(join(folder, 'crowd-'));
    const command = [program, '/dev/loop', `${place}/dev/loop`, `${seed}`];
    const { status, stdout, stderr } = await start(process.execPath, [cli, 'mount', place, '--board', LOOPBACK, '--', ...command]).ended;
    if (status !== 0 || stderr !== '' || stdout !== '8 readers killed\n') throw new Error(`status ${status}: ${stdout}${stderr}`);
    rmdirSync(place);
  };
}
