import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno } from '../../src/abi/index.ts';
import type { FileOperations } from '../../src/kernel/index.ts';
import { board } from '../support/boards.ts';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { runOn } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { onBoth } from '../support/storage.ts';

const folder = temporaryFolder();
const program = (name: string, ...flags: string[]) => compile(join(root, `test/native/programs/${name}.c`), join(folder, name), ...flags);

/** Reads end a millisecond later, each with as many of one letter as were asked for; cancelled ones at once. */
function slowReads(): FileOperations {
  let next = 0;
  return {
    readIter({ system }, to, request) {
      const letter = 'abcdefghij'.charCodeAt(next++ % 10);
      const length = to.remaining;
      const event = system.clock.schedule(1e6, 'the end of a read', () => request.complete(0, new Uint8Array(length).fill(letter)));
      request.setCancel(() => {
        event.cancel();
        request.complete(-errno.ECONNRESET);
      });
      return 'queued';
    },
  };
}

describe.skipIf(!hasCompiler)('io_submit', () => {
  test('does with a device what it does with a plain file, beside files of the host in one context', async () => {
    const aio = program('aio', '-laio');
    const { linux, ours } = await onBoth(join(folder, 'plain'), ({ path }) => [aio, path, join(folder, 'other')]);
    expect(linux).toContain('many: 260\nmany: 260\n');
    expect(ours).toEqual({ status: 0, stdout: linux, stderr: '' });
  });

  test('reads that end later are reported, and ended with their program', async () => {
    const slow = board(({ system }) => void system.devices.addMisc({ name: 'slow', mode: 0o666, ops: slowReads() }));
    const { status, stdout, stderr } = await runOn(slow, [program('aio-later'), '/dev/slow']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('setup: 0\nrounds: 40\nwaiter: 1 5 aaaaa.\nwaiter: 1 5 bbbbb.\ndestroy: 0\nsetup: 0\n');
  });

  test('io_uring is the host’s, and refuses what is emulated', async () => {
    const uring = program('io-uring');
    // A host may forbid it altogether.
    const allowed = spawnSync(uring, ['/dev/zero'], { encoding: 'utf8' }).stdout;
    const slow = board(({ system }) => void system.devices.addMisc({ name: 'slow', mode: 0o666, ops: slowReads() }));
    const { status, stdout } = await runOn(slow, [uring, '/dev/slow', '/dev/zero']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: allowed === 'read: bytes\n' ? 'read: EBADF\nread: bytes\n' : allowed });
  });
});
