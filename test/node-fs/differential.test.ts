import hostFs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createNodeFs, type NodeFs } from '../../src/doors/node-fs/index.ts';
import { Fixture } from '../vfs/fixture.ts';
import { HostTmpfs } from '../vfs/host.ts';

/** A step of a session: what is done with either file system, in a folder of the same name in both. */
type Step = readonly [what: string, run: (fs: NodeFs, dir: string) => unknown];

const facts = ({ mode, nlink, uid, gid, size, blocks }: hostFs.Stats) => ({ mode, nlink, uid, gid, size, blocks });
const types = (one: hostFs.Stats | hostFs.Dirent | hostFs.BigIntStats) => [
  one.isFile(),
  one.isDirectory(),
  one.isSymbolicLink(),
  one.isCharacterDevice(),
  one.isBlockDevice(),
  one.isFIFO(),
  one.isSocket(),
];
const times = ({ atimeNs, mtimeNs, atimeMs, mtimeMs, atime }: hostFs.BigIntStats) => [atimeNs, mtimeNs, atimeMs, mtimeMs, atime];
const through = <T>(fs: NodeFs, path: string, flags: string | number, use: (fd: number) => T): T => {
  const fd = fs.openSync(path, flags);
  try {
    return use(fd);
  } finally {
    fs.closeSync(fd);
  }
};

