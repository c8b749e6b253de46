import { beforeEach, describe, expect, it } from 'vitest';
import {
  CONFIGFS_MAGIC,
  DEBUGFS_MAGIC,
  O_CREAT,
  O_PATH,
  O_RDWR,
  PROC_SUPER_MAGIC,
  S_IFCHR,
  S_IFDIR,
  SYSFS_MAGIC,
  TMPFS_MAGIC,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type FileOperations, type FileSystem, makedev } from '../../src/kernel/index.ts';
import { Directory, directoryOperations, TreeInode } from '../../src/vfs/index.ts';
import { Fixture, STRANGER } from './fixture.ts';

let fixture: Fixture;
let sys: Sys<'sync'>;
beforeEach(() => {
  fixture = new Fixture();
  sys = fixture.sys;
});
const names = (path: string) =>
  sys
    .getdents(sys.open(path))
    .map(({ name }) => name)
    .slice(2);

describe('device nodes', () => {
  it('come and go with their devices', () => {
    const { devices } = fixture.machine.system;
    const region = devices.allocateRegion('things');
    const remove = devices.add(region, 3, 'things/by-number/three', {}, 0o640);
    const { mode, uid, rdev, nlink, size } = sys.stat('/dev/things/by-number/three');
    expect([mode, uid, rdev, nlink, size]).toEqual([S_IFCHR | 0o640, 0, makedev(region.major, 3), 1, 0]);
    expect(sys.stat('/dev/things').mode).toBe(S_IFDIR | 0o755);
    const fd = sys.open('/dev/things/by-number/three');
    remove();
    // Folders made for it go with it.
    expect(names('/dev')).toEqual([]);
    expect(fixture.taskOf(sys).files.at(fd)?.path).toBe('/dev/things/by-number/three (deleted)');
    sys.close(fd);
  });

  it('leave folders in which something else is, or that a program made', () => {
    const { tree } = fixture.machine;
    tree.createNode('a/one', 0o600, 1);
    tree.createNode('a/two', 0o600, 2);
    sys.mkdir('/dev/b');
    tree.createNode('b/three', 0o600, 3);
    tree.removeNode('a/one', 1);
    tree.removeNode('b/three', 3);
    expect([names('/dev'), names('/dev/a')]).toEqual([['b', 'a'], ['two']]);
    tree.removeNode('a/two', 2);
    expect(names('/dev')).toEqual(['b']);
  });

  it('do not replace what a program has made, and take only their own away', () => {
    const { tree, system } = fixture.machine;
    sys.close(sys.open('/dev/null', O_CREAT));
    tree.createNode('null', 0o666, 259);
    expect(system.log.toString()).toContain('null');
    expect(sys.stat('/dev/null').rdev).toBe(0);
    tree.removeNode('null', 259);
    tree.removeNode('nothing', 259);
    tree.removeNode('nowhere/nothing', 259);
    expect(names('/dev')).toEqual(['null']);
  });

  it('of one device do not go with another device of the same name', () => {
    const { tree, system } = fixture.machine;
    tree.createNode('twice', 0o600, 1);
    tree.createNode('twice', 0o600, 2);
    expect(system.log.toString()).toContain('twice');
    tree.removeNode('twice', 2);
    expect(sys.stat('/dev/twice').rdev).toBe(1);
  });

  it('that are gone cannot be opened by another name', () => {
    const { tree } = fixture.machine;
    tree.createNode('gone', 0o666, 259);
    sys.link('/dev/gone', '/dev/kept');
    tree.removeNode('gone', 259);
    expect(sys.stat('/dev/kept').mode).toBe(S_IFCHR);
    expect(fixture.errorOf(() => fixture.sysAs(STRANGER).open('/dev/kept', O_RDWR))).toBe('EACCES');
  });
});

describe('programs in /dev', () => {
  it('may do what they may on any tmpfs', () => {
    fixture.machine.tree.createNode('sda', 0o600, 2048);
    sys.symlink('sda', '/dev/root');
    expect(sys.stat('/dev/root').rdev).toBe(2048);
    sys.mkdir('/dev/shm', 0o1777);
    sys.chmod('/dev/shm', 0o1777);
    const stranger = fixture.sysAs(STRANGER);
    const fd = stranger.open('/dev/shm/seg', O_CREAT | O_RDWR);
    stranger.write(fd, 'x');
    stranger.rename('/dev/shm/seg', '/dev/shm/other');
    stranger.link('/dev/shm/other', '/dev/shm/third');
    stranger.unlink('/dev/shm/other');
    expect(sys.stat('/dev/shm/third')).toMatchObject({ nlink: 1, size: 1, uid: 1000, blocks: 8 });
    expect(fixture.errorOf(() => stranger.mkdir('/dev/mine'))).toBe('EACCES');
    sys.chmod('/dev/sda', 0o660);
    sys.chown('/dev/sda', 0, 6);
    expect(sys.stat('/dev/sda')).toMatchObject({ mode: S_IFCHR | 0o660, gid: 6 });
    sys.rename('/dev/sda', '/dev/shm/sda');
    sys.unlink('/dev/shm/sda');
    expect(names('/dev')).toEqual(['shm', 'root']);
  });

  it('find another file system there', () => {
    const { tree } = fixture.machine;
    expect(sys.stat('/dev').dev).not.toBe(sys.stat('/').dev);
    expect(sys.stat('/dev/..').ino).toBe(sys.stat('/').ino);
    expect(tree.mounts.map(({ path, fs }) => [path, fs.type, fs.magic])).toEqual([
      ['/', 'tmpfs', TMPFS_MAGIC],
      ['/dev', 'devtmpfs', TMPFS_MAGIC],
      ['/proc', 'proc', PROC_SUPER_MAGIC],
      ['/sys', 'sysfs', SYSFS_MAGIC],
      ['/sys/kernel/debug', 'debugfs', DEBUGFS_MAGIC],
      ['/sys/kernel/config', 'configfs', CONFIGFS_MAGIC],
    ]);
    sys.chdir('/dev');
    expect(sys.getcwd()).toBe('/dev');
  });
});

