import { beforeEach, describe, expect, it } from 'vitest';
import { AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY } from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { calls } from '../../src/kernel/index.ts';
import { Fixture, STRANGER } from './fixture.ts';

/** Expected answers recorded on a tmpfs of Linux 6.12.95. */
let fixture: Fixture;
let sys: Sys<'sync'>;
const errorOf = (call: () => unknown) => fixture.errorOf(call);
beforeEach(() => {
  fixture = new Fixture();
  sys = fixture.sys;
  sys.mkdir('/sub');
  sys.mkdir('/sub/a');
  sys.close(sys.open('/f', O_CREAT));
  sys.symlink('f', '/sl');
  sys.symlink('sub/', '/slsub');
});

describe('a path', () => {
  it.each<[string, string]>([
    ['', 'ENOENT'],
    ['/', 'ok'],
    ['///', 'ok'],
    ['/.', 'ok'],
    ['/../..', 'ok'],
    ['//sub//a//', 'ok'],
    ['/f/', 'ENOTDIR'],
    ['/f/.', 'ENOTDIR'],
    ['/f/..', 'ENOTDIR'],
    ['/nope/..', 'ENOENT'],
    ['/sl/', 'ENOTDIR'],
    ['/slsub', 'ok'],
    ['/slsub/../f', 'ok'],
    [`/${'n'.repeat(255)}`, 'ENOENT'],
    [`/${'n'.repeat(256)}`, 'ENAMETOOLONG'],
    // 255 characters of 2 bytes.
    [`/${'é'.repeat(127)}`, 'ENOENT'],
    [`/${'é'.repeat(128)}`, 'ENAMETOOLONG'],
    ['/'.repeat(4095), 'ok'],
    ['/'.repeat(4096), 'ENAMETOOLONG'],
    [`/nope/${'n'.repeat(256)}`, 'ENOENT'],
    [`/f/${'n'.repeat(256)}`, 'ENOTDIR'],
  ])('%s: %s', (path, answer) => {
    expect(errorOf(() => sys.stat(path))).toBe(answer);
  });

  it('goes through 40 symlinks, not 41', () => {
    let target = 'f';
    for (let i = 1; i <= 41; i++) {
      sys.symlink(target, `/c${i}`);
      target = `c${i}`;
    }
    expect(errorOf(() => sys.stat('/c40'))).toBe('ok');
    expect(errorOf(() => sys.stat('/c41'))).toBe('ELOOP');
    expect(sys.readlink('/c41')).toBe('c40');
    // All symlinks of a path count, those on the way too.
    sys.symlink('.', '/here');
    expect(errorOf(() => sys.stat(`${'/here'.repeat(40)}/f`))).toBe('ok');
    expect(errorOf(() => sys.stat(`${'/here'.repeat(41)}/f`))).toBe('ELOOP');
  });

  it('may end in a symlink to the root', () => {
    sys.symlink('/', '/top');
    sys.symlink('//sub', '/abs');
    expect(sys.stat('/top').ino).toBe(sys.stat('/').ino);
    expect(sys.stat('/top/top/sub').ino).toBe(sys.stat('/sub').ino);
    expect(sys.stat('/sub/../abs/a').ino).toBe(sys.stat('/sub/a').ino);
  });

  it('needs the right to search every folder on the way, the first too', () => {
    sys.chmod('/sub', 0o600);
    const stranger = fixture.sysAs(STRANGER);
    expect(errorOf(() => stranger.stat('/sub/a'))).toBe('EACCES');
    expect(errorOf(() => stranger.stat('/sub/.'))).toBe('EACCES');
    expect(errorOf(() => stranger.stat('/sub'))).toBe('ok');
    expect(errorOf(() => stranger.chdir('/sub'))).toBe('EACCES');
    sys.chmod('/sub', 0o755);
    stranger.chdir('/sub');
    sys.chmod('/sub', 0o600);
    expect(errorOf(() => stranger.stat('.'))).toBe('EACCES');
    expect(errorOf(() => stranger.stat('a'))).toBe('EACCES');
    expect(stranger.getcwd()).toBe('/sub');
  });

  it('begins at a descriptor or the working directory', () => {
    const fd = sys.open('/sub', O_PATH | O_DIRECTORY);
    expect(sys.fstatat(fd, 'a', 0).ino).toBe(sys.stat('/sub/a').ino);
    expect(sys.fstatat(fd, '../f', 0).ino).toBe(sys.stat('/f').ino);
    expect(sys.fstatat(fd, '', AT_EMPTY_PATH).ino).toBe(sys.stat('/sub').ino);
    expect(errorOf(() => sys.fstatat(fd, '', 0))).toBe('ENOENT');
    const file = sys.open('/f');
    expect(errorOf(() => sys.openat(file, 'x'))).toBe('ENOTDIR');
    expect(errorOf(() => sys.openat(file, '/'))).toBe('ok');
    expect(errorOf(() => sys.openat(999, 'x'))).toBe('EBADF');
    const [socket] = sys.socketpair();
    expect(errorOf(() => sys.openat(socket, 'x'))).toBe('ENOTDIR');
    sys.fchdir(fd);
    expect(sys.getcwd()).toBe('/sub');
    expect(errorOf(() => sys.fchdir(file))).toBe('ENOTDIR');
    sys.chdir('../sub/a');
    expect(sys.getcwd()).toBe('/sub/a');
    expect(errorOf(() => sys.chdir('/f'))).toBe('ENOTDIR');
  });
});

