import { describe, expect, it, test } from 'vitest';
import { O_RDWR, POLLHUP, POLLIN } from '../../src/abi/uapi/index.ts';
import {
  debugfs,
  debugfsBlob,
  debugfsU8,
  debugfsU16,
  debugfsU64,
  debugfsX8,
  debugfsX16,
  debugfsX32,
  debugfsX64,
} from '../../src/vfs/index.ts';
import { Fixture } from '../vfs/fixture.ts';

const TOP = '/sys/kernel/debug';

function setUp() {
  const fixture = new Fixture();
  const read = (path: string) => Buffer.from(fixture.sys.read(fixture.sys.open(path), 100)).toString('latin1');
  return { fixture, sys: fixture.sys, root: debugfs(fixture.machine.system), read };
}

test.each([
  ['u8', debugfsU8, 0x1ff, '255\n', 255],
  ['u16', debugfsU16, 0x1ffff, '65535\n', 65535],
  ['x8', debugfsX8, 0x1f, '0x1f\n', 31],
  ['x16', debugfsX16, 0x1f, '0x001f\n', 31],
  ['x32', debugfsX32, 0x1f, '0x0000001f\n', 31],
  ['x64', debugfsX64, 0x1f, '0x000000000000001f\n', 31],
] as const)('a value of kind %s', (_kind, operations, written, shown, kept) => {
  const { sys, root, read } = setUp();
  const at = { value: 0 };
  root.createFile('value', 0o644, operations(0o644, at));
  sys.write(sys.open(`${TOP}/value`, O_RDWR), `${written}`);
  expect(read(`${TOP}/value`)).toBe(shown);
  expect(at.value).toBe(kept);
});

describe('values', () => {
  it('of 64 bits are exact', () => {
    const { sys, root, read } = setUp();
    const at = { value: 0n };
    root.createFile('value', 0o600, debugfsU64(0o600, at));
    sys.write(sys.open(`${TOP}/value`, O_RDWR), '18446744073709551615\n');
    expect(at.value).toBe(2n ** 64n - 1n);
    expect(read(`${TOP}/value`)).toBe('18446744073709551615\n');
  });

  it('that are only read refuse even root', () => {
    const { fixture, sys, root } = setUp();
    root.createFile('value', 0o444, debugfsU8(0o444, { value: 1 }));
    expect(fixture.errorOf(() => sys.write(sys.open(`${TOP}/value`, O_RDWR), '2'))).toBe('EACCES');
  });

  it('may be bytes', () => {
    const { sys, root } = setUp();
    root.createFile(
      'blob',
      0o444,
      debugfsBlob(() => Uint8Array.of(1, 2, 3)),
    );
    const fd = sys.open(`${TOP}/blob`);
    expect([...sys.read(fd, 2)]).toEqual([1, 2]);
    expect([...sys.pread(fd, 10, 1)]).toEqual([2, 3]);
  });
});

describe('what a driver takes away', () => {
  it('fails for who has it open, with all that is in it', () => {
    const { fixture, sys, root } = setUp();
    const folder = root.createDirectory('device');
    folder.createText('state', 0o644, () => 'on\n');
    folder.createSymlink('link', 'state');
    expect(sys.readlink(`${TOP}/device/link`)).toBe('state');
    const fd = sys.open(`${TOP}/device/state`);
    root.remove('device');
    expect(fixture.errorOf(() => sys.read(fd, 1))).toBe('EIO');
    expect(fixture.errorOf(() => sys.lseek(fd, 0, 0))).toBe('EIO');
    expect(sys.poll([{ fd, events: POLLIN }], 0)).toEqual([POLLHUP]);
    expect(sys.fstat(fd).nlink).toBe(0);
    expect(fixture.errorOf(() => sys.stat(`${TOP}/device`))).toBe('ENOENT');
  });
});
