import { join } from 'node:path';
import { compile } from './compiler.ts';
import { root } from './paths.ts';
import { runNative } from './run.ts';

/** The cases of the kernel's sync selftest that go on for long, with how often it does them. */
export const longCases: readonly (readonly [name: string, iterations: number])[] = [
  ['stress_two_threads_shared_timeline', 1 << 16],
  ['consumer_stress_multi_producer_single_consumer', 1 << 12],
  ['merge_stress_random_merge', 1 << 15],
];

/** Makes a function that runs a case natively. @param folder for the program @throws Error with what the case found */
export function prepareSyncSelftest(folder: string): (name: string, iterations: number) => Promise<void> {
  const program = compile(join(root, 'test/native/programs/sync-selftest.c'), join(folder, 'sync-selftest'));
  return async (name, iterations) => {
    const { status, stdout, stderr } = await runNative([program, name, `${iterations}`]);
    if (status !== 0 || stdout !== `ok ${name}\n` || stderr !== '') throw new Error(`${name} ended with ${status}: ${stdout}${stderr}`);
  };
}
