import { beforeEach, describe, expect, it } from 'vitest';
import {
  O_CREAT,
  O_NOATIME,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { Fixture, STRANGER } from './fixture.ts';

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

/** All expected answers were recorded on a tmpfs of Linux 6.12.95. */
let fixture: Fixture;
let sys: Sys<'sync'>;
beforeEach(() => {
  fixture = new Fixture();
  sys = fixture.sys;
});

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('positions and holes of a file', () => {
  let fd: number;
  /** Where lseek leads to, or the error. */
  const seek = (offset: number, whence: number) => {
    let at = -1;
    const error = fixture.errorOf(() => {
      at = sys.lseek(fd, offset, whence);
    });
    return error === 'ok' ? at : error;
  };
  const blocks = () => sys.fstat(fd).blocks;

  beforeEach(() => {
    fd = sys.open('/f', O_CREAT | O_RDWR);
    sys.write(fd, 'x'.repeat(5000));
  });

  it.each([
    [0, SEEK_DATA, 0],
    [0, SEEK_HOLE, 5000],
    [4999, SEEK_DATA, 4999],
    [5000, SEEK_DATA, 'ENXIO'],
    [5000, SEEK_HOLE, 'ENXIO'],
    [-1, SEEK_DATA, 'ENXIO'],
    [-1, SEEK_SET, 'EINVAL'],
    [-5001, SEEK_END, 'EINVAL'],
    [5, SEEK_END, 5005],
    [1e15, SEEK_SET, 1e15],
    [-1, SEEK_CUR, 4999],
  ])('lseek(%i, %i) is %s', (offset, whence, answer) => {
    expect(seek(offset, whence)).toBe(answer);
  });

  it('come with ftruncate and go with writes, page by page', () => {
    expect(blocks()).toBe(16);
    sys.ftruncate(fd, 20000);
    expect([blocks(), seek(8192, SEEK_DATA), seek(0, SEEK_HOLE)]).toEqual([16, 'ENXIO', 8192]);
    sys.pwrite(fd, 'x', 12289);
    expect([blocks(), seek(8192, SEEK_DATA), seek(12300, SEEK_HOLE), seek(16384, SEEK_DATA)]).toEqual([24, 12288, 16384, 'ENXIO']);
    expect(sys.pread(fd, 4, 12287)).toEqual(new Uint8Array([0, 0, 120, 0]));
  });

  it('come and go with fallocate', () => {
    sys.ftruncate(fd, 20000);
    sys.pwrite(fd, 'x', 12289);
    sys.fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 100, 8192);
    expect([blocks(), ...sys.pread(fd, 2, 99)]).toEqual([16, 120, 0]);
    sys.fallocate(fd, KEEP_SIZE, 0, 40960);
    expect([blocks(), sys.fstat(fd).size]).toEqual([80, 20000]);
    // Pages behind the end go even if the length stays.
    sys.ftruncate(fd, 20000);
    expect(blocks()).toBe(40);
    sys.fallocate(fd, 0, 0, 30000);
    expect([blocks(), sys.fstat(fd).size]).toEqual([64, 30000]);
  });

  it.each([PUNCH_HOLE, 0x10, 0x08, 0x4000])('refuses fallocate mode %i', (mode) => {
    expect(fixture.errorOf(() => sys.fallocate(fd, mode, 0, 4096))).toBe('EOPNOTSUPP');
  });

  it('stay zero when a file shrinks and grows again', () => {
    sys.ftruncate(fd, 10);
    sys.ftruncate(fd, 20);
    expect(sys.pread(fd, 30, 8)).toEqual(new Uint8Array([120, 120, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  });

  it('have an end, unlike on Linux, where holes cost nothing', () => {
    expect(fixture.errorOf(() => sys.ftruncate(fd, 2 ** 40))).toBe('EFBIG');
    expect(fixture.errorOf(() => sys.pwrite(fd, 'x', 2 ** 40))).toBe('EFBIG');
    expect(sys.fstat(fd).size).toBe(5000);
  });

  it('writes what the program has before the address that faults', () => {
    const memory = sys.allocate(4096);
    memory.bytes.fill(121);
    const vectors = [{ address: memory.address + 4000, length: 200 }];
    sys.lseek(fd, 0, SEEK_SET);
    expect(sys.writev(fd, vectors)).toBe(96);
    expect(sys.lseek(fd, 0, SEEK_CUR)).toBe(96);
    expect(fixture.errorOf(() => sys.writev(fd, [{ address: 8, length: 4 }]))).toBe('EFAULT');
    expect(sys.readv(fd, vectors)).toBe(96);
    expect(fixture.errorOf(() => sys.readv(fd, [{ address: 8, length: 4 }]))).toBe('EFAULT');
    expect(sys.lseek(fd, 0, SEEK_CUR)).toBe(192);
  });
});

describe('times', () => {
  let fd: number;
  beforeEach(() => {
    fd = sys.open('/f', O_CREAT | O_RDWR);
    sys.write(fd, 'hello');
    sys.mkdir('/d');
  });
  const setBy = (call: () => unknown) => fixture.timesSetBy(fd, call);

  it.each<[string, () => unknown, string]>([
    ['write', () => sys.pwrite(fd, 'x', 0), 'mc'],
    ['write of nothing', () => sys.pwrite(fd, '', 0), ''],
    ['ftruncate to the same length', () => sys.ftruncate(fd, 5), 'mc'],
    ['truncate to the same length', () => sys.truncate('/f', 5), 'mc'],
    ['O_TRUNC', () => sys.close(sys.open('/f', O_RDWR | O_TRUNC)), 'mc'],
    ['punching a hole', () => sys.fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 0, 1), 'mc'],
    ['allocating', () => sys.fallocate(fd, KEEP_SIZE, 0, 1), 'mc'],
    ['chmod to the same mode', () => sys.chmod('/f', 0o644), 'c'],
    ['chown to nobody', () => sys.chown('/f', -1, -1), 'c'],
    ['link', () => sys.link('/f', '/d/x'), 'c'],
    ['rename', () => sys.rename('/f', '/d/x'), 'c'],
    ['unlink', () => sys.unlink('/f'), 'c'],
    ['stat', () => sys.stat('/f'), ''],
    ['open', () => sys.close(sys.open('/f')), ''],
  ])('%s', (_what, call, times) => {
    expect(setBy(call)).toBe(times);
  });

  it('a reading counts once after each change, and once a day', () => {
    const read = () => sys.pread(fd, 1, 0);
    expect([setBy(read), setBy(read)]).toEqual(['a', '']);
    sys.pwrite(fd, 'x', 0);
    const quiet = sys.open('/f', O_RDONLY | O_NOATIME);
    expect(setBy(() => sys.pread(quiet, 1, 0))).toBe('');
    expect(setBy(() => sys.pread(fd, 1, 1000))).toBe('a');
    expect(setBy(() => sys.nanosleep(24 * 3600 * 1e9))).toBe('');
    expect(setBy(read)).toBe('a');
  });

  it.each<[string, () => unknown, string]>([
    ['a new file', () => sys.close(sys.open('/d/new', O_CREAT)), 'mc'],
    ['mkdir', () => sys.mkdir('/d/new'), 'mc'],
    ['link', () => sys.link('/f', '/d/x'), 'mc'],
    ['rename into it', () => sys.rename('/f', '/d/x'), 'mc'],
    ['O_TMPFILE', () => sys.close(sys.open('/d', O_TMPFILE | O_RDWR)), ''],
    ['getdents', () => sys.getdents(sys.open('/d')), 'a'],
    ['lookup', () => fixture.errorOf(() => sys.stat('/d/nothing')), ''],
  ])('of a directory: %s', (_what, call, times) => {
    expect(fixture.timesSetBy(sys.open('/d'), call)).toBe(times);
  });

  it('nothing is asked of a path when both are to stay', () => {
    expect(fixture.errorOf(() => sys.utimens('/nope', 'omit', 'omit'))).toBe('ok');
  });

  it('are virtual', () => {
    const now = fixture.machine.system.realtime();
    expect(sys.fstat(fd).mtime).toEqual(now);
  });
});

describe('directories', () => {
  it('count their names and folders', () => {
    const facts = (path: string) => {
      const { mode, nlink, size, blocks } = sys.stat(path);
      return [mode, nlink, size, blocks];
    };
    sys.mkdir('/d');
    expect(facts('/d')).toEqual([0o40755, 2, 40, 0]);
    sys.mkdir('/d/sub');
    sys.symlink('x', '/d/s');
    expect(facts('/d')).toEqual([0o40755, 3, 80, 0]);
  });

  it('list the newest name first', () => {
    const names = () => sys.getdents(sys.open('/o')).map(({ name }) => name);
    sys.mkdir('/o');
    for (const name of ['b', 'a', 'd', 'c']) sys.close(sys.open(`/o/${name}`, O_CREAT));
    expect(names()).toEqual(['.', '..', 'c', 'd', 'a', 'b']);
    sys.rename('/o/a', '/o/e');
    sys.unlink('/o/d');
    sys.close(sys.open('/o/d', O_CREAT));
    expect(names()).toEqual(['.', '..', 'd', 'e', 'c', 'b']);
  });

  it('have no bytes, and positions only from the beginning', () => {
    const fd = sys.open('/');
    expect(sys.lseek(fd, 5, SEEK_SET)).toBe(5);
    expect(sys.lseek(fd, 2, SEEK_CUR)).toBe(7);
    expect(fixture.errorOf(() => sys.lseek(fd, 0, SEEK_END))).toBe('EINVAL');
    expect(fixture.errorOf(() => sys.lseek(fd, -1, SEEK_SET))).toBe('EINVAL');
    expect(fixture.errorOf(() => sys.read(fd, 10))).toBe('EISDIR');
    expect(fixture.errorOf(() => sys.read(fd, 0))).toBe('EISDIR');
    expect(fixture.errorOf(() => sys.pread(fd, 10, 0))).toBe('EISDIR');
    expect(fixture.errorOf(() => sys.write(fd, 'x'))).toBe('EBADF');
    expect(fixture.errorOf(() => sys.ftruncate(fd, 0))).toBe('EINVAL');
    expect(sys.fsync(fd)).toBe(0);
  });

  it('hand on their group and its bit', () => {
    sys.mkdir('/d');
    sys.chown('/d', 0, 77);
    sys.chmod('/d', 0o2777);
    sys.close(sys.open('/d/f', O_CREAT, 0o2777));
    sys.mkdir('/d/d');
    sys.symlink('x', '/d/s');
    const facts = (path: string) => [sys.lstat(path).mode, sys.lstat(path).gid];
    expect(facts('/d/f')).toEqual([0o102755, 77]);
    expect(facts('/d/d')).toEqual([0o42755, 77]);
    expect(facts('/d/s')).toEqual([0o120777, 77]);
    // The stranger is not in that group.
    fixture.sysAs(STRANGER).open('/d/g', O_CREAT, 0o2777);
    expect(facts('/d/g')).toEqual([0o100755, 77]);
  });

  it('that are removed stay what they are, but take no names', () => {
    sys.mkdir('/e');
    sys.close(sys.open('/f', O_CREAT));
    const fd = sys.open('/e');
    sys.rmdir('/e');
    const { mode, nlink, size } = sys.fstat(fd);
    expect([mode, nlink, size]).toEqual([0o40755, 0, 40]);
    expect(fixture.taskOf(sys).files.at(fd)?.path).toBe('/e (deleted)');
    expect(fixture.errorOf(() => sys.openat(fd, 'x', O_CREAT))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.openat(fd, 'x'.repeat(256)))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.getdents(fd))).toBe('ENOENT');
    expect(sys.fstatat(fd, '.', 0).ino).toBe(sys.fstat(fd).ino);
    expect(sys.fstatat(fd, '..', 0).ino).toBe(sys.stat('/').ino);
    sys.fchdir(fd);
    expect(fixture.errorOf(() => sys.getcwd())).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.mkdir('x'))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.symlink('x', 'y'))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.link('/f', 'y'))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.rename('/f', 'y'))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.unlink('y'))).toBe('ENOENT');
    expect(fixture.errorOf(() => sys.open('.', O_TMPFILE | O_RDWR))).toBe('ok');
  });
});

