import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { onBoth, onStorage } from '../support/storage.ts';

const folder = temporaryFolder();

describe.skipIf(!hasCompiler)('posix_spawn', () => {
  test('does with a device what it does with a plain file', async () => {
    const program = compile(join(root, 'test/native/programs/spawn.c'), join(folder, 'spawn'));
    const { linux, ours } = await onBoth(join(folder, 'plain'), (file) => [program, file.folder, file.name, file.path]);
    expect(linux).toContain('written: hello passed');
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });
});

describe.skipIf(!hasCompiler)('a program that cannot load us', () => {
  test('is executed all the same; the trace says what it is', async () => {
    const path = compile(join(root, 'test/native/programs/undisturbed.c'), join(folder, 'static'), '-static');
    const { status, stderr } = await runNative(['sh', '-c', 'exec 3< /dev/storage0; $0 > /dev/null; exit 3', path], {
      options: ['--strace', ...onStorage],
    });
    expect(status).toBe(3);
    expect(stderr).toMatch(new RegExp(`\\[pid \\d+\\] execve\\("${path}"\\): it is statically linked, so it sees none of the machine\\n`));
  });
});

describe('a program that passes an environment of its own', () => {
  const write = 'echo served > /dev/storage0; cat /dev/storage0';

  test.each([
    ['none at all', ['env', '-i', '/bin/sh', '-c', write]],
    ['with something else to preload', ['env', 'LD_PRELOAD=', '/bin/sh', '-c', write]],
    ['without us', ['env', '-u', 'LD_PRELOAD', '-u', 'IOCTOPUS_DOOR', '/bin/sh', '-c', write]],
  ])('%s', async (_, command) => {
    expect(await runNative(command, { options: onStorage })).toEqual({ status: 0, stdout: 'served\n', stderr: '' });
  });
});
