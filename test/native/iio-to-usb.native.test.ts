import { join } from 'node:path';
import { copyToUsb, shareWithUsb } from 'ioctopus/driver';
import { describe, expect, test } from 'vitest';
import { stream } from '../../examples/iio-to-usb/iio-to-usb.ts';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const board = join(root, 'examples/iio-to-usb/board.ts');
const whole = /^the host has (\d+) MiB, of which 0 blocks begin with other samples than were taken$/;

describe('the example that sends samples to a USB host', () => {
  testWithCompiler.for(['copy', 'dma-buf'])('in C, by %s: the host has all of them in order', async (way) => {
    const source = join(root, 'examples/iio-to-usb/iio-to-usb.c');
    const program = compile(source, join(folder, `iio-to-usb-${way}`), `-I${root}/native-shims/include`);
    const { status, stdout, stderr } = await runNative([program, way, '60', '9'], { options: ['--strict', '--board', board] });
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(new RegExp(`\\r${way}: \\d+ MiB/s\\n$`));
    expect(whole.exec(stderr.trim())?.[1]).toBe('9');
  });

  test.each([
    ['read and write', copyToUsb],
    ['dma-bufs', shareWithUsb],
  ])('in TypeScript, by %s', async (name, way) => {
    const shown: string[] = [];
    const said: string[] = [];
    const settings = { seconds: 0, show: (text: string) => shown.push(text) };
    expect(await stream(name, way, settings, (line) => said.push(line))).toBeGreaterThan(0);
    expect(shown.at(-1)).toMatch(new RegExp(`^\\r${name}: \\d+ MiB/s\\n$`));
    expect(said).toEqual([expect.stringMatching(whole)]);
  });
});
