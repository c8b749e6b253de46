import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { onBoth, onStorage } from '../support/storage.ts';

const folder = temporaryFolder();
const source = (name: string) => join(root, 'test/native/programs', name);

describe.skipIf(!hasCompiler)('streams on a device do what they do on a plain file', () => {
  test.each([
    ['', []],
    [', fortified', ['-O2', '-D_FORTIFY_SOURCE=2', '-Wno-unused-result']],
  ])('streams.c%s', async (_, flags) => {
    const program = compile(source('streams.c'), join(folder, `streams${flags.length}`), ...flags);
    const { linux, ours } = await onBoth(join(folder, 'plain'), ({ path }) => [program, path]);
    expect(linux.split('\n').length).toBeGreaterThan(80);
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });

  test.each(['dash', 'bash'].filter((shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0))('redirections of %s', async (shell) => {
    const { linux, ours } = await onBoth(join(folder, 'plain'), ({ path }) => [
      shell,
      source('redirections.sh'),
      path,
      join(folder, 'copy'),
    ]);
    expect(linux).toContain('a shell in a shell');
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });

  test('a stream that was used before any call of the program on the device', async () => {
    const { stdout } = await runNative(['sh', '-c', 'echo first > /dev/storage0; exec sort < /dev/storage0'], { options: onStorage });
    expect(stdout).toBe('first\n');
  });
});
