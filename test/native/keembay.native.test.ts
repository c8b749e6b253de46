import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { askKeembay } from '../support/keembay-questions.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const build = () =>
  compile(join(root, 'test/native/programs/keembay.c'), join(folder, 'keembay'), `-I${join(root, 'native-shims/include')}`);
const options = ['--board', 'keembay', '--strict'];

describe('/dev/keembay-ipc natively', () => {
  testWithCompiler('gives a C program the answers that it gives in process', async () => {
    const { status, stdout, stderr } = await runNative([build()], { options });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual(askKeembay());
  });

  testWithCompiler('shows a program what became of its packets', async () => {
    const script = `"$0" > /dev/null && cat /sys/kernel/debug/keembay-ipc/observations`;
    const { status, stdout } = await runNative(['sh', '-c', script, build()], { options });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^allocated_max [1-9]\d*\nearly_reuses 0\nexhausted 0\n/);
    expect(stdout).toMatch(/^sent_by_queue .* 10:2$/m);
  });

  testWithCompiler('serves two processes at once, and frees what one had who was killed', async () => {
    const { status, stdout, stderr } = await runNative([build(), 'processes'], { options });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n').slice(-3)).toEqual([
      'two processes at once: 0',
      'open what another has: EEXIST',
      'open what one had who was killed: 0',
    ]);
  });
});