describe('the last name', () => {
  const rows: [what: string, call: () => unknown, answer: string][] = [
    ['mkdir /', () => sys.mkdir('/'), 'EEXIST'],
    ['mkdir .', () => sys.mkdir('/.'), 'EEXIST'],
    ['mkdir ..', () => sys.mkdir('/sub/..'), 'EEXIST'],
    ['mkdir with slash', () => sys.mkdir('/new/'), 'ok'],
    ['mkdir of a file', () => sys.mkdir('/f/'), 'EEXIST'],
    ['mkdir in a file', () => sys.mkdir('/f/x'), 'ENOTDIR'],
    ['mkdir in nothing', () => sys.mkdir('/nope/x'), 'ENOENT'],
    ['rmdir .', () => sys.rmdir('/sub/.'), 'EINVAL'],
    ['rmdir ..', () => sys.rmdir('/sub/..'), 'ENOTEMPTY'],
    ['rmdir /', () => sys.rmdir('/'), 'EBUSY'],
    ['rmdir of a file', () => sys.rmdir('/f'), 'ENOTDIR'],
    ['rmdir of a symlink', () => sys.rmdir('/slsub'), 'ENOTDIR'],
    ['rmdir of a symlink with slash', () => sys.rmdir('/slsub/'), 'ENOTDIR'],
    ['rmdir of what has names', () => sys.rmdir('/sub'), 'ENOTEMPTY'],
    ['rmdir with slash', () => sys.rmdir('/sub/a/'), 'ok'],
    ['rmdir of a mount', () => sys.rmdir('/dev'), 'EBUSY'],
    ['unlink of a mount', () => sys.unlink('/dev'), 'EISDIR'],
    ['rename of a mount', () => sys.rename('/dev', '/dev2'), 'EBUSY'],
    ['rename onto a mount', () => sys.rename('/sub', '/dev'), 'EBUSY'],
    ['unlink of a folder', () => sys.unlink('/sub'), 'EISDIR'],
    ['unlink of a folder with slash', () => sys.unlink('/sub/'), 'EISDIR'],
    ['unlink of a file with slash', () => sys.unlink('/f/'), 'ENOTDIR'],
    ['unlink of nothing with slash', () => sys.unlink('/nope/'), 'ENOENT'],
    ['unlink .', () => sys.unlink('/.'), 'EISDIR'],
    ['unlink /', () => sys.unlink('/'), 'EISDIR'],
    ['unlink of a symlink with slash', () => sys.unlink('/slsub/'), 'ENOTDIR'],
    ['link of a folder', () => sys.link('/sub', '/x'), 'EPERM'],
    ['link to a slash', () => sys.link('/f', '/x/'), 'ENOENT'],
    ['link over a name', () => sys.link('/f', '/sl'), 'EEXIST'],
    ['link of a slash', () => sys.link('/sl/', '/x'), 'ENOTDIR'],
    ['link to another file system', () => sys.link('/f', '/dev/x'), 'EXDEV'],
    ['symlink to a slash', () => sys.symlink('x', '/x/'), 'ENOENT'],
    ['readlink of nothing', () => sys.readlink(''), 'ENOENT'],
    ['readlink of a file', () => sys.readlink('/f'), 'EINVAL'],
    ['readlink of a folder', () => sys.readlink('/sub'), 'EINVAL'],
    ['readlink with slash', () => sys.readlink('/slsub/'), 'EINVAL'],
    ['readlink of a file with slash', () => sys.readlink('/sl/'), 'ENOTDIR'],
    ['rename into itself', () => sys.rename('/sub', '/sub/a/x'), 'EINVAL'],
    ['rename onto the parent', () => sys.rename('/sub/a', '/sub'), 'ENOTEMPTY'],
    ['rename of a file over a folder', () => sys.rename('/f', '/sub/a'), 'EISDIR'],
    ['rename of a folder over a file', () => sys.rename('/sub', '/f'), 'ENOTDIR'],
    ['rename of a file with slash', () => sys.rename('/f/', '/g'), 'ENOTDIR'],
    ['rename of a file to a slash', () => sys.rename('/f', '/g/'), 'ENOTDIR'],
    ['rename of a folder to a slash', () => sys.rename('/sub', '/sub2/'), 'ok'],
    ['rename .', () => sys.rename('/.', '/x'), 'EBUSY'],
    ['rename to .', () => sys.rename('/sub', '/.'), 'EBUSY'],
    ['rename of nothing to .', () => sys.rename('/nope', '/.'), 'EBUSY'],
    ['rename to another file system', () => sys.rename('/f', '/dev/x'), 'EXDEV'],
    ['rename over a folder with names', () => sys.rename('/dev/dir', '/dev/full'), 'ENOTEMPTY'],
    ['rename over an empty folder', () => sys.rename('/dev/full', '/dev/dir'), 'ok'],
    ['truncate of a folder', () => sys.truncate('/sub', 0), 'EISDIR'],
    ['truncate with slash', () => sys.truncate('/f/', 0), 'ENOTDIR'],
    ['truncate below nothing', () => sys.truncate('/f', -1), 'EINVAL'],
  ];

  it.each(rows)('%s', (_what, call, answer) => {
    sys.mkdir('/dev/dir');
    sys.mkdir('/dev/full');
    sys.mkdir('/dev/full/x');
    expect(errorOf(call)).toBe(answer);
  });

  it('linkat follows a symlink only when asked', () => {
    const task = fixture.taskOf(sys);
    const root = sys.open('/', O_RDONLY);
    calls.linkat(task, root, 'sl', root, 'other-sl', 0);
    calls.linkat(task, root, 'sl', root, 'other-f', AT_SYMLINK_FOLLOW);
    expect(sys.lstat('/other-sl').ino).toBe(sys.lstat('/sl').ino);
    expect(sys.lstat('/other-f').ino).toBe(sys.stat('/f').ino);
    calls.unlinkat(task, root, 'sub/a', AT_REMOVEDIR);
    expect(errorOf(() => sys.stat('/sub/a'))).toBe('ENOENT');
  });

  it('in a sticky folder goes only with its owner, the folder or root', () => {
    const [stranger, other] = [fixture.sysAs(STRANGER), fixture.sysAs({ uid: 1001, gid: 1001, groups: [] })];
    sys.mkdir('/tmp');
    sys.chmod('/tmp', 0o1777);
    stranger.mkdir('/tmp/d');
    stranger.close(stranger.open('/tmp/f', O_CREAT));
    expect(errorOf(() => other.unlink('/tmp/f'))).toBe('EPERM');
    expect(errorOf(() => other.rmdir('/tmp/d'))).toBe('EPERM');
    expect(errorOf(() => other.rename('/tmp/f', '/tmp/g'))).toBe('EPERM');
    other.close(other.open('/tmp/mine', O_CREAT));
    expect(errorOf(() => other.rename('/tmp/mine', '/tmp/f'))).toBe('EPERM');
    expect(errorOf(() => stranger.rename('/tmp/f', '/tmp/d/f'))).toBe('ok');
    expect(errorOf(() => sys.rename('/tmp/mine', '/tmp/d/mine'))).toBe('ok');
  });
});
