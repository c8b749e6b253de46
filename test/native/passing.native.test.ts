import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { onBoth, onStorage } from '../support/storage.ts';

const folder = temporaryFolder();
const program = (name: string) => compile(join(root, 'test/native/programs', `${name}.c`), join(folder, name), '-Wno-unused-result');

describe.skipIf(!hasCompiler)('descriptors', () => {
  test('travel to other processes with their position and flags, and live until the last one has ended', async () => {
    const { status, stdout, stderr } = await runNative([program('passing')], { options: onStorage });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'another program: 1 received, reads bcd, is at 4, flags 2002',
      'its own: written',
      'the sender is at 9',
      'the receiver has ended: 1 open',
      'and the sender has closed it: 0 open',
      'sent by who was killed then: 1 open',
      'another program: 1 received, reads abc, is at 3, flags 2',
      'its own: written',
      'received and ended: 0 open',
      ...['recvmsg', 'recvmmsg', 'syscall(SYS_recvmsg)'].map((name) => `${name}: 2 received, read 123. and 0`),
      'all closed: 0 open',
    ]);
  });

  test('are reached by syscall(2), too', async () => {
    const { linux, ours } = await onBoth(join(folder, 'plain'), ({ path }) => [program('syscalls'), path]);
    expect(linux).toContain('opened in a child: 3');
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });
});
