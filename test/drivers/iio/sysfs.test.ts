import { O_RDWR } from '../../../src/abi/uapi/index.ts';
import { describe, expect, test } from './fixture.ts';

const BUFFER = ['data_available', 'direction', 'enable', 'length', 'length_align_bytes', 'watermark'];
const ELEMENTS = [0, 1, 2, 3].flatMap((channel) => ['en', 'index', 'type'].map((what) => `in_voltage${channel}_${what}`));

describe('the folder of a device', () => {
  test('has what libiio looks for', ({ bench: { receive, sys } }) => {
    const names = (folder: string) => {
      const fd = sys.open(`${receive.folder}/${folder}`);
      const found = sys
        .getdents(fd)
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('.'))
        .sort();
      sys.close(fd);
      return found;
    };
    expect(names('buffer')).toEqual(BUFFER);
    expect(names('scan_elements')).toEqual(ELEMENTS);
    expect(names('buffer0')).toEqual([...BUFFER, ...ELEMENTS].sort());
    expect(names('.')).toEqual(
      expect.arrayContaining([
        'buffer',
        'buffer0',
        'dev',
        'in_voltage0_calibbias',
        'in_voltage_sampling_frequency',
        'name',
        'power',
        'uevent',
      ]),
    );
  });

  test.for([
    ['name', 'cf-ad9361-lpc\n'],
    ['buffer0/length', '4096\n'],
    ['buffer0/watermark', '2048\n'],
    ['buffer0/data_available', '0\n'],
    ['buffer0/direction', 'in\n'],
    ['buffer0/length_align_bytes', '8\n'],
    ['buffer0/in_voltage3_index', '3\n'],
    ['scan_elements/in_voltage0_type', 'le:S12/16>>0\n'],
    ['in_voltage0_calibbias', '0\n'],
    ['in_voltage_sampling_frequency', '30720000\n'],
  ])('shows %s as %j', ([attribute, text], { bench: { receive } }) => {
    expect(receive.show(attribute as string)).toBe(text);
  });

  test('has a number and a node', ({ bench: { receive, sys } }) => {
    const [, major, minor] = /^(\d+):(\d+)\n$/.exec(receive.show('dev')) ?? [];
    expect(receive.show('uevent')).toBe(`MAJOR=${major}\nMINOR=${minor}\nDEVNAME=iio:device0\nDEVTYPE=iio_device\n`);
    expect(sys.stat('/dev/iio:device0').mode).toBe(0o20600);
    expect(sys.readlink('/sys/bus/iio/devices/iio:device0')).toBe('../../../devices/platform/cf-ad9361-lpc/iio:device0');
  });
});

/** What 6.12.95 answered with ti-adc081c on i2c-stub, but for the least length and the watermark, which are the DMA buffer's. */
describe('attributes of a buffer', () => {
  test('take what makes sense', ({ bench: { receive } }) => {
    expect(receive.store('buffer0/length', 'abc')).toBe('EINVAL');
    expect(receive.store('buffer0/length', '0')).toBe(1);
    expect(receive.show('buffer0/length')).toBe('2\n');
    expect(receive.show('buffer0/watermark')).toBe('2\n');
    expect(receive.store('buffer0/length', '10')).toBe(2);
    expect(receive.show('buffer/length')).toBe('10\n');
    expect(receive.show('buffer0/watermark')).toBe('2\n');
  });

  test('have a watermark that the driver sets', ({ bench: { receive, sys } }) => {
    expect(sys.stat(`${receive.folder}/buffer0/watermark`).mode & 0o777).toBe(0o444);
  });

  test('want a channel before the buffer is enabled', ({ bench: { receive } }) => {
    expect(receive.enable()).toBe('EINVAL');
    expect(receive.disable()).toBe(1);
    expect(receive.store('buffer0/enable', 'x')).toBe('EINVAL');
    expect(receive.store('buffer0/in_voltage0_en', '1')).toBe(1);
    expect(receive.store('scan_elements/in_voltage0_en', '1')).toBe(1);
    expect(receive.show('buffer0/in_voltage0_en')).toBe('1\n');
    expect(receive.enable()).toBe(1);
  });

  test('cannot be changed while it is enabled', ({ bench: { receive } }) => {
    receive.choose(1);
    receive.store('buffer0/length', '10');
    expect(receive.enable()).toBe(1);
    expect(receive.enable()).toBe(1);
    expect(receive.show('buffer0/enable')).toBe('1\n');
    expect(receive.store('buffer0/length', '10')).toBe(2);
    expect(receive.store('buffer0/length', '20')).toBe('EBUSY');
    expect(receive.store('buffer0/in_voltage0_en', '0')).toBe('EBUSY');
    expect(receive.store('buffer0/in_voltage1_en', '1')).toBe('EBUSY');
    expect(receive.disable()).toBe(1);
    expect(receive.store('buffer0/in_voltage0_en', '0')).toBe(1);
    expect(receive.enable()).toBe('EINVAL');
  });
});

describe('attributes of channels', () => {
  test.for([
    ['2083333', 7, '2083333\n'],
    ['30720000.7\n', 11, '30720000\n'],
    ['2083333\0', 8, '2083333\n'],
    ['2083332', 'EINVAL', '30720000\n'],
    ['61440001', 'EINVAL', '30720000\n'],
    ['fast', 'EINVAL', '30720000\n'],
  ])('take a rate of %j', ([text, answer, shown], { bench: { receive } }) => {
    expect(receive.store('in_voltage_sampling_frequency', text as string)).toBe(answer);
    expect(receive.show('in_voltage_sampling_frequency')).toBe(shown);
  });

  test('move samples by an offset, within 12 bits', ({ bench: { receive, adc } }) => {
    const before = adc.pattern.sample(2, 0);
    expect(receive.store('in_voltage2_calibbias', '-5')).toBe(2);
    expect(receive.show('in_voltage2_calibbias')).toBe('-5\n');
    expect(adc.pattern.sample(2, 0)).toBe(Math.max(-2048, before - 5));
    expect(receive.store('in_voltage2_calibbias', '32767')).toBe(5);
    expect(adc.pattern.sample(2, 0)).toBe(2047);
    expect(receive.store('in_voltage2_calibbias', '32768')).toBe('EINVAL');
  });
});

test('debugfs shows registers of the core', ({ bench: { sys } }) => {
  const path = '/sys/kernel/debug/iio/iio:device0/direct_reg_access';
  const use = (text: string): string => {
    const fd = sys.open(path, O_RDWR);
    try {
      sys.write(fd, Buffer.from(text));
      return Buffer.from(sys.pread(fd, 100, 0)).toString();
    } finally {
      sys.close(fd);
    }
  };
  expect(use('0x80000400')).toBe('0x0\n');
  expect(use('0x80000400 255')).toBe('0xFF\n');
  expect(use('0x80000410')).toBe('0x0\n');
  expect(use('0x400')).toBe('0x0\n');
  expect(() => use('register')).toThrow('EINVAL');
});
