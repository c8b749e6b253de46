import { describe, expect, it } from 'vitest';
import { Errno } from '../../src/abi/index.ts';
import {
  F_GETFD,
  F_GETFL,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  SEEK_SET,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type FileOperations, makedev, sleep } from '../../src/kernel/index.ts';
import { Fixture, STRANGER } from './fixture.ts';

const ACCMODE3 = 3;
const NODE = '/dev/dma_heap/system';

/** A machine with one character device, at the place of the one that the answers below were recorded with. */
function withDevice(ops: FileOperations = {}, mode = 0o600) {
  const fixture = new Fixture();
  const { devices } = fixture.machine.system;
  devices.add(devices.allocateRegion('dma_heap'), 0, 'dma_heap/system', ops, mode);
  return fixture;
}

/** `getfl=.. getfd=..` in octal as the probe prints it, or the error's name. */
function opened(fixture: Fixture, sys: Sys<'sync'>, path: string, flags: number): string {
  let answer = '';
  const error = fixture.errorOf(() => {
    const fd = sys.open(path, flags, 0o600);
    answer = `getfl=0${sys.fcntl(fd, F_GETFL).toString(8)} getfd=${sys.fcntl(fd, F_GETFD)}`;
    sys.close(fd);
  });
  return error === 'ok' ? answer : error;
}

/** Recorded on Linux 6.12.95 (probe `limits`, lines root.open_ and stranger.open_ of /dev/dma_heap/system, mode 0600). */
const RECORDED: [what: string, path: string, flags: number, root: string, stranger: string][] = [
  ['rdonly', NODE, O_RDONLY, 'getfl=0100000 getfd=0', 'EACCES'],
  ['wronly', NODE, O_WRONLY, 'getfl=0100001 getfd=0', 'EACCES'],
  ['rdwr', NODE, O_RDWR, 'getfl=0100002 getfd=0', 'EACCES'],
  ['accmode3', NODE, ACCMODE3, 'getfl=0100003 getfd=0', 'EACCES'],
  ['creat', NODE, O_RDWR | O_CREAT, 'getfl=0100002 getfd=0', 'EACCES'],
  ['creat_excl', NODE, O_RDWR | O_CREAT | O_EXCL, 'EEXIST', 'EEXIST'],
  ['trunc', NODE, O_RDWR | O_TRUNC, 'getfl=0100002 getfd=0', 'EACCES'],
  ['append', NODE, O_RDWR | O_APPEND, 'getfl=0102002 getfd=0', 'EACCES'],
  ['nonblock', NODE, O_RDWR | O_NONBLOCK, 'getfl=0104002 getfd=0', 'EACCES'],
  ['direct', NODE, O_RDWR | O_DIRECT, 'EINVAL', 'EACCES'],
  ['sync', NODE, O_RDWR | O_SYNC, 'getfl=04110002 getfd=0', 'EACCES'],
  ['async', NODE, O_RDWR | O_ASYNC, 'getfl=0120002 getfd=0', 'EACCES'],
  ['noatime', NODE, O_RDWR | O_NOATIME, 'getfl=01100002 getfd=0', 'EACCES'],
  ['cloexec', NODE, O_RDWR | O_CLOEXEC, 'getfl=0100002 getfd=1', 'EACCES'],
  ['nofollow', NODE, O_RDWR | O_NOFOLLOW, 'getfl=0500002 getfd=0', 'EACCES'],
  ['directory', NODE, O_RDONLY | O_DIRECTORY, 'ENOTDIR', 'ENOTDIR'],
  ['tmpfile', NODE, O_RDWR | O_TMPFILE, 'ENOTDIR', 'ENOTDIR'],
  ['path', NODE, O_PATH, 'getfl=010000000 getfd=0', 'getfl=010000000 getfd=0'],
  ['path_rdwr', NODE, O_PATH | O_RDWR, 'getfl=010000000 getfd=0', 'getfl=010000000 getfd=0'],
  ['path_directory', NODE, O_PATH | O_DIRECTORY, 'ENOTDIR', 'ENOTDIR'],
  ['slash', `${NODE}/`, O_RDONLY, 'ENOTDIR', 'ENOTDIR'],
  ['below', `${NODE}/x`, O_RDONLY, 'ENOTDIR', 'ENOTDIR'],
  ['folder', '/dev/dma_heap', O_RDONLY, 'getfl=0100000 getfd=0', 'getfl=0100000 getfd=0'],
  ['folder_rdwr', '/dev/dma_heap', O_RDWR, 'EISDIR', 'EISDIR'],
];

