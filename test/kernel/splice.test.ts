import { expect, test } from 'vitest';
import { O_APPEND, O_CREAT, O_RDWR } from '../../src/abi/uapi/index.ts';
import { bootTestDevice } from '../support/test-device.ts';

function bootFiles() {
  const booted = bootTestDevice();
  const { sys } = booted.machine;
  const from = sys.open('/from', O_RDWR | O_CREAT);
  const to = sys.open('/to', O_RDWR | O_CREAT);
  sys.write(from, 'x'.repeat(100_000));
  sys.lseek(from, 0, 0);
  return { ...booted, sys, from, to };
}

test('sendfile and copy_file_range copy between regular files, from where they stand', () => {
  const { sys, from, to } = bootFiles();
  expect(sys.sendfile(to, from, 70_000)).toBe(70_000);
  expect(sys.copyFileRange(from, to, 70_000)).toBe(30_000);
  expect(sys.sendfile(to, from, 1)).toBe(0);
  expect(sys.fstat(to).size).toBe(100_000);
});

test('a device can be neither end, and nothing is appended', () => {
  const { sys, from, to, fd } = bootFiles();
  expect(() => sys.sendfile(to, fd, 10)).toThrow('EINVAL');
  expect(() => sys.sendfile(fd, from, 10)).toThrow('EINVAL');
  const end = sys.open('/to', O_RDWR | O_APPEND);
  expect(() => sys.sendfile(end, from, 10)).toThrow('EINVAL');
  expect(() => sys.copyFileRange(from, end, 10)).toThrow('EBADF');
});

test('what cannot be written is not read: the bytes are there for who tries otherwise', () => {
  const { sys, from, fd } = bootFiles();
  const elsewhere = sys.open('/dev/file', O_RDWR | O_CREAT);
  expect(() => sys.sendfile(fd, from, 10)).toThrow('EINVAL');
  expect(() => sys.copyFileRange(from, elsewhere, 10)).toThrow('EXDEV');
  expect(() => sys.copyFileRange(from, elsewhere, 0)).toThrow('EXDEV');
  expect(sys.lseek(from, 0, 1)).toBe(0);
  expect(sys.read(from, 10).length).toBe(10);
});

test('vectors fill one piece after the other', () => {
  const { sys, from } = bootFiles();
  sys.pwrite(from, 'abcdef', 0);
  const memory = sys.allocate(6);
  const pieces = [4, 0, 2].map((offset, index) => ({ address: memory.address + offset, length: index === 2 ? 3 : 2 }));
  expect(sys.preadv2(from, pieces.slice(0, 2), 0)).toBe(4);
  expect(Buffer.from(memory.bytes).toString('latin1')).toBe('cd\0\0ab');
  expect(sys.readv(from, pieces)).toBe(7);
});
