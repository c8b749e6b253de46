import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const example = (name: string) => join(root, 'examples/gadget-loopback', name);

describe.skipIf(!hasCompiler)('the loopback gadget', () => {
  const loopback = compile(example('loopback.c'), join(folder, 'loopback'), '-pthread');
  const host = compile(example('host.c'), join(folder, 'host'), '-lusb-1.0');

  /** The script of a board, with the daemon in one process and what talks to it in another. */
  const run = (env: NodeJS.ProcessEnv, ...command: string[]) =>
    runNative(['sh', example('gadget.sh'), loopback, ...command], { env: { FUNCTION: join(folder, 'function'), ...env } });

  test.each(['dummy_udc.0', 'sg_udc.0'])('at %s', async (UDC) => {
    const { status, stdout, stderr } = await run({ UDC }, host, '2');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '2 MiB there and back, the same\ngave back 2097152 bytes\n',
      stderr: '',
    });
  });

  test('1 GiB goes there and comes back', async () => {
    const { status, stdout, stderr } = await run({ UNLIMITED: '1' }, host, '1024');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '1024 MiB there and back, the same\ngave back 1073741824 bytes\n',
      stderr: '',
    });
  }, 120_000);

  test('lsusb shows it as it describes itself', async () => {
    const look = 'until lsusb -d 1209:0001; do sleep 0.1; done; lsusb -v -d 1209:0001';
    const { status, stdout } = await run({}, 'sh', '-c', look);
    expect(status).toBe(0);
    for (const line of [
      'iManufacturer           1 ioctopus',
      'iProduct                2 loopback',
      'iInterface',
      'loopback',
      'wMaxPacketSize     0x0200',
    ])
      expect(stdout).toContain(line);
  });
});
