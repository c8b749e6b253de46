import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const include = `-I${join(root, 'native-shims/include')}`;
const withPair = join(root, 'test/native/boards/device-access.ts');

describe.skipIf(!hasCompiler)('native programs where devices do not see the caches', () => {
  let program: string;
  beforeAll(() => {
    program = compile(join(root, 'test/native/programs/coherency.c'), join(folder, 'coherency'), include);
  });

  /** Runs steps. @returns what they printed, and the rules that the report names, in order */
  async function act(steps: string, board = 'noncoherent', ...options: string[]): Promise<{ printed: string[]; told: string[] }> {
    const { status, stdout, stderr } = await runNative([program, ...steps.split(' ')], { options: ['--board', board, ...options] });
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    const told = [...stderr.matchAll(/^ioctopus: ([a-z-]+): /gm)].map(([, rule]) => rule as string);
    return { printed: stdout.trimEnd().split('\n'), told: [...new Set(told)] };
  }

  test('one that remembers its syncs is right', async () => {
    expect(await act('keep attach direct begin fill 7 end direct read direct write 9 begin look end')).toEqual({
      printed: ['direct found 7', 'the CPU sees 9'],
      told: [],
    });
  });

  test('and stays so when the cache loses lines on its own', async () => {
    const steps = 'keep attach direct begin fill 7 end direct read direct write 9 begin look end';
    expect((await act(steps, 'noncoherent', '--eviction', 'hostile', '--seed', '3')).printed).toEqual(['direct found 7', 'the CPU sees 9']);
  });

  test('one that forgets END has the device read old bytes', async () => {
    expect(await act('keep attach direct begin fill 7 direct read')).toEqual({
      printed: ['direct found 0'],
      told: ['coherency-stale-read'],
    });
  });

  test('one that forgets START sees old bytes itself', async () => {
    expect(await act('keep direct write 9 look end')).toEqual({ printed: ['the CPU sees 0'], told: ['coherency-stale-view'] });
  });

  test('one that forgets both is told when it ends', async () => {
    const { status, stdout, stderr } = await runNative([program, 'keep', 'direct', 'write', '9', 'look'], {
      options: ['--board', 'noncoherent'],
    });
    expect([status, stdout]).toEqual([0, 'the CPU sees 0\n']);
    expect(stderr).toMatch(/line 0 \(and 16383 more\) at offset 0x0 of dma-buf 1 .* was last written by dma-direct/);
  });

  test('(a) a device that fills the caches and one that does not see them: stale without begin_access and end_access', async () => {
    expect(await act('keep attach allocating attach direct allocating write 9 direct read', withPair)).toEqual({
      printed: ['direct found 0'],
      told: ['device-access-missing', 'coherency-stale-read'],
    });
  });

  test('(a) fresh with them', async () => {
    expect(await act('bracket attach allocating attach direct allocating write 9 direct read', withPair)).toEqual({
      printed: ['direct found 9'],
      told: [],
    });
  });

  test('(b) fresh when each transfer maps the buffer', async () => {
    expect((await act('plain attach allocating attach direct allocating write 9 direct read')).printed).toEqual(['direct found 9']);
  });

  test('(g) a buffer that the CPU maps write-combined needs no sync by programs', async () => {
    expect(await act('heap system-uncached keep attach direct fill 7 direct read direct write 9 look', withPair)).toEqual({
      printed: ['direct found 7', 'the CPU sees 9'],
      told: [],
    });
  });

  test('(h) a kernel without the pair is as 6.12: brackets change nothing', async () => {
    expect(await act('bracket attach allocating attach direct allocating write 9 direct read')).toEqual({
      printed: ['direct found 0'],
      told: ['coherency-devices-differ', 'coherency-stale-read'],
    });
  });

  test('the example', async () => {
    const example = compile(join(root, 'examples/native/forgotten-sync.c'), join(folder, 'forgotten-sync'), include);
    const forgotten = await runNative([example], { options: ['--board', 'noncoherent'] });
    expect([forgotten.status, forgotten.stdout]).toEqual([1, 'the sum of all bytes is 524288, the device found 0\n']);
    expect(forgotten.stderr).toMatch(
      /coherency-stale-read: dma-direct read old bytes: line 64 \(and 63 more\) at offset 0x1000 of dma-buf 1 \(system, "picture"\).* was written by the CPU after t=.* and nothing wrote the cache back \(DMA_BUF_IOCTL_SYNC END/,
    );
    const remembered = await runNative([example, '--remember'], { options: ['--board', 'noncoherent'] });
    expect(remembered).toEqual({ status: 0, stdout: 'the sum of all bytes is 524288, the device found 524288\n', stderr: '' });
  });
});
