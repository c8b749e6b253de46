import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative, start } from '../support/run.ts';

const folder = temporaryFolder();
const example = (path: string) => join(root, 'examples', path);
const testWithPython = test.skipIf(spawnSync('python3', ['--version']).status !== 0);

/** A trace without what changes from run to run. */
const calls = (trace: string) =>
  trace
    .replace(/^\[pid \d+\] /gm, '')
    .replace(/0x7f[0-9a-f]+/g, 'ADDRESS')
    .split('\n')
    .slice(0, -1);

describe.skipIf(!hasCompiler)('the examples', () => {
  test('dma-heap.c, with every call shown', async () => {
    const program = compile(example('native/dma-heap.c'), join(folder, 'dma-heap'));
    const { status, stdout, stderr } = await runNative([program], { options: ['--strace'] });
    expect([status, stdout]).toEqual([0, '1048576 bytes, last one 0x80; fence "stub-stub0-0" is signalled\n']);
    expect(calls(stderr)).toEqual([
      'openat(AT_FDCWD, "/dev/dma_heap/system", O_RDONLY|O_CLOEXEC) = 3',
      'ioctl(3, DMA_HEAP_IOCTL_ALLOC, {len=1048576, fd=0, fd_flags=O_RDWR|O_CLOEXEC, heap_flags=0} => {len=1048576, fd=4, fd_flags=O_RDWR|O_CLOEXEC, heap_flags=0}) = 0',
      'ioctl(4, DMA_BUF_SET_NAME_B, "frame") = 0',
      'mmap(NULL, 1048576, PROT_READ|PROT_WRITE, MAP_SHARED, 4, 0x0) = ADDRESS',
      'ioctl(4, DMA_BUF_IOCTL_SYNC, {flags=DMA_BUF_SYNC_START|DMA_BUF_SYNC_RW}) = 0',
      'ioctl(4, DMA_BUF_IOCTL_SYNC, {flags=DMA_BUF_SYNC_END|DMA_BUF_SYNC_RW}) = 0',
      'ioctl(4, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, {flags=DMA_BUF_SYNC_RW, fd=0} => {flags=DMA_BUF_SYNC_RW, fd=5}) = 0',
      'poll([{fd=5, events=POLLIN => POLLIN}], 1000) = 1',
      'ioctl(5, SYNC_IOC_FILE_INFO, {name="", status=0, flags=0, num_fences=0, pad=0, sync_fence_info=NULL} => {name="stub-stub0-0", status=1, flags=0, num_fences=1, pad=0, sync_fence_info=NULL}) = 0',
      'lseek(4, 0, SEEK_END) = 1048576',
      'munmap(ADDRESS, 1048576) = 0',
      'close(5) = 0',
      'close(4) = 0',
      'close(3) = 0',
    ]);
  });

  testWithPython('dma-heap.py', async () => {
    const { status, stdout, stderr } = await runNative(['python3', example('native/dma-heap.py')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('4096 bytes that begin with hello\nread: Invalid argument\n');
  });

  testWithPython('the counter device, from Python', async () => {
    const { status, stdout, stderr } = await runNative(['python3', example('counter-device/count.py')], {
      options: ['--board', example('counter-device/board.ts')],
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^(read [12]\n)*read 3\nthe counter is at 3\n$/);
  });

  test('npx finds the command', async () => {
    const { status, stdout } = await start('npx', ['--no-install', 'ioctopus', 'boards']).ended;
    expect([status, stdout]).toEqual([0, expect.stringContaining('generic\t')]);
  });
});