describe('opening a device node', () => {
  it.each(RECORDED)('%s', (_what, path, flags, root, stranger) => {
    const fixture = withDevice();
    expect(opened(fixture, fixture.sys, path, flags)).toBe(root);
    expect(opened(fixture, fixture.sysAs(STRANGER), path, flags)).toBe(stranger);
    fixture.machine.shutdown();
  });

  // The same probe, lines mode0644. and mode0622.
  it.each([
    ['rdonly', 0o644, O_RDONLY, 'getfl=0100000 getfd=0'],
    ['rdwr', 0o644, O_RDWR, 'EACCES'],
    ['trunc', 0o644, O_RDONLY | O_TRUNC, 'EACCES'],
    ['accmode3', 0o644, ACCMODE3, 'EACCES'],
    ['noatime', 0o644, O_RDONLY | O_NOATIME, 'EPERM'],
    ['wronly', 0o622, O_WRONLY, 'getfl=0100001 getfd=0'],
    ['rdonly', 0o622, O_RDONLY, 'EACCES'],
  ])('%s by a stranger with mode %o', (_what, mode, flags, answer) => {
    const fixture = withDevice();
    fixture.sys.chmod(NODE, mode);
    expect(opened(fixture, fixture.sysAs(STRANGER), NODE, flags)).toBe(answer);
  });

  it('without a driver is ENXIO, after the check of rights', () => {
    const fixture = new Fixture();
    fixture.machine.tree.createNode('orphan', 0o600, makedev(240, 7));
    expect(fixture.errorOf(() => fixture.sys.open('/dev/orphan'))).toBe('ENXIO');
    expect(fixture.errorOf(() => fixture.sysAs(STRANGER).open('/dev/orphan'))).toBe('EACCES');
    expect(fixture.sys.stat('/dev/orphan').rdev).toBe(makedev(240, 7));
  });

  it('through a driver that fails leaves nothing behind', () => {
    const fixture = withDevice({
      open() {
        throw new Errno('EBUSY');
      },
      release() {
        throw new Error('what was never open is not released');
      },
    });
    expect(fixture.errorOf(() => fixture.sys.open(NODE, O_RDWR))).toBe('EBUSY');
    fixture.machine.shutdown();
  });

  it('waits for a driver that waits', () => {
    const calls: string[] = [];
    const fixture = withDevice({
      *open(file) {
        yield* sleep(5);
        calls.push(`open ${file.path}`);
      },
      release() {
        calls.push('release');
      },
    });
    const { system } = fixture.machine;
    const before = system.now();
    fixture.sys.close(fixture.sys.open(NODE, O_RDWR));
    expect(system.now() - before).toBe(5);
    expect(calls).toEqual([`open ${NODE}`, 'release']);
  });

  it('that waits and then fails leaves nothing behind', () => {
    const fixture = withDevice({
      *open() {
        yield* sleep(5);
        throw new Errno('ENODEV');
      },
    });
    expect(fixture.errorOf(() => fixture.sys.open(NODE, O_RDWR))).toBe('ENODEV');
    fixture.machine.shutdown();
  });

  it('with O_DIRECT opens and releases it before it fails', () => {
    const calls: string[] = [];
    const fixture = withDevice({ open: () => void calls.push('open'), release: () => void calls.push('release') });
    expect(fixture.errorOf(() => fixture.sys.open(NODE, O_RDWR | O_DIRECT))).toBe('EINVAL');
    expect(calls).toEqual(['open', 'release']);
  });

  it('lets the driver decide about positions', () => {
    const seekable = withDevice({ read: () => 0, llseek: (_file, offset) => offset });
    const fd = seekable.sys.open(NODE, O_RDWR);
    expect(seekable.sys.lseek(fd, 3, SEEK_SET)).toBe(3);
    expect(seekable.sys.pread(fd, 1, 0)).toHaveLength(0);

    const stream = withDevice({ open: (file) => file.makeNonseekable(), read: () => 0, llseek: (_file, offset) => offset });
    const other = stream.sys.open(NODE, O_RDWR);
    expect(stream.errorOf(() => stream.sys.lseek(other, 3, SEEK_SET))).toBe('ESPIPE');
    expect(stream.errorOf(() => stream.sys.pread(other, 1, 0))).toBe('ESPIPE');
  });
});

