import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { askXlnk } from '../support/xlnk-questions.ts';

const folder = temporaryFolder();
const build = () => compile(join(root, 'test/native/programs/xlnk.c'), join(folder, 'xlnk'), `-I${join(root, 'native-shims/include')}`);
const options = ['--board', 'keembay', '--strict'];

describe('/dev/xlnk natively', () => {
  testWithCompiler('gives a C program the answers that it gives in process', async () => {
    const { status, stdout, stderr } = await runNative([build()], { options });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual(askXlnk());
  });

  testWithCompiler('frees what a process had that was killed', async () => {
    const { stdout } = await runNative([build(), 'processes'], { options });
    expect(stdout.trimEnd().split('\n').slice(-2)).toEqual(['open what another has: EIO 2', 'open what one had who was killed: 0 0']);
  });

  testWithCompiler('shows the requests with their structs', async () => {
    const { stderr } = await runNative([build()], { options: [...options, '--strace'] });
    expect(stderr).toMatch(/XL_OPEN_CHANNEL, \{handle=0x\w+, chan=20, mode=0, data_size=1024, timeout=0, return_code=0x\w+\}\) = 0\n/);
    expect(stderr).toMatch(/XL_STOP_VPU\) = 0\n/);
  });
});
