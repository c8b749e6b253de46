import { join } from 'node:path';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative, start } from '../support/run.ts';

const folder = temporaryFolder();
const board = join(root, 'test/native/boards/channel.ts');

testWithCompiler('signals that come during a call do to it what they do to a read of a pipe', async () => {
  const program = compile(
    join(root, 'test/native/programs/signals.c'),
    join(folder, 'signals'),
    '-pthread',
    '-Wno-deprecated-declarations',
  );
  const pipe = await start(program, []).ended;
  expect(pipe.status).toBe(0);
  const { status, stdout, stderr } = await runNative([program, '/dev/channel'], { options: ['--board', board] });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(pipe.stdout);
});
