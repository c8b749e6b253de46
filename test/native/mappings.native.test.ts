import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();

describe('mappings of files that are not their memory', () => {
  testWithCompiler('show all pieces, and keep the file', async () => {
    const program = compile(join(root, 'test/native/programs/stitched.c'), join(folder, 'stitched'));
    const { status, stdout, stderr } = await runNative([program], { options: ['--board', join(root, 'test/support/stitched-board.ts')] });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'open: kept',
      'pages in order: a0 b0 a1 b1',
      'the driver sees a store: 77',
      'from the second page on: b0 a1',
      'no room: EEXIST',
      'a private store: a0 a0',
      'closed but mapped: kept',
      'partly unmapped: kept',
      'moved: b0 a1 77',
      'moved elsewhere: kept',
      'shrunk: b0 a1',
      'only a child maps it: kept',
      'the child saw it: yes',
      'the child has ended: released',
      'mapped again: kept',
      'replaced: released',
      'what stays mapped of it: 0',
      'a window: a1',
      'the driver sees it: 55',
      'the window is mapped: kept',
      'and unmapped: released',
      'made writable: EACCES',
    ]);
  });
});