describe('opening files of tmpfs', () => {
  const fixture = new Fixture();
  const { sys } = fixture;
  sys.mkdir('/sub');
  sys.close(sys.open('/f', O_CREAT | O_RDWR));
  for (const [target, path] of [
    ['f', '/sl'],
    ['made-by-dang', '/dang'],
    ['dang', '/dang2'],
    ['sub/', '/slsub'],
    ['loop', '/loop'],
    ['newdir/', '/dangslash'],
  ] as const) {
    sys.symlink(target, path);
  }

  // Recorded on Linux 6.12.95.
  it.each([
    ['regular file with O_DIRECT', '/f', O_RDWR | O_DIRECT, 'getfl=0140002 getfd=0'],
    ['directory with O_DIRECT', '/', O_RDONLY | O_DIRECT, 'EINVAL'],
    ['O_TMPFILE', '/', O_TMPFILE | O_RDWR, 'getfl=020300002 getfd=0'],
    ['O_TMPFILE to read', '/', O_TMPFILE | O_RDONLY, 'EINVAL'],
    ['O_TMPFILE without its O_DIRECTORY', '/', (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 'EINVAL'],
    ['O_TMPFILE on a file', '/f', O_TMPFILE | O_RDWR, 'ENOTDIR'],
    ['O_TMPFILE with O_CREAT', '/', O_TMPFILE | O_CREAT | O_RDWR, 'EINVAL'],
    ['O_PATH and much more', '/', O_PATH | O_DIRECTORY | O_NOFOLLOW | O_RDWR | O_CREAT | O_CLOEXEC, 'getfl=010600000 getfd=1'],
    ['directory', '/', O_RDONLY | O_DIRECTORY, 'getfl=0300000 getfd=0'],
    ['O_CREAT with O_DIRECTORY', '/newd', O_CREAT | O_DIRECTORY | O_RDWR, 'EINVAL'],
    ['O_CREAT on a directory', '/sub', O_CREAT, 'EISDIR'],
    ['O_CREAT and O_EXCL on a directory', '/sub', O_CREAT | O_EXCL, 'EEXIST'],
    ['O_CREAT with a slash behind', '/nn/', O_CREAT | O_WRONLY, 'EISDIR'],
    ['O_CREAT with a slash behind a file', '/f/', O_CREAT | O_WRONLY, 'EISDIR'],
    ['O_CREAT of .', '/.', O_CREAT, 'EISDIR'],
    ['O_CREAT and O_EXCL of .', '/.', O_CREAT | O_EXCL, 'EEXIST'],
    ['O_TRUNC on a directory', '/sub', O_RDONLY | O_TRUNC, 'EISDIR'],
    ['the root to write', '/', O_RDWR, 'EISDIR'],
    ['symlink to a file with a slash behind', '/sl/', O_RDONLY, 'ENOTDIR'],
    ['symlink with O_NOFOLLOW', '/sl', O_NOFOLLOW, 'ELOOP'],
    ['symlink with O_NOFOLLOW and O_DIRECTORY', '/slsub', O_NOFOLLOW | O_DIRECTORY, 'ENOTDIR'],
    ['symlink with O_NOFOLLOW and a slash behind', '/slsub/', O_NOFOLLOW | O_DIRECTORY, 'getfl=0700000 getfd=0'],
    ['symlink with O_NOFOLLOW and O_CREAT', '/sl', O_CREAT | O_NOFOLLOW | O_RDWR, 'ELOOP'],
    ['symlink with O_PATH and O_NOFOLLOW', '/sl', O_PATH | O_NOFOLLOW, 'getfl=010400000 getfd=0'],
    ['dangling symlink with O_EXCL', '/dang', O_CREAT | O_EXCL | O_RDWR, 'EEXIST'],
    ['dangling symlinks with O_CREAT', '/dang2', O_CREAT | O_RDWR, 'getfl=0100002 getfd=0'],
    ['what that made', '/made-by-dang', O_RDONLY, 'getfl=0100000 getfd=0'],
    ['dangling symlink to a slash with O_CREAT', '/dangslash', O_CREAT | O_RDWR, 'EISDIR'],
    ['symlink to itself', '/loop', O_RDONLY, 'ELOOP'],
    ['below a symlink to itself', '/loop/x', O_RDONLY, 'ELOOP'],
    ['nothing', '', O_RDONLY, 'ENOENT'],
  ])('%s', (_what, path, flags, answer) => {
    expect(opened(fixture, sys, path, flags)).toBe(answer);
  });

  it('gives whoever makes a file every access, whatever its mode', () => {
    const stranger = fixture.sysAs(STRANGER);
    sys.mkdir('/open', 0o777);
    sys.chmod('/open', 0o777);
    const fd = stranger.open('/open/mine', O_CREAT | O_RDWR, 0);
    expect(stranger.write(fd, 'x')).toBe(1);
    expect(fixture.errorOf(() => stranger.open('/open/mine'))).toBe('EACCES');
    stranger.close(fd);
  });

  it('finds O_TMPFILE gone at once', () => {
    const fd = sys.open('/', O_TMPFILE | O_RDWR, 0o666);
    const { ino, nlink, mode } = sys.fstat(fd);
    expect({ nlink, mode }).toEqual({ nlink: 0, mode: 0o100644 });
    expect(fixture.taskOf(sys).files.at(fd)?.path).toBe(`/#${ino} (deleted)`);
    sys.write(fd, 'x');
    sys.close(fd);
  });
});
