import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boards } from '../../src/index.ts';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative, start } from '../support/run.ts';

const folder = temporaryFolder();
const program = (name: string, ...flags: string[]) =>
  compile(join(root, 'test/native/programs', `${name}.c`), join(folder, `${name}${flags.length}`), ...flags);

describe.skipIf(!hasCompiler)('ioctopus run', () => {
  test('the program’s exit status is its own', async () => {
    expect((await runNative(['sh', '-c', 'exit 7'])).status).toBe(7);
    expect((await runNative(['sh', '-c', 'kill -9 $$'])).status).toBe(128 + 9);
  });

  test('arguments, input and output go through', async () => {
    const { stdout, stderr } = await runNative(['sh', '-c', 'cat; echo "$1" >&2', 'sh', '--strace -- x'], { input: 'in\n' });
    expect([stdout, stderr]).toEqual(['in\n', '--strace -- x\n']);
  });

  test('nothing stays behind', async () => {
    // Other servers of this machine make theirs in the usual one.
    const TMPDIR = join(folder, 'tmp');
    mkdirSync(TMPDIR);
    const { stdout } = await runNative(['sh', '-c', 'exec 5</dev/dma_heap/system; exec 6<&5; ls "$TMPDIR"'], { env: { TMPDIR } });
    expect(stdout).toMatch(/^ioctopus-\w{6}\n$/);
    expect(readdirSync(TMPDIR)).toEqual([]);
  });

  test.each([
    ['a program that does not exist', ['no-such-program'], 'no-such-program: not found'],
    ['a file that may not be executed', [join(root, 'package.json')], `${join(root, 'package.json')}: permission denied`],
    ['an unknown board', ['true'], `no board "nowhere"; there are ${Object.keys(boards).join(', ')}, or the path of a module`],
  ])('%s is refused in one line', async (name, command, message) => {
    const options = name.includes('board') ? ['--board', 'nowhere'] : [];
    expect(await runNative(command, { options })).toEqual({ status: 125, stdout: '', stderr: `ioctopus: ${message}\n` });
  });

  test.each([
    ['board.mts', /^ioctopus: .*\/board.mts: Cannot find package 'ioctopus' imported from .*\/board.mts\n$/],
    ['board.mjs', /^ioctopus: .*\/board.mjs: Cannot find package 'ioctopus' imported from .*\/board.mjs\n$/],
    [
      'board.ts',
      /^ioctopus: .*\/board.ts: (?:Cannot find package 'ioctopus'|a board is an ES module: name it .mts, or say "type": "module").*\n$/,
    ],
  ])('so is a board %s that does not find what it imports, and why', async (name, line) => {
    const path = join(folder, name);
    writeFileSync(path, "import { raspberrypi4 } from 'ioctopus';\nexport default raspberrypi4;\n");
    const { status, stderr } = await runNative(['true'], { options: ['--board', path] });
    expect(status).toBe(125);
    expect(stderr).toMatch(line);
  });

  test('a static program is refused by name', async () => {
    const path = program('undisturbed', '-static');
    expect(await runNative([path])).toEqual({
      status: 125,
      stdout: '',
      stderr: `ioctopus: ${path}: statically linked, so no preload library can be loaded into it\n`,
    });
  });

  test('so is one of another C library', async () => {
    const path = program('undisturbed', '-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1', '-O0');
    expect((await runNative([path])).stderr).toBe(`ioctopus: ${path}: uses /lib/ld-musl-x86_64.so.1, not the GNU C library\n`);
  });

  test.skipIf(process.getuid?.() !== 0)('and one that changes the user', async () => {
    const path = join(folder, 'setuid');
    copyFileSync(program('undisturbed'), path);
    chownSync(path, 1000, 1000);
    chmodSync(path, 0o4755);
    expect((await runNative([path])).stderr).toBe(
      `ioctopus: ${path}: runs as another user (setuid), so the system does not load a preload library into it\n`,
    );
  });

  test('a script is judged by its interpreter', async () => {
    const script = join(folder, 'script');
    writeFileSync(script, '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    expect((await runNative([script])).status).toBe(3);
    writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
    expect((await runNative([script])).stderr).toBe('ioctopus: /no/such/interpreter: not found\n');
  });

  test('a program that uses no node finds itself as without us', async () => {
    const path = program('undisturbed');
    const { stdout } = await runNative([path]);
    const { stdout: plain } = await start(path, []).ended;
    expect(stdout).toBe(plain);
    expect(stdout).toMatch(/maps: 0 of rw-s/);
  });

  test('one that uses a node still gets the lowest descriptors', async () => {
    const { stdout } = await runNative([program('undisturbed'), '/dev/dma_heap/system']);
    expect(stdout).toMatch(/next descriptors: 4 5/);
    expect(stdout).toMatch(/proc\/self\/task: 1/);
  });
});
