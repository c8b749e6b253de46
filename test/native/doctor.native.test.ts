import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { cli, root } from '../support/paths.ts';
import { start } from '../support/run.ts';

const folder = temporaryFolder();
const command = [process.execPath, cli, 'doctor'];
const lines = (stdout: string, verdict: string) => stdout.split('\n').filter((line) => line.startsWith(verdict));

describe('ioctopus doctor', () => {
  test('finds nothing in the way here, where the other tests pass', async () => {
    const { status, stdout, stderr } = await start(command[0] as string, command.slice(1)).ended;
    expect(lines(stdout, 'problem')).toEqual([]);
    expect([status, stderr]).toEqual([0, '']);
    expect(lines(stdout, 'ok').map((line) => line.slice(9, 23).trim())).toEqual(
      expect.arrayContaining(['preload', 'round trip', 'leases']),
    );
    expect(stdout).toMatch(/\nnothing is in the way of native programs\n$/);
  });

  testWithCompiler.each([
    ['memfd_create', 'memory files'],
    ['inotify_init1', 'inotify'],
    ['process_vm_readv', 'own memory'],
  ])('names %s where a sandbox forbids it', async (call, check) => {
    const forbid = compile(join(root, 'test/native/programs/forbid.c'), join(folder, 'forbid'));
    const { status, stdout } = await start(forbid, [call, ...command]).ended;
    expect(status).toBe(1);
    expect(lines(stdout, 'problem')).toContainEqual(
      `${'problem'.padEnd(9)}${check.padEnd(14)}${call}: EPERM (Operation not permitted); ` +
        `the kernel or a filter forbids it: allow ${call} in the container's seccomp profile`,
    );
  });

  test.each(['/no/such', `/${'x'.repeat(100)}`])('a server that cannot start leads to it in one line: TMPDIR=%s', async (TMPDIR) => {
    const { status, stdout, stderr } = await start(process.execPath, [cli, 'run', '--', 'true'], { env: { TMPDIR } }).ended;
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toMatch(/^ioctopus: the server cannot start: .*; "ioctopus doctor" says what is in the way\n$/);
  });
});
