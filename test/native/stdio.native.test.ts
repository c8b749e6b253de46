import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const source = (name: string) => join(root, 'test/native/programs', name);
const options = ['--board', join(root, 'test/support/storage-board.ts')];
const plain = join(folder, 'plain');
const copy = join(folder, 'copy');

/** Runs a command on a plain file of the host without us, and on a device. Descriptors and bytes are the same, so is the output. */
async function onBoth(command: readonly [string, ...string[]], ...more: readonly string[]) {
  writeFileSync(plain, '');
  const [program, ...args] = command;
  const linux = execFileSync(program, [...args, plain, ...more], { encoding: 'latin1', stdio: 'pipe' });
  return { linux, ours: await runNative([...command, '/dev/storage0', ...more], { options }) };
}

describe.skipIf(!hasCompiler)('streams on a device do what they do on a plain file', () => {
  test.each([
    ['', []],
    [', fortified', ['-O2', '-D_FORTIFY_SOURCE=2', '-Wno-unused-result']],
  ])('streams.c%s', async (_, flags) => {
    const { linux, ours } = await onBoth([compile(source('streams.c'), join(folder, `streams${flags.length}`), ...flags)]);
    expect(linux.split('\n').length).toBeGreaterThan(80);
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });

  test.each(['dash', 'bash'].filter((shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0))('redirections of %s', async (shell) => {
    const { linux, ours } = await onBoth([shell, source('redirections.sh')], copy);
    expect(linux).toContain('a shell in a shell');
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });

  test('a stream that was used before any call of the program on the device', async () => {
    const { stdout } = await runNative(['sh', '-c', 'echo first > /dev/storage0; exec sort < /dev/storage0'], { options });
    expect(stdout).toBe('first\n');
  });
});
