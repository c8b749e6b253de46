import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const build = (name: string) => compile(join(root, `test/native/programs/${name}.c`), join(folder, name));

describe('buffers of a program’s own memory files', () => {
  testWithCompiler('pass the kernel’s own test', async () => {
    const { status, stdout, stderr } = await runNative([build('udmabuf-selftest')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'ok 1 an offset within a page',
      'ok 2 a size within a page',
      'ok 3 no memory file',
      'ok 4 a whole file',
      'ok 5 a list shows the file',
      expect.stringMatching(/^ok 6 /),
      expect.stringMatching(/^ok 7 /),
      'ok 8 mapped before the file is written',
    ]);
  });

  testWithCompiler('show its pages, and keep them as long as Linux would', async () => {
    const { status, stdout, stderr } = await runNative([build('udmabuf')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'several files: 1 2 3, the first page again: 1',
      'from the second page on: 2 3',
      'across the border: 4 5',
      'to shrink: EPERM',
      'both buffers: 6, the new part: 7',
      'one of two closed: EBUSY',
      'still mapped by the first: EBUSY',
      'a copy is open: EBUSY',
      'it is mapped: EBUSY',
      'it is gone: sealed',
      'the child was killed: 9, its store: 8',
      'and with it the last holder: sealed',
      'the child made it: 0, the parent sees: 10',
      'the child has ended: sealed',
      '1024 items backwards, wrong: 0',
      'of a file that nobody may open: answered',
      'of a file with a lease: answered',
    ]);
  });

  testWithCompiler('are shown in a trace with what was asked', async () => {
    const { stderr } = await runNative([build('udmabuf-selftest')], { options: ['--strace'] });
    expect(stderr).toMatch(/ioctl\(\d+, UDMABUF_CREATE, \{memfd=\d+, flags=0, offset=2048, size=4096\}\) = -1 EINVAL/);
    expect(stderr).toMatch(/ioctl\(\d+, UDMABUF_CREATE_LIST, \{flags=UDMABUF_FLAGS_CLOEXEC, count=4\}\) = \d+/);
  });
});