/** A file system as a pseudo one would declare it: names that the kernel makes, and nothing that a program may add. */
class Fixed extends Directory {
  readonly operations = directoryOperations;
  readonly #entries: readonly (readonly [string, TreeInode])[];

  constructor(fs: FileSystem, ino: number, entries: readonly (readonly [string, TreeInode])[]) {
    super(fs, { ino, mode: S_IFDIR | 0o777 });
    this.#entries = entries;
  }

  lookup(name: string): TreeInode | undefined {
    return this.entries().find(([one]) => one === name)?.[1];
  }

  entries(): readonly (readonly [string, TreeInode])[] {
    return this.#entries;
  }
}

class Attribute extends TreeInode {
  readonly operations: FileOperations = {
    *read(_file, to, at) {
      const bytes = new TextEncoder().encode('42\n').subarray(at.position);
      const count = bytes.length === 0 ? 0 : yield* to.put(bytes);
      at.position += count;
      return count;
    },
  };
}

describe('a mounted tree', () => {
  beforeEach(() => {
    const { system, tree } = fixture.machine;
    const fs: FileSystem = { type: 'sysfs', magic: 0x62656572, dev: tree.takeDev(), now: () => system.realtime() };
    const folder = new Fixed(fs, 2, [['value', new Attribute(fs, { ino: 3, mode: 0o100444 })]]);
    tree.attach('/s', new Fixed(fs, 1, [['class', folder]]));
    tree.attach('/s/class/debug', new Fixed(fs, 4, []));
  });

  it('is there without a folder for it', () => {
    const fd = sys.open('/s/class/value');
    expect(new TextDecoder().decode(sys.read(fd, 100))).toBe('42\n');
    expect(sys.read(fd, 100)).toHaveLength(0);
    expect(names('/')).toContain('sys');
    expect(names('/s/class')).toEqual(['value', 'debug']);
    sys.chdir('/s/class/debug/../debug');
    expect(sys.getcwd()).toBe('/s/class/debug');
  });

  it('refuses what its directories do not do', () => {
    expect(fixture.errorOf(() => sys.open('/s/new', O_CREAT | O_RDWR))).toBe('EACCES');
    expect(fixture.errorOf(() => sys.mkdir('/s/new'))).toBe('EPERM');
    expect(fixture.errorOf(() => sys.symlink('x', '/s/new'))).toBe('EPERM');
    expect(fixture.errorOf(() => sys.link('/s/class/value', '/s/new'))).toBe('EPERM');
    expect(fixture.errorOf(() => sys.unlink('/s/class/value'))).toBe('EPERM');
    expect(fixture.errorOf(() => sys.rmdir('/s/class'))).toBe('EPERM');
    expect(fixture.errorOf(() => sys.rename('/s/class', '/s/new'))).toBe('EPERM');
    expect(fixture.errorOf(() => sys.open('/s', 0o20200002))).toBe('EOPNOTSUPP');
    expect(fixture.errorOf(() => sys.rmdir('/s/class/debug'))).toBe('EPERM');
  });

  it('is busy, and takes no second one', () => {
    const { tree } = fixture.machine;
    const fs = tree.mounts[0]?.fs as FileSystem;
    expect(fixture.errorOf(() => tree.attach('/s', new Fixed(fs, 9, [])))).toBe('EBUSY');
    expect(fixture.errorOf(() => tree.attach('/', new Fixed(fs, 9, [])))).toBe('EBUSY');
    expect(fixture.errorOf(() => tree.attach('/nowhere/x', new Fixed(fs, 9, [])))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.rmdir('/s'))).toBe('EBUSY');
    expect(fixture.errorOf(() => sys.mkdir('/s'))).toBe('EEXIST');
    sys.mkdir('/a');
    tree.attach('/a/m', new Fixed(fs, 9, []));
    expect(fixture.errorOf(() => sys.rmdir('/a'))).toBe('ENOTEMPTY');
    // What is mounted in a folder goes along with it.
    sys.rename('/a', '/b');
    expect(fixture.errorOf(() => sys.stat('/b/m'))).toBe('ok');
    expect(tree.mounts.at(-1)?.path).toBe('/b/m');
    sys.close(sys.open('/b/m', O_PATH));
  });
});
