import { describe, expect, test } from 'vitest';
import { IOW, u32 } from '../../src/abi/index.ts';
import { ioctls, on } from '../../src/kernel/index.ts';
import { ADD, bootTestDevice, GET, LABEL, SCALE, SET, TICK, WAIT } from '../support/test-device.ts';

describe('typed requests', () => {
  test('each shape gives what its type says', () => {
    const { machine, device, fd } = bootTestDevice();
    const { sys } = machine;
    expect(sys.ioctl(fd, SET, { value: 5 })).toBe(0);
    expect(sys.ioctl(fd, GET)).toEqual({ value: 5, reads: 7 });
    expect(sys.ioctl(fd, ADD, { by: 3, kept: 9 })).toEqual({ by: 3, kept: 9, sum: 8 });
    expect(sys.ioctl(fd, TICK)).toBe(6);
    expect(sys.ioctl(fd, SCALE, 7)).toBe(0);
    expect(sys.ioctl(fd, LABEL, 'a label')).toBe(0);
    expect([device.value, device.label]).toEqual([42, 'a label']);
  });

  test('a request of another size, direction or number is unknown', () => {
    const { machine, fd } = bootTestDevice();
    const memory = machine.sys.allocate(64);
    for (const number of [SET.number + 1 + (4 << 16), SET.number ^ 0x80000000, SET.number + 0x10000, 0, 0x7402]) {
      expect(() => machine.sys.ioctl(fd, number, memory.address), number.toString(16)).toThrow('ENOTTY');
    }
  });

  test('the upper half of a request number does not count', () => {
    const { machine, device, fd } = bootTestDevice();
    const memory = machine.sys.allocate(64);
    memory.bytes[0] = 3;
    expect(machine.sys.ioctl(fd, SET.number + 0x7ead * 2 ** 32, memory.address)).toBe(0);
    expect(device.value).toBe(3);
  });

  test.each([
    ['null', 0],
    ['nearly null', 8],
    ['an address that only 64 bits can hold', -1],
    ['the kernel’s half', 0xffff_8880_0000_0000],
  ])('a pointer that is %s is EFAULT and changes nothing', (_name, address) => {
    const { machine, device, fd } = bootTestDevice();
    for (const request of [SET, GET, ADD, LABEL]) expect(() => machine.sys.ioctl(fd, request.number, address)).toThrow('EFAULT');
    expect([device.value, device.label]).toEqual([0, '']);
  });

  test('a struct must lie in memory to its last byte', () => {
    const { machine, fd } = bootTestDevice();
    const page = machine.sys.allocate(4096);
    const end = page.address + 4096;
    expect(machine.sys.ioctl(fd, SET.number, end - 8)).toBe(0);
    expect(() => machine.sys.ioctl(fd, SET.number, end - 7)).toThrow('EFAULT');
    expect(() => machine.sys.ioctl(fd, GET.number, end - 7)).toThrow('EFAULT');
  });

  test('memory that may only be read cannot take an answer', () => {
    const { machine, fd } = bootTestDevice();
    const page = machine.sys.allocate(4096);
    machine.sys.mprotect(page, 1);
    expect(() => machine.sys.ioctl(fd, GET.number, page.address)).toThrow('EFAULT');
    expect(() => machine.sys.ioctl(fd, ADD.number, page.address)).toThrow('EFAULT');
    expect(machine.sys.ioctl(fd, SET.number, page.address)).toBe(0);
  });

  test('text ends at its NUL, wherever memory ends', () => {
    const { machine, device, fd } = bootTestDevice();
    const page = machine.sys.allocate(4096);
    page.bytes.set([0x68, 0x69, 0], 4093);
    machine.sys.ioctl(fd, LABEL.number, page.address + 4093);
    expect(device.label).toBe('hi');
    page.bytes.fill(0x78);
    expect(() => machine.sys.ioctl(fd, LABEL.number, page.address + 4096 - 15)).toThrow('EFAULT');
    machine.sys.ioctl(fd, LABEL.number, page.address + 4096 - 16);
    expect(device.label).toBe('too long');
  });

  test('bytes that nobody understands come back as they were', () => {
    const { machine, fd } = bootTestDevice();
    const memory = machine.sys.allocate(16);
    memory.bytes.fill(0xee);
    machine.sys.ioctl(fd, ADD.number, memory.address);
    expect([...memory.bytes.subarray(0, 8)]).toEqual(new Array(8).fill(0xee));
  });

  test('a handler that waits runs the machine, and a program gives way meanwhile', async () => {
    const { machine, device, fd } = bootTestDevice();
    machine.system.clock.schedule(1000, 'the hardware', () => {
      device.value = 3;
      device.changed.wake();
    });
    expect(machine.sys.ioctl(fd, WAIT, { until: 3 })).toBe(0);
    expect(machine.system.now()).toBe(1e9 + 1000);
  });

  test('a closed descriptor is EBADF, whatever the request', () => {
    const { machine, fd } = bootTestDevice();
    machine.sys.close(fd);
    expect(() => machine.sys.ioctl(fd, 0, 0)).toThrow('EBADF');
  });

  test('a table that serves one number twice is refused', () => {
    const request = IOW('t', 1, u32, 'TWICE');
    expect(() =>
      ioctls(
        on(request, () => 0),
        on(request, () => 0),
      ),
    ).toThrow('TWICE is served twice');
  });
});
