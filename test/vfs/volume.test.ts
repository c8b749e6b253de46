import { beforeEach, describe, expect, it } from 'vitest';
import { O_APPEND, O_CREAT, O_RDWR, O_TMPFILE, O_TRUNC, SEEK_HOLE } from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { Fixture, STRANGER } from './fixture.ts';

let fixture: Fixture;
let sys: Sys<'sync'>;
beforeEach(() => {
  fixture = new Fixture();
  sys = fixture.sys;
});

function contentOf(path: string): string {
  const fd = sys.open(path);
  try {
    return new TextDecoder().decode(sys.read(fd, 1000));
  } finally {
    sys.close(fd);
  }
}

describe('what a test does to the volume', () => {
  it('is in the tree at once, as root’s', () => {
    fixture.volume.fromJSON({ '/etc/config': 'x', '/empty': null });
    fixture.volume.symlinkSync('etc/config', '/link');
    expect(contentOf('/etc/config')).toBe('x');
    expect(contentOf('/link')).toBe('x');
    const facts = (path: string) => {
      const { mode, uid, gid, nlink } = sys.lstat(path);
      return [mode, uid, gid, nlink];
    };
    expect(facts('/etc/config')).toEqual([0o100644, 0, 0, 1]);
    expect(facts('/etc')).toEqual([0o40755, 0, 0, 2]);
    expect(facts('/empty')).toEqual([0o40755, 0, 0, 2]);
    expect(facts('/link')).toEqual([0o120777, 0, 0, 1]);
    expect(fixture.errorOf(() => fixture.sysAs(STRANGER).open('/etc/config', O_RDWR))).toBe('EACCES');
  });

  it('is seen by who has the file open, with its times and blocks', () => {
    const fd = sys.open('/f', O_CREAT | O_RDWR);
    sys.ftruncate(fd, 3 * 4096);
    expect([sys.fstat(fd).blocks, sys.lseek(fd, 0, SEEK_HOLE)]).toEqual([0, 0]);
    expect(fixture.timesSetBy(fd, () => fixture.volume.writeFileSync('/f', 'outside'))).toBe('mc');
    expect(new TextDecoder().decode(sys.pread(fd, 100, 0))).toBe('outside');
    expect([sys.fstat(fd).blocks, sys.lseek(fd, 0, SEEK_HOLE)]).toEqual([8, 7]);
    expect(fixture.timesSetBy(sys.open('/'), () => fixture.volume.mkdirSync('/new'))).toBe('mc');
  });

  it('keeps mode and owner of a file that it writes, renames or links', () => {
    sys.close(sys.open('/f', O_CREAT));
    sys.chown('/f', 7, 8);
    sys.chmod('/f', 0o640);
    const { ino } = sys.stat('/f');
    fixture.volume.renameSync('/f', '/g');
    fixture.volume.linkSync('/g', '/h');
    fixture.volume.appendFileSync('/h', 'more');
    for (const path of ['/g', '/h']) expect(sys.stat(path)).toMatchObject({ ino, uid: 7, gid: 8, mode: 0o100640, nlink: 2, size: 4 });
    fixture.volume.unlinkSync('/g');
    expect(sys.stat('/h').nlink).toBe(1);
  });

  it('does not take files away from who has them open', () => {
    fixture.volume.fromJSON({ '/d/f': 'still here' });
    const fd = sys.open('/d/f');
    fixture.volume.rmSync('/d', { recursive: true });
    expect(fixture.errorOf(() => sys.stat('/d/f'))).toBe('ENOENT');
    expect(new TextDecoder().decode(sys.read(fd, 100))).toBe('still here');
    fixture.volume.fromJSON({ '/d/f': 'another' });
    expect(sys.stat('/d/f').ino).not.toBe(sys.fstat(fd).ino);
  });

  it('may empty it', () => {
    fixture.volume.fromJSON({ '/old': 'x' });
    sys.mkdir('/cwd');
    fixture.volume.reset();
    fixture.volume.fromJSON({ '/new': 'y' });
    expect(fixture.errorOf(() => sys.stat('/old'))).toBe('ENOENT');
    expect(contentOf('/new')).toBe('y');
    expect(fixture.errorOf(() => sys.stat('/dev'))).toBe('ok');
    sys.close(sys.open('/again', O_CREAT));
    expect(fixture.volume.toJSON()).toEqual({ '/new': 'y', '/again': '' });
  });

  it('may hide behind a mount', () => {
    fixture.volume.fromJSON({ '/dev/null': 'not a device' });
    expect(fixture.errorOf(() => sys.stat('/dev/null'))).toBe('ENOENT');
    expect(sys.getdents(sys.open('/')).filter(({ name }) => name === 'dev')).toHaveLength(1);
    // The root's own two, and dev, proc and sys.
    expect(sys.stat('/').nlink).toBe(5);
  });
});

describe('what programs do', () => {
  it('is in the volume, whatever the modes', () => {
    expect(fixture.volume.toJSON()).toEqual({});
    sys.mkdir('/d', 0);
    const fd = sys.open('/d/f', O_CREAT | O_RDWR, 0);
    sys.write(fd, 'hello');
    sys.pwrite(fd, 'J', 0);
    expect(fixture.volume.toJSON()).toEqual({ '/d/f': 'Jello' });
    expect(fixture.volume.readFileSync('/d/f', 'utf8')).toBe('Jello');
    sys.close(sys.open('/d/f', O_RDWR | O_TRUNC));
    sys.write(sys.open('/d/f', O_RDWR | O_APPEND), 'x');
    sys.link('/d/f', '/g');
    sys.symlink('d/f', '/s');
    sys.rename('/d', '/e');
    expect(fixture.volume.toJSON()).toEqual({ '/e/f': 'x', '/g': 'x' });
    expect(fixture.volume.readlinkSync('/s')).toBe('d/f');
    expect(fixture.volume.statSync('/g').ino).toBe(fixture.volume.statSync('/e/f').ino);
    sys.unlink('/e/f');
    sys.rmdir('/e');
    expect(fixture.volume.existsSync('/e')).toBe(false);
    expect(fixture.volume.toJSON()).toEqual({ '/g': 'x' });
  });

  it('stays out of it in files without a name and in /dev', () => {
    sys.write(sys.open('/', O_TMPFILE | O_RDWR), 'secret');
    sys.mkdir('/dev/shm');
    sys.write(sys.open('/dev/shm/f', O_CREAT | O_RDWR), 'bytes');
    expect(contentOf('/dev/shm/f')).toBe('bytes');
    expect(fixture.volume.toJSON()).toEqual({});
  });
});
