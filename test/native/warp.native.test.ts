import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const options = ['--time=warp', '--board', join(root, 'test/native/boards/channel.ts')];

describe.skipIf(!hasCompiler)('--time=warp', () => {
  test('what only waits takes no time, and the clocks agree that it did', async () => {
    const program = compile(join(root, 'test/native/programs/warp.c'), join(folder, 'warp'), '-pthread');
    const { status, stdout, stderr } = await runNative([program, '/dev/channel'], { options });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'sleep: 0, 1 ks, 1 1',
      'nanosleep: 0, 2 ks, 1 1',
      'usleep: 0, 2 ks, 1 1',
      'until: 0, 5 ks, 1 1',
      'poll of nothing: 0, 6 ks, 1 1',
      'poll of a pipe: 0, 7 ks, 1 1',
      'poll of a device: 0, 8 ks, 1 1',
      'select of both: 0, 10 ks, 1 1',
      'left 0',
      'epoll of a pipe: 0, 11 ks, 1 1',
      'epoll of both: 0, 12 ks, 1 1',
      'epoll that only looks: 0, 12 ks, 1 1',
      'a signal: -1, 17 ks, 1 1',
      'left 4 ks, 1',
      'the child: 1, 22 ks, 1 1',
      'its byte: 1, 22 ks, 1 1',
      'busy: 1',
      'a thread: 0, 72 ks, 1 1',
      '',
    ]);
  });

  test('requests of io_submit', async () => {
    const program = compile(join(root, 'test/native/programs/warp-aio.c'), join(folder, 'warp-aio'));
    const settings = { options: ['--time=warp', '--board', join(root, 'test/native/boards/slow-reads.ts')] };
    expect(await runNative([program, '/dev/slow'], settings)).toEqual({
      status: 0,
      stdout:
        'without a limit: 1, 1000 s\ntoo short: 0, 600 s\na look: 0, 0 s\nlong enough: 2, 400 s\naaaa\na limit in the past: 1, 1000 s\n',
      stderr: '',
    });
  });

  test('a shell and its children', async () => {
    const script = 'a=$(date +%s); sleep 3000 & sleep 7000; wait; b=$(date +%s); echo $(((b - a) / 1000))';
    expect(await runNative(['sh', '-c', script], { options })).toEqual({ status: 0, stdout: '7\n', stderr: '' });
  });

  test('without it, clocks are the host’s', async () => {
    const { stdout } = await runNative(['date', '+%s'], {});
    expect(Math.abs(Number(stdout) - Date.now() / 1000)).toBeLessThan(3600);
  });
});
