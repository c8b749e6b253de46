import { describe, expect, it } from 'vitest';
import { MNT_DETACH, MNT_EXPIRE, MS_NODEV, MS_NOSUID, MS_RDONLY, O_CREAT } from '../../src/abi/uapi/index.ts';
import { Errno } from '../../src/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import { registerFileSystem } from '../../src/vfs/index.ts';
import { Kernfs } from '../../src/vfs/pseudo/kernfs.ts';
import { Fixture } from './fixture.ts';

function setUp() {
  const fixture = new Fixture();
  const { sys } = fixture;
  sys.mkdir('/m');
  const mounts = () => {
    const fd = sys.open('/proc/mounts');
    const lines = Buffer.from(sys.read(fd, 4096)).toString().trimEnd().split('\n');
    sys.close(fd);
    return lines;
  };
  return { fixture, sys, system: fixture.machine.system, mounts };
}

describe('mount', () => {
  it('shows in /proc/mounts, odd characters in octal', () => {
    const { sys, mounts } = setUp();
    sys.mkdir('/a b');
    sys.mount('no\tdevice', '/a b', 'tmpfs', MS_NOSUID | MS_NODEV);
    expect(mounts().at(-1)).toBe('no\\011device /a\\040b tmpfs rw,nosuid,nodev,relatime 0 0');
    sys.umount('/a b');
    expect(mounts().some((line) => line.includes('device'))).toBe(false);
  });

  it('uses a type that a driver registers, which may wait and refuse', () => {
    const { fixture, sys, system } = setUp();
    const released: string[] = [];
    const { root } = new Kernfs(system, 'toyfs', 1, system.vfs.takeDev(), () => {});
    root.createDirectory('inner');
    const unregister = registerFileSystem(system, {
      name: 'toyfs',
      *mount({ data, source }) {
        yield* sleep(1e6);
        if (data !== 'ok') throw new Errno('EINVAL', `${source}: unknown option`);
        return root;
      },
      release: () => void released.push('gone'),
    });
    expect(fixture.errorOf(() => sys.mount('x', '/m', 'toyfs', 0, 'bad'))).toBe('EINVAL');
    expect(fixture.errorOf(() => registerFileSystem(system, { name: 'toyfs', mount: () => root }))).toBe('EBUSY');
    sys.mount('x', '/m', 'toyfs', 0, 'ok');
    sys.mount('x', '/m/inner', 'toyfs', 0, 'ok');
    expect(sys.stat('/m/inner/inner').ino).toBe(sys.stat('/m/inner').ino + 1);
    sys.umount('/m/inner');
    expect(released).toEqual([]);
    sys.umount('/m');
    expect(released).toEqual(['gone']);
    unregister();
    expect(fixture.errorOf(() => sys.mount('x', '/m', 'toyfs', 0, 'ok'))).toBe('ENODEV');
  });

  it('refuses flags whose effect is not simulated', () => {
    const { fixture, sys } = setUp();
    expect(fixture.errorOf(() => sys.mount('x', '/m', 'tmpfs', MS_RDONLY))).toBe('EINVAL');
  });

  it('keeps what programs do in one apart from the folder below', () => {
    const { fixture, sys } = setUp();
    sys.close(sys.open('/m/below', O_CREAT));
    sys.mount('x', '/m', 'tmpfs');
    expect(fixture.errorOf(() => sys.stat('/m/below'))).toBe('ENOENT');
    sys.close(sys.open('/m/above', O_CREAT));
    expect(fixture.errorOf(() => sys.rename('/m/above', '/above'))).toBe('EXDEV');
    sys.umount('/m');
    expect(fixture.errorOf(() => sys.stat('/m/above'))).toBe('ENOENT');
    expect(sys.stat('/m/below').nlink).toBe(1);
  });
});

describe('umount', () => {
  it('of a folder in use leaves it to its users when told so', () => {
    const { fixture, sys } = setUp();
    sys.mount('x', '/m', 'tmpfs');
    sys.mkdir('/m/sub');
    sys.mount('y', '/m/sub', 'tmpfs');
    sys.chdir('/m');
    expect(fixture.errorOf(() => sys.umount('/m'))).toBe('EBUSY');
    sys.umount('/m', MNT_DETACH);
    expect(sys.getdents(sys.open('/m'))).toHaveLength(2);
    sys.close(sys.open('sub/new', O_CREAT));
    expect(sys.stat('sub/new').nlink).toBe(1);
    expect(sys.stat('..').ino).toBe(sys.stat('.').ino);
  });

  it('with MNT_EXPIRE takes two calls', () => {
    const { fixture, sys } = setUp();
    sys.mount('x', '/m', 'tmpfs');
    expect(fixture.errorOf(() => sys.umount('/m', MNT_EXPIRE | MNT_DETACH))).toBe('EINVAL');
    expect(fixture.errorOf(() => sys.umount('/m', MNT_EXPIRE))).toBe('EAGAIN');
    sys.umount('/m', MNT_EXPIRE);
    expect(fixture.errorOf(() => sys.umount('/m'))).toBe('EINVAL');
  });
});
