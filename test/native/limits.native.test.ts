import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { cli, root } from '../support/paths.ts';
import { start } from '../support/run.ts';

const folder = temporaryFolder();
const canUnshare = spawnSync('unshare', ['-Ur', 'sh', '-c', 'echo 1000 >/proc/sys/user/max_inotify_watches']).status === 0;

/** The launcher with `many files 250 again` after shell commands that set a limit. */
function limited(limit: string, shell: readonly string[] = ['sh', '-c']) {
  const program = compile(join(root, 'test/native/programs/many.c'), join(folder, 'many'));
  const run = `${process.execPath} ${cli} run -- ${program} files 250 again`;
  return start(shell[0] as string, [...shell.slice(1), `${limit}; exec ${run}`], { input: '\n' }).ended;
}

describe.skipIf(!hasCompiler)('a server that has reached a limit of the host says which, and goes on', () => {
  test('descriptors', async () => {
    const { status, stdout, stderr } = await limited('ulimit -n 300');
    expect(stdout).toMatch(/^nodes: 250, enough\nbuffers: \d+, ENFILE\nclosed\n$/);
    expect(stderr).toMatch(/^ioctopus: out of descriptors: RLIMIT_NOFILE allows \d+ per process, .*\n$/);
    expect(status).toBe(0);
  });

  test.skipIf(!canUnshare)('watches', async () => {
    const { status, stdout, stderr } = await limited('echo 200 >/proc/sys/user/max_inotify_watches', ['unshare', '-Ur', 'sh', '-c']);
    expect(stdout).toMatch(/^nodes: \d+, ENFILE\nbuffers: \d+, ENFILE\nclosed\n$/);
    expect(stderr).toMatch(/^ioctopus: out of inotify watches: fs\.inotify\.max_user_watches allows \d+ per user, .*\n$/);
    expect(status).toBe(0);
  });

  test('a program’s own descriptors', async () => {
    const program = compile(join(root, 'test/native/programs/many.c'), join(folder, 'many-own'));
    const command = `ulimit -n 200; exec ${program} files 250 again`;
    const { status, stdout, stderr } = await start(process.execPath, [cli, 'run', '--', 'sh', '-c', command], { input: '\n' }).ended;
    expect(stdout).toMatch(/^nodes: 19\d, EMFILE\nbuffers: 19\d, EMFILE\nclosed\n$/);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
