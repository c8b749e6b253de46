import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { boot, zcu102 } from '../../src/index.ts';
import { testWithCommand } from '../support/commands.ts';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const onBoard = ['--strict', '--board', 'zcu102'];
const withTools = testWithCommand('iio_info');
const iio = (...command: string[]) => runNative([command[0] as string, '-u', 'local:', ...command.slice(1)], { options: onBoard });

const ALL = 0b1111;
const PERIOD = 32_768;

/** Where in the model these samples begin, which must follow each other; undefined when they are not the model's. */
function firstScan(bytes: Buffer, mask = ALL): number | undefined {
  const board = zcu102();
  const machine = boot(board);
  const { pattern } = board.parts.adc;
  const scan = pattern.scanSize(mask);
  const all = Buffer.from(pattern.bytes(mask, 0, PERIOD + bytes.length / scan));
  machine.shutdown();
  for (let at = all.indexOf(bytes.subarray(0, 8 * scan)); at >= 0; at = all.indexOf(bytes.subarray(0, 8 * scan), at + 1))
    if (at % scan === 0 && all.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0) return at / scan;
  return undefined;
}

describe('the programs of libiio, as Debian has them', () => {
  withTools('list devices, channels and attributes', async () => {
    const { status, stdout, stderr } = await iio('iio_info');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('IIO context has 2 devices:');
    expect(stdout).toContain(`
	iio:device0: cf-ad9361-lpc (buffer capable)
		4 channels found:
			voltage0:  (input, index: 0, format: le:S12/16>>0)
			3 channel-specific attributes found:
				attr  0: calibbias value: 0
				attr  1: sampling_frequency value: 30720000
				attr  2: sampling_frequency_available value: [2083333 1 61440000]
`);
    expect(stdout).toContain(`
		3 buffer-specific attributes found:
				attr  0: data_available value: 0
				attr  1: direction value: in
				attr  2: length_align_bytes value: 8
		1 debug attributes found:
				debug attr  0: direct_reg_access value: 0x0
		No trigger on this device
	iio:device1: cf-ad9361-dds-core-lpc (buffer capable)
		4 channels found:
			voltage0:  (output, index: 0, format: le:S16/16>>0)
`);
  });

  withTools('set attributes, and read registers', async () => {
    const script = `
      iio_attr -u local: -c cf-ad9361-lpc voltage2 sampling_frequency 2083333
      iio_attr -u local: -c cf-ad9361-lpc voltage0 sampling_frequency
      iio_attr -u local: -i -c cf-ad9361-lpc voltage1 calibbias -7
      iio_reg -u local: cf-ad9361-lpc 0x80000450`;
    const { status, stdout, stderr } = await runNative(['sh', '-ec', script], { options: onBoard });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toEqual(['2083333', '2083333', '-7', '0xfff90000']);
  });

  withTools.for([
    [ALL, []],
    [0b0101, ['voltage0', 'voltage2']],
  ] as const)('capture the samples of the model: channels %i', async ([mask, channels]) => {
    const { status, stdout, stderr } = await iio('iio_readdev', '-b', '16384', '-s', '32768', 'cf-ad9361-lpc', ...channels);
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'WARNING: High-speed mode not enabled\n' });
    const bytes = Buffer.from(stdout, 'latin1');
    expect(bytes).toHaveLength(32_768 * (mask === ALL ? 8 : 4));
    expect(firstScan(bytes, mask)).toBeDefined();
  });

  withTools('are told of samples that nobody took', async () => {
    const script = 'iio_adi_xflow_check -u local: -s 4096 cf-ad9361-lpc 2>&1 | grep -m 1 "flow detected"';
    const { status, stdout } = await runNative(['sh', '-c', script], { options: onBoard });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Overflow detected\n' });
  });

  withTools('send samples', async () => {
    const script = 'head -c 65536 /dev/zero | iio_writedev -u local: -b 1024 -s 8192 cf-ad9361-dds-core-lpc';
    const { status, stderr } = await runNative(['sh', '-ec', script], { options: onBoard });
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'WARNING: High-speed mode not enabled\n' });
  });
});

describe('a C program', () => {
  testWithCompiler('captures into dma-bufs, one after the other without a gap', async () => {
    const source = join(root, 'test/native/programs/iio-dmabuf.c');
    const program = compile(source, join(folder, 'iio-dmabuf'), `-I${root}/native-shims/include`);
    const { status, stdout, stderr } = await runNative([program, '4', '262144'], { options: onBoard });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const bytes = Buffer.from(stdout, 'latin1');
    expect(bytes).toHaveLength(4 * 262_144);
    expect(firstScan(bytes)).toBeDefined();
  });

  testWithCompiler('may be killed while samples come in: nothing is left', async () => {
    const source = join(root, 'test/native/programs/iio-dmabuf.c');
    const program = compile(source, join(folder, 'iio-dmabuf-killed'), `-I${root}/native-shims/include`);
    const script = `
      "$0" 8 1048576 > "$1" & until [ -s "$1" ]; do :; done
      kill -9 $!
      { wait $!; } 2> /dev/null
      echo 0 > /sys/bus/iio/devices/iio:device0/buffer0/enable
      "$0" 1 4096 | wc -c`;
    const out = join(folder, 'killed.out');
    const { status, stdout, stderr } = await runNative(['sh', '-c', script, program, out], { options: onBoard });
    expect({ status, stdout: stdout.trim(), stderr }).toEqual({ status: 0, stdout: '4096', stderr: '' });
  });
});
