import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../../src/abi/uapi/index.ts';
import { bootTestDevice } from '../support/test-device.ts';

describe('read and write', () => {
  test('a read waits for data, and a non-blocking one does not', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    const quick = sys.open('/dev/test', O_RDWR | O_NONBLOCK);
    expect(() => sys.read(quick, 4)).toThrow('EAGAIN');
    machine.system.clock.schedule(100, 'data', () => device.put(1, 2, 3));
    expect([...sys.read(fd, 2)]).toEqual([1, 2]);
    expect([...sys.read(quick, 4)]).toEqual([3]);
  });

  test('the access mode is checked first', () => {
    const { machine } = bootTestDevice();
    const { sys } = machine;
    expect(() => sys.write(sys.open('/dev/test', O_RDONLY), 'x')).toThrow('EBADF');
    expect(() => sys.read(sys.open('/dev/test', O_WRONLY), 1)).toThrow('EBADF');
    expect(() => sys.read(sys.open('/dev/test', 3), 1)).toThrow('EBADF');
  });

  test('what cannot be read or written is EINVAL', () => {
    const { machine } = bootTestDevice();
    const directory = machine.sys.open('/', O_RDONLY);
    expect(() => machine.sys.read(directory, 1)).toThrow('EISDIR');
  });

  test('many pieces are one read', () => {
    const { machine, device, fd } = bootTestDevice();
    const memory = machine.sys.allocate(4096);
    device.put(1, 2, 3, 4, 5, 6, 7);
    const piece = (at: number, length: number) => ({ address: memory.address + at, length });
    expect(machine.sys.readv(fd, [piece(0, 2), piece(100, 0), piece(10, 3), piece(20, 100)])).toBe(7);
    expect([...memory.bytes.subarray(0, 3), ...memory.bytes.subarray(10, 14), ...memory.bytes.subarray(20, 23)]).toEqual([
      1, 2, 0, 3, 4, 5, 0, 6, 7, 0,
    ]);
  });

  test('a read into memory that ends gives what fitted; one that fits nothing is EFAULT', () => {
    const { machine, device, fd } = bootTestDevice();
    const end = machine.sys.allocate(4096).address + 4096;
    device.put(1, 2, 3, 4);
    expect(machine.sys.readv(fd, [{ address: end - 3, length: 8 }])).toBe(3);
    device.put(5);
    expect(() => machine.sys.readv(fd, [{ address: end, length: 8 }])).toThrow('EFAULT');
  });

  test('a write from memory that ends takes nothing', () => {
    const { machine, device, fd } = bootTestDevice();
    const end = machine.sys.allocate(4096).address + 4096;
    expect(() => machine.sys.writev(fd, [{ address: end - 3, length: 8 }])).toThrow('EFAULT');
    expect(device.fifo).toEqual([]);
  });

  test('what is written is read, in whatever pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 70000 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 70000 }),
        (writes, step) => {
          const { machine, fd } = bootTestDevice();
          for (const bytes of writes) expect(machine.sys.write(fd, bytes)).toBe(bytes.length);
          const total = Buffer.concat(writes);
          const parts: Uint8Array[] = [];
          for (let left = total.length; left > 0; ) {
            const part = machine.sys.read(fd, step);
            parts.push(part);
            left -= part.length;
          }
          expect(Buffer.concat(parts).equals(total)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });
});
