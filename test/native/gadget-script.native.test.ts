import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();

testWithCompiler('a shell script makes a gadget, a daemon its function, and both take it apart again', async () => {
  const daemon = compile(join(root, 'test/native/programs/gadget-daemon.c'), join(folder, 'daemon'));
  const work = join(folder, 'work');
  mkdirSync(work);
  const { status, stdout } = await runNative(['sh', join(root, 'test/native/programs/gadget.sh'), daemon, work]);
  expect(stdout.split('\n')).toEqual([
    ...['0', 'not yet', '1', 'dummy_udc.0', 'g1', 'configured', 'made by sh', 'everything', 'teller', 'in use'],
    // Whether BIND was read before ENABLE came, and DISABLE before UNBIND, is a matter of time.
    ...stdout.split('\n').filter((line) => /^(ready|BIND|ENABLE|SUSPEND|DISABLE|UNBIND)$/.test(line)),
    ...['0', ''],
  ]);
  expect(stdout).toMatch(/\nready\n(BIND\n)?ENABLE\nSUSPEND\n(DISABLE\n)?UNBIND\n0\n$/);
  expect(status).toBe(0);
});
