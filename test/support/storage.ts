import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root } from './paths.ts';
import { type Ended, runNative } from './run.ts';

/** Options of `ioctopus run` for the machine with /dev/storage0, which keeps what is written to it. */
export const onStorage = ['--board', join(root, 'test/support/storage-board.ts')];

/** A file as a program gets to know it: its path, folder and name. */
export interface Place {
  readonly path: string;
  readonly folder: string;
  readonly name: string;
}

const place = (path: string): Place => ({ path, folder: dirname(path), name: basename(path) });

/**
 * Runs a command on an empty plain file of the host without us, and on a device that keeps bytes.
 *
 * @param plain path of the plain file
 * @returns what the first printed, and how the second ended
 */
export async function onBoth(plain: string, command: (file: Place) => readonly string[]): Promise<{ linux: string; ours: Ended }> {
  writeFileSync(plain, '');
  const [program, ...args] = command(place(plain));
  const linux = execFileSync(program as string, args, { encoding: 'latin1', stdio: 'pipe' });
  return { linux, ours: await runNative(command(place('/dev/storage0')), { options: onStorage }) };
}
