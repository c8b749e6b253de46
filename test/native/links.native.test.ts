import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();

describe('an open file by its links', () => {
  testWithCompiler('in /proc/self/fd, /dev/fd and /proc/self/fdinfo', async () => {
    const program = compile(join(root, 'test/native/programs/links.c'), join(folder, 'links'), '-D_FORTIFY_SOURCE=2');
    const { status, stdout, stderr } = await runNative([program]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'node: /dev/dma_heap/system',
      'cut: /dev/dma',
      'no room: EINVAL',
      'from the folder: /dmabuf:',
      'of the thread: /dmabuf:',
      'by number: /dmabuf:',
      'in /dev/fd: /dmabuf:',
      'one of the host: /',
      'a buffer again: ENXIO',
      "a buffer's path: ok",
      'truncate: EINVAL',
      'access: ok',
      'chmod: ok',
      'stat: ok mode=0640 size=4096',
      'lstat: ok link=1',
      'statfs: ok type=0x444d4142',
      'realpath of a buffer: ENOENT',
      'realpath of a node: /dev/dma_heap/system',
      'realpath of its name: /dev/dma_heap/system',
      'a node again: flags 0104000',
      'standard input: /dev/dma_heap/system',
      'opened by that name: ok',
      'fdinfo: lowest=1 cloexec=1',
      'size:\t4096',
      'count:\t1',
      'exp_name:\tsystem',
      'written: EBADF',
      'count:\t4',
    ]);
  });
});
