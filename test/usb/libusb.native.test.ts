import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile, temporaryFolder } from '../support/compiler.ts';
import { runOn } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { usbLoopbackBoard } from '../support/usb-loopback-board.ts';

const program = compile(join(root, 'test/native/programs/usb-host.c'), join(temporaryFolder(), 'usb-host'), '-lusb-1.0');

test.each(['dummy_udc.0', 'sg_udc.0'])('a libusb program finds the device on %s, asks it and streams', async (udcName) => {
  const { status, stdout, stderr } = await runOn(usbLoopbackBoard(udcName), [program, 'describe', 'control', 'reset', '4']);
  expect(stderr).toBe('');
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(/^1209:0001 thing speed 3 in 81 out 0[12]$/),
    'store 300',
    'give back 300 right',
    'unknown LIBUSB_ERROR_PIPE',
    'nothing comes LIBUSB_ERROR_TIMEOUT',
    'reset 0',
    'streamed 4194304 bytes, 0 wrong pieces',
    '',
  ]);
  expect(status).toBe(0);
});

test('lsusb -v shows the device as it describes itself', async () => {
  const { status, stdout } = await runOn(usbLoopbackBoard(), [
    'sh',
    '-c',
    'until lsusb -d 1209:0001; do sleep 0.1; done; lsusb -v -d 1209:0001',
  ]);
  expect(status).toBe(0);
  for (const line of [
    'iProduct                2 thing',
    'iInterface              4 loop input to output',
    'wMaxPacketSize     0x0200  1x 512 bytes',
  ])
    expect(stdout).toContain(line);
});
