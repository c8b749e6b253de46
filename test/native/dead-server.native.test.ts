import { join } from 'node:path';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();

testWithCompiler('a server that is killed is ENODEV to whoever calls, whether before or after, and never a hang', async () => {
  const program = compile(join(root, 'test/native/programs/dead-server.c'), join(folder, 'dead-server'));
  // Nobody removes the killed server's folder.
  const { stdout, stderr } = await runNative([program], { env: { TMPDIR: folder } });
  expect(stderr).toBe('');
  expect(stdout.trimEnd().split('\n')).toEqual([
    'a caller: ENODEV',
    'a caller: ENODEV',
    'a caller: ENODEV',
    'one that waited: ENODEV, soon',
    'a request: ENODEV',
    'open: ENODEV',
    'poll: ENODEV',
    'a request of a child: ENODEV',
    'open in a child: ENODEV',
    'memory: 1',
    'dup: success',
    'close: success',
    'what is not emulated: success',
  ]);
});
