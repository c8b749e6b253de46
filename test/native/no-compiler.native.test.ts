import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { start } from '../support/run.ts';

const folder = temporaryFolder();
const INSTALL = 'install one (Debian and Ubuntu: apt-get install gcc libc6-dev)';

test('without a C compiler the build says what to install, and all but the launcher works', async () => {
  cpSync(join(root, 'native-shims'), join(folder, 'native-shims'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  mkdirSync(join(folder, 'dist'));
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true, filter: (path) => !path.endsWith('/native') });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

  const build = await start(process.execPath, [join(folder, 'native-shims/build.mjs')], { env: { CC: 'no-such-compiler' } }).ended;
  expect(build).toEqual({ status: 0, stdout: '', stderr: `ioctopus: no C compiler, so "ioctopus run" will not work; ${INSTALL}.\n` });

  const cli = join(folder, 'dist/doors/cli/main.js');
  const run = await start(process.execPath, [cli, 'run', '--', 'true']).ended;
  expect(run.status).toBe(125);
  expect(run.stderr).toMatch(/^ioctopus: the native parts are not built; install a C compiler .*\n$/);

  const module = join(folder, 'dist/index.js');
  const use = await start(process.execPath, [
    '-e',
    `import('${module}').then(({ boot }) => console.log(boot().sys.open('/dev/dma_heap/system')))`,
  ]).ended;
  expect(use.stdout).toBe('0\n');
});
