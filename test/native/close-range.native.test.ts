import { join } from 'node:path';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { onBoth } from '../support/storage.ts';

const folder = temporaryFolder();

testWithCompiler('a program that closes or replaces every descriptor sees nothing of ours, and its files go on', async () => {
  const program = compile(join(root, 'test/native/programs/close-range.c'), join(folder, 'close-range'));
  const { linux, ours } = await onBoth(join(folder, 'plain'), ({ path }) => [program, path]);
  expect(linux).toContain('everything replaced: 0, to the pipe -1, open 43');
  expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
});