describe('files', () => {
  it('live on without a name while they are open', () => {
    const fd = sys.open('/f', O_CREAT | O_RDWR);
    sys.write(fd, 'before ');
    sys.unlink('/f');
    sys.write(fd, 'after');
    expect(text(sys.pread(fd, 100, 0))).toBe('before after');
    expect(sys.fstat(fd).nlink).toBe(0);
    expect(fixture.taskOf(sys).files.at(fd)?.path).toBe('/f (deleted)');
    // A new one of that name is another.
    const other = sys.open('/f', O_CREAT | O_RDWR);
    expect(sys.fstat(other).ino).not.toBe(sys.fstat(fd).ino);
    expect(sys.fstat(other).size).toBe(0);
  });

  it('follow their folder when it is renamed', () => {
    sys.mkdir('/a');
    const fd = sys.open('/a/f', O_CREAT);
    sys.chdir('/a');
    sys.rename('/a', '/b');
    expect(fixture.taskOf(sys).files.at(fd)?.path).toBe('/b/f');
    expect(sys.getcwd()).toBe('/b');
    sys.rename('/b/f', '/g');
    expect(fixture.taskOf(sys).files.at(fd)?.path).toBe('/g');
  });

  it('are one under many names', () => {
    const fd = sys.open('/f', O_CREAT | O_RDWR);
    sys.link('/f', '/g');
    sys.write(fd, 'x');
    expect(text(sys.read(sys.open('/g'), 9))).toBe('x');
    expect([sys.stat('/f').nlink, sys.stat('/g').ino]).toEqual([2, sys.fstat(fd).ino]);
    sys.rename('/f', '/g');
    expect(sys.stat('/f').nlink).toBe(2);
    sys.unlink('/f');
    expect(sys.stat('/g').nlink).toBe(1);
  });

  it.each<[string, (stranger: Sys<'sync'>) => unknown]>([
    ['write', (stranger) => stranger.write(stranger.open('/f', O_RDWR), 'x')],
    ['ftruncate', (stranger) => stranger.ftruncate(stranger.open('/f', O_RDWR), 0)],
    ['fallocate', (stranger) => stranger.fallocate(stranger.open('/f', O_RDWR), 0, 0, 10)],
    ['truncate', (stranger) => stranger.truncate('/f', 0)],
    ['O_TRUNC', (stranger) => stranger.open('/f', O_RDWR | O_TRUNC)],
  ])('stop running as their owner after %s of a stranger', (_name, call) => {
    const modes: [before: number, after: number][] = [
      [0o6777, 0o777],
      // Without the group's right to run it the bit means something else, but the stranger is not in that group.
      [0o2767, 0o767],
    ];
    for (const [before, after] of modes) {
      sys.close(sys.open('/f', O_CREAT));
      sys.chmod('/f', before);
      call(fixture.sysAs(STRANGER));
      expect(sys.stat('/f').mode & 0o7777).toBe(after);
    }
  });

  it('keep it when root writes', () => {
    const fd = sys.open('/f', O_CREAT | O_RDWR);
    sys.fchmod(fd, 0o6777);
    sys.write(fd, 'x');
    expect(sys.fstat(fd).mode).toBe(0o106777);
  });
});

describe('symlinks', () => {
  it('take a page from 128 bytes on, the NUL included', () => {
    for (const [length, blocks] of [
      [127, 0],
      [128, 8],
      [4095, 8],
    ] as const) {
      sys.symlink('a'.repeat(length), `/s${length}`);
      const stat = sys.lstat(`/s${length}`);
      expect([stat.size, stat.blocks, stat.mode]).toEqual([length, blocks, 0o120777]);
    }
    expect(fixture.errorOf(() => sys.symlink('a'.repeat(4096), '/long'))).toBe('ENAMETOOLONG');
    expect(fixture.errorOf(() => sys.symlink('', '/empty'))).toBe('ENOENT');
  });
});