/** In this order: later steps see what earlier ones made. */
const STEPS: readonly Step[] = [
  // Files as a whole
  ['write a file', (fs, d) => fs.writeFileSync(`${d}/f`, 'hello')],
  ['its facts', (fs, d) => facts(fs.statSync(`${d}/f`))],
  ['its types', (fs, d) => types(fs.statSync(`${d}/f`))],
  ['read it', (fs, d) => fs.readFileSync(`${d}/f`)],
  ['read it as text', (fs, d) => fs.readFileSync(`${d}/f`, 'utf8')],
  ['read it as hex', (fs, d) => fs.readFileSync(`${d}/f`, { encoding: 'hex' })],
  ['read nothing', (fs, d) => fs.readFileSync(`${d}/nope`)],
  ['read a folder', (fs, d) => fs.readFileSync(d)],
  ['read a folder as text', (fs, d) => fs.readFileSync(d, 'utf8')],
  ['read a closed descriptor', (fs) => fs.readFileSync(999)],
  ['read a closed descriptor as text', (fs) => fs.readFileSync(999, 'utf8')],
  ['read with a wrong encoding', (fs, d) => fs.readFileSync(`${d}/f`, 'bogus' as 'utf8')],
  ['write a mode', (fs, d) => fs.writeFileSync(`${d}/m`, 'x', { mode: 0o600 })],
  ['that mode', (fs, d) => fs.statSync(`${d}/m`).mode],
  ['write exclusively', (fs, d) => fs.writeFileSync(`${d}/m`, 'x', { flag: 'wx' })],
  ['write latin1', (fs, d) => fs.writeFileSync(`${d}/l`, 'é', 'latin1')],
  ['that', (fs, d) => fs.readFileSync(`${d}/l`)],
  ['write a view', (fs, d) => fs.writeFileSync(`${d}/l`, new Uint16Array([1, 2]).subarray(1))],
  ['that view', (fs, d) => fs.readFileSync(`${d}/l`)],
  ['write a number', (fs, d) => fs.writeFileSync(`${d}/l`, 5 as never)],
  ['write into a folder', (fs, d) => fs.writeFileSync(d, 'x')],
  ['write below nothing', (fs, d) => fs.writeFileSync(`${d}/nope/x`, 'x')],
  ['write a closed descriptor', (fs) => fs.writeFileSync(999, 'x')],
  ['append', (fs, d) => fs.appendFileSync(`${d}/f`, ' world')],
  ['append a buffer to a URL', (fs, d) => fs.appendFileSync(pathToFileURL(`${d}/f`), Buffer.from('!'))],
  ['what was appended', (fs, d) => fs.readFileSync(Buffer.from(`${d}/f`), 'utf8')],
  ['append to a folder', (fs, d) => fs.appendFileSync(d, 'x')],

  // Open files
  ['open nothing', (fs, d) => fs.openSync(`${d}/nope`, 'r')],
  ['open with bad flags', (fs, d) => fs.openSync(`${d}/f`, 'q')],
  ['open with a bad mode', (fs, d) => fs.openSync(`${d}/f`, 'r', 'zz')],
  ['open undefined', (fs) => fs.openSync(undefined as never, 'r')],
  ['open with a NUL', (fs) => fs.openSync('a\0b', 'r')],
  ['open exclusively', (fs, d) => fs.openSync(`${d}/f`, 'wx')],
  ['close a closed one', (fs) => fs.closeSync(999)],
  ['close -1', (fs) => fs.closeSync(-1)],
  ['close a string', (fs) => fs.closeSync('x' as never)],
  [
    'read pieces',
    (fs, d) =>
      through(fs, `${d}/f`, 'r', (fd) => {
        const buffer = Buffer.alloc(8, '.');
        const counts = [
          fs.readSync(fd, buffer, 1, 3, null),
          fs.readSync(fd, buffer, { offset: 5, length: 2 }),
          fs.readSync(fd, buffer, 7, 1, 0),
          fs.readSync(fd, buffer, 0, 1, 10n),
          fs.readSync(fd, buffer, 0, 0, null),
          fs.readSync(fd, buffer, 0, 8, 100),
          fs.readSync(fd, new DataView(new ArrayBuffer(2)), 0, 2, null),
        ];
        return [counts, buffer.toString()];
      }),
  ],
  ['read from what is closed', (fs) => fs.readSync(999, Buffer.alloc(3))],
  ['read into no buffer', (fs) => fs.readSync(0, 'x' as never)],
  ['read too much', (fs, d) => through(fs, `${d}/f`, 'r', (fd) => fs.readSync(fd, Buffer.alloc(3), 1, 4, null))],
  ['read before the beginning', (fs, d) => through(fs, `${d}/f`, 'r', (fd) => fs.readSync(fd, Buffer.alloc(3), -1, 1, null))],
  ['read behind the end', (fs, d) => through(fs, `${d}/f`, 'r', (fd) => fs.readSync(fd, Buffer.alloc(3), 4, 1, null))],
  ['read what is open to write', (fs, d) => through(fs, `${d}/f`, 'a', (fd) => fs.readSync(fd, Buffer.alloc(1)))],
  ['write what is open to read', (fs, d) => through(fs, `${d}/f`, 'r', (fd) => fs.writeSync(fd, 'x'))],
  [
    'write pieces',
    (fs, d) =>
      through(fs, `${d}/w`, 'w+', (fd) => [
        fs.writeSync(fd, 'one two'),
        fs.writeSync(fd, 'TWO', 4),
        fs.writeSync(fd, 'ff', 0, 'hex'),
        fs.writeSync(fd, Buffer.from('abcdef'), 2, 3),
        fs.writeSync(fd, Buffer.from('xyz'), { offset: 1, position: 20 } as never),
        fs.writeSync(fd, Buffer.from('')),
        fs.writevSync(fd, [Buffer.from('v1'), Buffer.from('v2')]),
        fs.writevSync(fd, [Buffer.from('p')], 2),
      ]),
  ],
  ['what was written', (fs, d) => fs.readFileSync(`${d}/w`, 'latin1')],
  ['write too much', (fs, d) => through(fs, `${d}/w`, 'r+', (fd) => fs.writeSync(fd, Buffer.alloc(3), 1, 4))],
  ['write an object', (fs, d) => through(fs, `${d}/w`, 'r+', (fd) => fs.writeSync(fd, {} as never))],
  [
    'read into several',
    (fs, d) =>
      through(fs, `${d}/w`, 'r', (fd) => {
        const buffers = [Buffer.alloc(3), Buffer.alloc(0), Buffer.alloc(100)];
        return [fs.readvSync(fd, buffers), buffers, fs.readvSync(fd, buffers), fs.readvSync(fd, buffers, 5)];
      }),
  ],
  ['readv of what is closed', (fs) => fs.readvSync(999, [Buffer.alloc(1)])],
  ['writev of what is closed', (fs) => fs.writevSync(999, [Buffer.alloc(1)])],
  ['writev of something else', (fs) => fs.writevSync(999, 'x' as never)],
  [
    'use a descriptor as a file',
    (fs, d) =>
      through(fs, `${d}/f`, 'r+', (fd) => {
        fs.readSync(fd, Buffer.alloc(6));
        const rest = fs.readFileSync(fd, 'utf8');
        fs.writeFileSync(fd, '?');
        fs.appendFileSync(fd, '??');
        return [rest, facts(fs.fstatSync(fd))];
      }),
  ],
  ['fstat of what is closed', (fs) => fs.fstatSync(999)],
  ['fstat with bigint', (fs, d) => through(fs, `${d}/f`, 'r', (fd) => fs.fstatSync(fd, { bigint: true }).size)],
  [
    'change an open file',
    (fs, d) =>
      through(fs, `${d}/f`, 'r+', (fd) => {
        fs.fchmodSync(fd, '640');
        fs.fchownSync(fd, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
        fs.futimesSync(fd, 12.5, new Date(99_000));
        fs.ftruncateSync(fd, 20);
        fs.ftruncateSync(fd, 3);
        fs.fsyncSync(fd);
        fs.fdatasyncSync(fd);
        return facts(fs.fstatSync(fd));
      }),
  ],
  ['fchmod of what is closed', (fs) => fs.fchmodSync(999, 0)],
  ['fchown of what is closed', (fs) => fs.fchownSync(999, 0, 0)],
  ['futimes of what is closed', (fs) => fs.futimesSync(999, 1, 1)],
  ['ftruncate of what is closed', (fs) => fs.ftruncateSync(999)],
  ['fsync of what is closed', (fs) => fs.fsyncSync(999)],
  ['fdatasync of what is closed', (fs) => fs.fdatasyncSync(999)],
  ['truncate', (fs, d) => fs.truncateSync(`${d}/f`, 4)],
  ['truncate to less than nothing', (fs, d) => through(fs, `${d}/w`, 'r+', (fd) => fs.ftruncateSync(fd, -3))],
  ['truncate nothing', (fs, d) => fs.truncateSync(`${d}/nope`)],
  ['truncate a folder', (fs, d) => fs.truncateSync(d)],
  ['what is left', (fs, d) => fs.readFileSync(`${d}/f`, 'latin1')],

  // Names
  ['mkdir', (fs, d) => fs.mkdirSync(`${d}/d`)],
  ['mkdir again', (fs, d) => fs.mkdirSync(`${d}/d`)],
  ['mkdir below nothing', (fs, d) => fs.mkdirSync(`${d}/nope/x`)],
  ['mkdir with a mode', (fs, d) => fs.mkdirSync(`${d}/d/700`, '700')],
  ['mkdir with a wrong option', (fs, d) => fs.mkdirSync(`${d}/x`, { recursive: 'yes' as never })],
  ['mkdir -p', (fs, d) => fs.mkdirSync(`${d}/p/q/r`, { recursive: true })],
  ['mkdir -p again', (fs, d) => fs.mkdirSync(`${d}/p/q/r`, { recursive: true })],
  ['mkdir -p of more', (fs, d) => fs.mkdirSync(`${d}/p//s/t/`, { recursive: true, mode: 0o711 })],
  ['mkdir -p through ..', (fs, d) => fs.mkdirSync(`${d}/z/../y`, { recursive: true })],
  ['mkdir -p of a file', (fs, d) => fs.mkdirSync(`${d}/f`, { recursive: true })],
  ['mkdir -p below a file', (fs, d) => fs.mkdirSync(`${d}/f/x/y`, { recursive: true })],
  ['mkdir -p of nothing', (fs) => fs.mkdirSync('', { recursive: true })],
  [
    'symlinks',
    (fs, d) =>
      [
        ['d', 'sl'],
        ['nope', 'dang'],
        ['loop', 'loop'],
        ['../f', 'd/up'],
      ].map(([to, at]) => fs.symlinkSync(`${to}`, `${d}/${at}`)),
  ],
  ['symlink over a name', (fs, d) => fs.symlinkSync('t', `${d}/f`)],
  ['mkdir -p of a dangling symlink', (fs, d) => fs.mkdirSync(`${d}/dang`, { recursive: true })],
  ['readlink', (fs, d) => [fs.readlinkSync(`${d}/d/up`), fs.readlinkSync(`${d}/sl`, 'buffer'), fs.readlinkSync(`${d}/sl`, 'base64')]],
  ['readlink of a file', (fs, d) => fs.readlinkSync(`${d}/f`)],
  [
    'lstat of a symlink',
    (fs, d) => [facts(fs.lstatSync(`${d}/sl`)), types(fs.lstatSync(`${d}/sl`)), types(fs.statSync(`${d}/sl`, { bigint: true }))],
  ],
  ['stat of nothing', (fs, d) => fs.statSync(`${d}/nope`)],
  ['lstat of nothing', (fs, d) => fs.lstatSync(`${d}/nope`)],
  [
    'stat that may find nothing',
    (fs, d) => [fs.statSync(`${d}/nope`, { throwIfNoEntry: false }), fs.lstatSync(`${d}/nope`, { throwIfNoEntry: false })],
  ],
  ['stat of a loop', (fs, d) => fs.statSync(`${d}/loop`)],
  ['exists', (fs, d) => [`${d}/f`, `${d}/nope`, `${d}/dang`, `${d}/f/x`, '', undefined as never].map((path) => fs.existsSync(path))],
  ['access', (fs, d) => [fs.accessSync(`${d}/f`), fs.accessSync(`${d}/f`, fs.constants.R_OK | fs.constants.W_OK)]],
  ['access of nothing', (fs, d) => fs.accessSync(`${d}/nope`)],
  ['access to execute', (fs, d) => fs.accessSync(`${d}/f`, fs.constants.X_OK)],
  ['readdir', (fs, d) => fs.readdirSync(d)],
  ['readdir in bytes', (fs, d) => fs.readdirSync(`${d}/d`, 'buffer')],
  ['readdir with types', (fs, d) => fs.readdirSync(d, { withFileTypes: true }).map((one) => [one.name, one.parentPath, ...types(one)])],
  ['readdir of a file', (fs, d) => fs.readdirSync(`${d}/f`)],
  ['readdir of nothing', (fs, d) => fs.readdirSync(`${d}/nope`)],
  ['readdir of everything', (fs, d) => fs.readdirSync(d, { recursive: true })],
  [
    'readdir of everything with types',
    (fs, d) => fs.readdirSync(d, { recursive: true, withFileTypes: true }).map((one) => [one.name, one.parentPath, ...types(one)]),
  ],
  ['readdir of everything in nothing', (fs, d) => fs.readdirSync(`${d}/nope`, { recursive: true })],
  ['link', (fs, d) => [fs.linkSync(`${d}/f`, `${d}/f2`), facts(fs.statSync(`${d}/f2`))]],
  ['link of nothing', (fs, d) => fs.linkSync(`${d}/nope`, `${d}/x`)],
  ['link of a folder', (fs, d) => fs.linkSync(`${d}/d`, `${d}/x`)],
  ['rename', (fs, d) => fs.renameSync(`${d}/f2`, `${d}/f3`)],
  ['rename of nothing', (fs, d) => fs.renameSync(`${d}/nope`, `${d}/x`)],
  ['rename into itself', (fs, d) => fs.renameSync(`${d}/d`, `${d}/d/x`)],
  ['unlink', (fs, d) => fs.unlinkSync(`${d}/f3`)],
  ['unlink of nothing', (fs, d) => fs.unlinkSync(`${d}/f3`)],
  ['unlink of a folder', (fs, d) => fs.unlinkSync(`${d}/d`)],
  ['realpath', (fs, d) => [fs.realpathSync(`${d}/sl/up`) === `${d}/f`, fs.realpathSync.native(`${d}/./sl//up`) === `${d}/f`]],
  ['realpath of nothing', (fs, d) => fs.realpathSync(`${d}/nope/x`)],
  ['realpath of a dangling symlink', (fs, d) => fs.realpathSync(`${d}/dang`)],
  ['realpath of a loop', (fs, d) => fs.realpathSync(`${d}/loop`)],
  ['realpath below a file', (fs, d) => fs.realpathSync(`${d}/f/x`)],
  ['realpath(3) of nothing', (fs, d) => fs.realpathSync.native(`${d}/nope`)],
  ['realpath(3) of a loop', (fs, d) => fs.realpathSync.native(`${d}/loop`)],

  // Attributes
  ['chmod', (fs, d) => [fs.chmodSync(`${d}/f`, 0o4751), fs.statSync(`${d}/f`).mode]],
  ['chmod with a bad mode', (fs, d) => fs.chmodSync(`${d}/f`, '9')],
  ['chmod of nothing', (fs, d) => fs.chmodSync(`${d}/nope`, 0o600)],
  ['chown to nobody', (fs, d) => [fs.chownSync(`${d}/f`, -1, -1), fs.lchownSync(`${d}/dang`, -1, -1), fs.statSync(`${d}/f`).mode]],
  ['chown of nothing', (fs, d) => fs.chownSync(`${d}/nope`, 1, 1)],
  ['chown to a string', (fs, d) => fs.chownSync(`${d}/f`, 'a' as never, 1)],
  ['lchown of nothing', (fs, d) => fs.lchownSync(`${d}/nope`, 1, 1)],
  ['utimes', (fs, d) => [fs.utimesSync(`${d}/f`, 1.123456789, new Date(-1500)), times(fs.statSync(`${d}/f`, { bigint: true }))]],
  ['utimes of text', (fs, d) => [fs.utimesSync(`${d}/f`, '5.5', '7'), fs.statSync(`${d}/f`).atimeMs, fs.statSync(`${d}/f`).mtime]],
  ['utimes of an object', (fs, d) => fs.utimesSync(`${d}/f`, {} as never, 1)],
  ['utimes of nothing', (fs, d) => fs.utimesSync(`${d}/nope`, 1, 1)],
  ['lutimes', (fs, d) => [fs.lutimesSync(`${d}/dang`, 3, 4), fs.lstatSync(`${d}/dang`).mtimeMs]],
  ['lutimes of nothing', (fs, d) => fs.lutimesSync(`${d}/nope`, 1, 1)],

  // Copies
  ['copy', (fs, d) => [fs.copyFileSync(`${d}/f`, `${d}/c`), facts(fs.statSync(`${d}/c`)), fs.readFileSync(`${d}/c`)]],
  ['copy onto itself', (fs, d) => [fs.copyFileSync(`${d}/f`, `${d}/f`), fs.readFileSync(`${d}/f`)]],
  ['copy only if new', (fs, d) => fs.copyFileSync(`${d}/f`, `${d}/c`, fs.constants.COPYFILE_EXCL)],
  ['copy nothing', (fs, d) => fs.copyFileSync(`${d}/nope`, `${d}/x`)],
  ['copy a folder', (fs, d) => fs.copyFileSync(`${d}/d`, `${d}/x`)],
  ['copy onto a folder', (fs, d) => fs.copyFileSync(`${d}/f`, `${d}/d`)],
  ['copy by reference', (fs, d) => fs.copyFileSync(`${d}/f`, `${d}/x`, fs.constants.COPYFILE_FICLONE_FORCE)],
  ['what that left', (fs, d) => fs.existsSync(`${d}/x`)],
  [
    'copy a tree',
    (fs, d) => [fs.cpSync(`${d}/p`, `${d}/copy/of/p`, { recursive: true }), fs.readdirSync(`${d}/copy`, { recursive: true })],
  ],
  [
    'copy some of a tree',
    (fs, d) => [fs.cpSync(`${d}/p`, `${d}/some`, { recursive: true, filter: (from) => !from.endsWith('q') }), fs.readdirSync(`${d}/some`)],
  ],
  [
    'copy a symlink',
    (fs, d) => [
      fs.cpSync(`${d}/d/up`, `${d}/up`),
      fs.readlinkSync(`${d}/up`) === `${d}/f`,
      fs.cpSync(`${d}/d/up`, `${d}/up2`, { verbatimSymlinks: true }),
      fs.readlinkSync(`${d}/up2`),
    ],
  ],

  // Removal
  ['rmdir of nothing', (fs, d) => fs.rmdirSync(`${d}/nope`)],
  ['rmdir of a file', (fs, d) => fs.rmdirSync(`${d}/f`)],
  ['rmdir of what has names', (fs, d) => fs.rmdirSync(`${d}/d`)],
  ['rm of a symlink', (fs, d) => [fs.rmSync(`${d}/sl`), fs.existsSync(`${d}/d`)]],
  ['rm that may find nothing', (fs, d) => fs.rmSync(`${d}/nope`, { force: true })],
  ['rm of a tree', (fs, d) => [fs.rmSync(`${d}/p`, { recursive: true }), fs.existsSync(`${d}/p`)]],
  ['mkdtemp', (fs, d) => [fs.mkdtempSync(`${d}/tmp-`).length, fs.readdirSync(d).filter((name) => name.startsWith('tmp-')).length]],
  ['mkdtemp below nothing', (fs, d) => fs.mkdtempSync(`${d}/nope/x`)],
  ['what is left', (fs, d) => fs.readdirSync(d).filter((name) => !name.startsWith('tmp-'))],
];

/** Errors whose kind differs among Node's versions: only their code is compared. */
const BY_CODE: readonly Step[] = [
  ['rm of nothing', (fs, d) => fs.rmSync(`${d}/nope`)],
  ['rm of a folder', (fs, d) => fs.rmSync(d)],
  ['rm -r of nothing', (fs, d) => fs.rmSync(`${d}/nope`, { recursive: true })],
  ['rm below a file', (fs, d) => fs.rmSync(`${d}/f/x`)],
  ['access with a wrong mode', (fs, d) => fs.accessSync(`${d}/f`, 9)],
  ['copy with a wrong mode', (fs, d) => fs.copyFileSync(`${d}/f`, `${d}/x`, 9)],
  ['cp of nothing', (fs, d) => fs.cpSync(`${d}/nope`, `${d}/x`)],
  ['cp of a folder', (fs, d) => fs.cpSync(`${d}/d`, `${d}/x`)],
  ['cp onto itself', (fs, d) => fs.cpSync(`${d}/f`, `${d}/f`)],
  ['cp into itself', (fs, d) => fs.cpSync(`${d}/d`, `${d}/d/x`, { recursive: true })],
  ['cp of a folder onto a file', (fs, d) => fs.cpSync(`${d}/d`, `${d}/f`, { recursive: true })],
  ['cp of a file onto a folder', (fs, d) => fs.cpSync(`${d}/f`, `${d}/d`)],
  ['cp only if new', (fs, d) => fs.cpSync(`${d}/f`, `${d}/m`, { force: false, errorOnExist: true })],
  ['read into an empty buffer', (fs) => fs.readSync(0, Buffer.alloc(0), 0, 1, null)],
];

interface Refusal extends NodeJS.ErrnoException {
  dest?: string;
}

function outcome(run: () => unknown): unknown {
  try {
    return { value: run() };
  } catch (error) {
    const { name, message, code, errno, syscall, path, dest } = error as Refusal;
    // How Node words its own refusals differs among versions.
    return { name, ...(code?.startsWith('ERR_') ? {} : { message }), code, errno, syscall, path, dest };
  }
}

describe.runIf(HostTmpfs.isAvailable)('the facade and node:fs on a tmpfs', () => {
  const host = new HostTmpfs('/dir');
  const dir = host.path;
  const fixture = new Fixture();
  const sys = fixture.sys;
  const ours = createNodeFs(sys);
  ours.mkdirSync(dir, { recursive: true });
  sys.umask(process.umask());
  const { uid, gid } = HostTmpfs.identity;
  sys.chown(dir, uid, gid);
  sys.setCredentials(HostTmpfs.identity);
  afterAll(() => host.remove());

  it.each(STEPS)('%s', (_what, run) => {
    expect(outcome(() => run(ours, dir))).toEqual(outcome(() => run(hostFs as unknown as NodeFs, dir)));
  });

  it.each(BY_CODE)('%s', (_what, run) => {
    const theirs = outcome(() => run(hostFs as unknown as NodeFs, dir)) as Refusal;
    expect((outcome(() => run(ours, dir)) as Refusal).code).toEqual(theirs.code);
  });

  it('have the same properties in their Stats', () => {
    expect(Object.keys(ours.statSync(dir))).toEqual(expect.arrayContaining(Object.keys(hostFs.statSync(dir))));
    expect(Object.keys(ours.statSync(dir, { bigint: true }))).toEqual(
      expect.arrayContaining(Object.keys(hostFs.statSync(dir, { bigint: true }))),
    );
  });

  it('leave no file open', () => {
    expect(fixture.machine.system.ledger.count('file')).toBe(0);
  });
});
