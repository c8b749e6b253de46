import { describe, expect, test } from 'vitest';
import { flagFormatter, formatIoc, IOR, IOW, IOWR, ioc, struct, u32, u64 } from '../../src/abi/index.ts';
import { DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME, formatOpenFlags, O_CLOEXEC, O_RDWR } from '../../src/abi/uapi/index.ts';

describe('requests', () => {
  test('numbers carry direction, size, type and number', () => {
    const layout = struct({ a: u32, b: u32 });
    expect([IOW('b', 2, layout), IOR('b', 2, layout), IOWR('b', 2, layout)].map((request) => request.number)).toEqual([
      0x40086202, 0x80086202, 0xc0086202,
    ]);
    expect(DMA_BUF_IOCTL_SYNC.number).toBe(0x40086200);
    expect(DMA_BUF_SET_NAME.number).toBe(0x40086201);
  });

  test('parts that do not fit are refused', () => {
    expect(() => ioc(1, 'ab', 0, 0)).toThrow('"ab" is not one character');
    expect(() => ioc(1, 'a', 256, 0)).toThrow('256 does not fit 8 bits');
    expect(() => ioc(1, 'a', 0, 16384)).toThrow('16384 bytes does not fit 14 bits');
  });

  test('a request knows its name, or shows its parts', () => {
    expect(DMA_BUF_IOCTL_SYNC.name).toBe('DMA_BUF_IOCTL_SYNC');
    expect(IOW('c', 1, u64).name).toBe('_IOC(_IOC_WRITE, 0x63, 0x1, 0x8)');
    expect(formatIoc(0x541b)).toBe('_IOC(_IOC_NONE, 0x54, 0x1b, 0x0)');
  });

  test('flags are shown by name', () => {
    expect(formatOpenFlags(O_RDWR | O_CLOEXEC)).toBe('O_RDWR|O_CLOEXEC');
    expect(formatOpenFlags(0)).toBe('O_RDONLY');
    const format = flagFormatter({ bits: { A: 1, B: 2 } });
    expect([format(0), format(3), format(5), format(2 ** 40 + 1)]).toEqual(['0', 'A|B', 'A|0x4', 'A|0x10000000000']);
  });
});
