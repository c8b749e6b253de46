import { Buffer } from 'node:buffer';
import hostFs from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  F_GETFL,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  SEEK_CUR,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import type { Credentials, Stat } from '../../src/kernel/index.ts';
import { Fixture, STRANGER } from './fixture.ts';
import { asUser, HostTmpfs } from './host.ts';

/** Where all paths of the test begin, here and (below a folder of its own) on the host. */
const BASE = '/1/2/3/4/5/w';

/** What of a file both must agree on. The inode number stands for a question: is it the same file? */
type Facts = Pick<Stat, 'ino' | 'mode' | 'nlink' | 'uid' | 'gid' | 'size' | 'blocks'>;

/** The calls that are compared. Descriptors are slots in a table that both sides fill alike. */
interface Side {
  open(path: string, flags: number, mode: number): number;
  close(fd: number): void;
  read(fd: number, count: number, at: number | null): string;
  write(fd: number, text: string, at: number | null): number;
  ftruncate(fd: number, length: number): void;
  /** F_GETFL and the position. */
  state(fd: number): readonly [flags: number, position: number];
  fstat(fd: number): Facts;
  fchmod(fd: number, mode: number): void;
  fchown(fd: number, uid: number, gid: number): void;
  fsync(fd: number): void;
  stat(path: string): Facts;
  lstat(path: string): Facts;
  readlink(path: string): string;
  readdir(path: string): string[];
  mkdir(path: string, mode: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  link(from: string, to: string): void;
  symlink(target: string, path: string): void;
  rename(from: string, to: string): void;
  chmod(path: string, mode: number): void;
  chown(path: string, uid: number, gid: number): void;
  lchown(path: string, uid: number, gid: number): void;
  utimes(path: string, mtime_s: number): number;
  umask(mask: number): number;
}

const factsOf = ({ ino, mode, nlink, uid, gid, size, blocks }: Facts): Facts => ({ ino, mode, nlink, uid, gid, size, blocks });

function ours(sys: Sys<'sync'>): Side {
  const at = (path: string) => (path === '' ? '' : `${BASE}/${path}`);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  return {
    open: (path, flags, mode) => sys.open(at(path), flags, mode),
    close: (fd) => void sys.close(fd),
    read: (fd, count, position) => text(position === null ? sys.read(fd, count) : sys.pread(fd, count, position)),
    write: (fd, data, position) => (position === null ? sys.write(fd, data) : sys.pwrite(fd, data, position)),
    ftruncate: (fd, length) => void sys.ftruncate(fd, length),
    state: (fd) => {
      const flags = sys.fcntl(fd, F_GETFL);
      return [flags, (flags & O_PATH) !== 0 ? 0 : sys.lseek(fd, 0, SEEK_CUR)];
    },
    fstat: (fd) => factsOf(sys.fstat(fd)),
    fchmod: (fd, mode) => void sys.fchmod(fd, mode),
    fchown: (fd, uid, gid) => void sys.fchown(fd, uid, gid),
    fsync: (fd) => void sys.fsync(fd),
    stat: (path) => factsOf(sys.stat(at(path))),
    lstat: (path) => factsOf(sys.lstat(at(path))),
    readlink: (path) => sys.readlink(at(path)),
    readdir: (path) => {
      const fd = sys.open(at(path), O_RDONLY | O_DIRECTORY);
      const names = sys.getdents(fd).map(({ name }) => name);
      sys.close(fd);
      return names.slice(2).sort();
    },
    mkdir: (path, mode) => void sys.mkdir(at(path), mode),
    rmdir: (path) => void sys.rmdir(at(path)),
    unlink: (path) => void sys.unlink(at(path)),
    link: (from, to) => void sys.link(at(from), at(to)),
    symlink: (target, path) => void sys.symlink(target, at(path)),
    rename: (from, to) => void sys.rename(at(from), at(to)),
    chmod: (path, mode) => void sys.chmod(at(path), mode),
    chown: (path, uid, gid) => void sys.chown(at(path), uid, gid),
    lchown: (path, uid, gid) => void sys.lchown(at(path), uid, gid),
    utimes: (path, mtime_s) => {
      sys.utimens(at(path), { sec: 1, nsec: 0 }, { sec: mtime_s, nsec: 0 });
      return sys.stat(at(path)).mtime.sec;
    },
    umask: (mask) => sys.umask(mask),
  };
}

function hosts(base: string, who: Credentials): Side {
  const at = (path: string) => (path === '' ? '' : `${base}/${path}`);
  const side: Side = {
    open: (path, flags, mode) => hostFs.openSync(at(path), flags, mode),
    close: (fd) => hostFs.closeSync(fd),
    read: (fd, count, position) => {
      const bytes = Buffer.alloc(count);
      return bytes.toString('latin1', 0, hostFs.readSync(fd, bytes, 0, count, position));
    },
    write: (fd, text, position) => hostFs.writeSync(fd, Buffer.from(text), 0, text.length, position),
    ftruncate: (fd, length) => hostFs.ftruncateSync(fd, length),
    state: (fd) => {
      const info = hostFs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
      const number = (name: string, base: number) => Number.parseInt(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(info)?.[1] ?? '', base);
      return [number('flags', 8) & ~O_CLOEXEC, number('pos', 10)];
    },
    fstat: (fd) => factsOf(hostFs.fstatSync(fd)),
    fchmod: (fd, mode) => hostFs.fchmodSync(fd, mode),
    fchown: (fd, uid, gid) => hostFs.fchownSync(fd, uid, gid),
    fsync: (fd) => hostFs.fsyncSync(fd),
    stat: (path) => factsOf(hostFs.statSync(at(path))),
    lstat: (path) => factsOf(hostFs.lstatSync(at(path))),
    readlink: (path) => hostFs.readlinkSync(at(path)),
    readdir: (path) => hostFs.readdirSync(at(path)).sort(),
    mkdir: (path, mode) => void hostFs.mkdirSync(at(path), mode),
    rmdir: (path) => hostFs.rmdirSync(at(path)),
    unlink: (path) => hostFs.unlinkSync(at(path)),
    link: (from, to) => hostFs.linkSync(at(from), at(to)),
    symlink: (target, path) => hostFs.symlinkSync(target, at(path)),
    rename: (from, to) => hostFs.renameSync(at(from), at(to)),
    chmod: (path, mode) => hostFs.chmodSync(at(path), mode),
    chown: (path, uid, gid) => hostFs.chownSync(at(path), uid, gid),
    lchown: (path, uid, gid) => hostFs.lchownSync(at(path), uid, gid),
    utimes: (path, mtime_s) => {
      hostFs.utimesSync(at(path), 1, mtime_s);
      return hostFs.statSync(at(path)).mtimeMs / 1000;
    },
    umask: (mask) => process.umask(mask),
  };
  for (const [name, call] of Object.entries(side)) {
    // /proc/self belongs to root.
    if (name !== 'state') (side as any)[name] = (...args: unknown[]) => asUser(who, () => call(...args));
  }
  return side;
}

/** One call of the sequence: who makes it, which, and its arguments. Descriptors are places in the list of open ones. */
interface Step {
  readonly who: number;
  readonly call: keyof Side;
  readonly args: readonly unknown[];
}

const MODES = [0o777, 0o755, 0o700, 0o666, 0o644, 0o600, 0o444, 0o111, 0o222, 0, 0o4755, 0o6755, 0o2755, 0o2766, 0o2777, 0o2711];
const STICKY = [0o1777, 0o1755, 0o1733];
const FLAGS = [O_RDONLY, O_WRONLY, O_RDWR, 3];
const MORE_FLAGS = [
  0,
  O_CREAT,
  O_CREAT,
  O_CREAT | O_EXCL,
  O_TRUNC,
  O_CREAT | O_TRUNC,
  O_APPEND,
  O_CREAT | O_APPEND,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_CREAT | O_NOFOLLOW,
  O_NOFOLLOW | O_DIRECTORY,
  O_PATH,
  O_PATH | O_NOFOLLOW,
  O_PATH | O_DIRECTORY,
  O_TMPFILE,
  O_TMPFILE | O_EXCL,
  O_CREAT | O_DIRECTORY,
  O_NOATIME,
  O_DIRECT,
  O_SYNC,
];
const IDS = [-1, 0, 1000, 1001];

function steps(users: number): fc.Arbitrary<Step[]> {
  const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values);
  const name = fc.oneof({ weight: 12, arbitrary: oneOf(['a', 'b', 'c']) }, { weight: 1, arbitrary: oneOf(['.', '..', 'n'.repeat(256)]) });
  const path = fc.oneof(
    {
      weight: 30,
      arbitrary: fc
        .tuple(
          fc.oneof({ weight: 3, arbitrary: fc.tuple(name) }, { weight: 3, arbitrary: fc.tuple(name, name) }, fc.tuple(name, name, name)),
          oneOf(['', '', '', '', '', '', '/', '//']),
          oneOf(['/', '/', '//']),
        )
        .map(([names, end, between]) => names.join(between) + end),
    },
    { weight: 1, arbitrary: fc.constant('') },
  );
  const protectedSticky = ['protected_symlinks', 'protected_regular'].some((setting) => HostTmpfs.isProtected(setting));
  const mode = oneOf(protectedSticky ? MODES : [...MODES, ...STICKY]);
  const fd = fc.nat(7);
  const id = oneOf(IDS);
  const position = fc.option(fc.nat(9000));
  const step = (call: keyof Side, ...args: fc.Arbitrary<unknown>[]): fc.Arbitrary<Step> =>
    fc.record({ who: fc.nat(users - 1), call: fc.constant(call), args: fc.tuple(...args) });
  const flags = fc.tuple(oneOf(FLAGS), oneOf(MORE_FLAGS)).map(([access, more]) => access | more);
  const asRoot = (made: fc.Arbitrary<Step>) => made.map((one) => ({ ...one, who: 0 }));
  const linkStep = step('link', path, path);
  const weighted: [number, fc.Arbitrary<Step>][] = [
    [10, step('open', path, flags, mode)],
    [2, step('close', fd)],
    // Node does not even ask for no bytes.
    [4, step('read', fd, fc.integer({ min: 1, max: 100 }), position)],
    [4, step('write', fd, oneOf(['', 'x', 'hello', 'y'.repeat(5000)]), position)],
    [2, step('ftruncate', fd, oneOf([0, 3, 4096, 5000, 20000]))],
    [3, step('state', fd)],
    [2, step('fstat', fd)],
    [1, step('fchmod', fd, mode)],
    [1, step('fchown', fd, id, id)],
    [1, step('fsync', fd)],
    [3, step('stat', path)],
    [3, step('lstat', path)],
    [1, step('readlink', path)],
    [2, step('readdir', path)],
    [6, step('mkdir', path, mode)],
    [3, step('rmdir', path)],
    [3, step('unlink', path)],
    [3, HostTmpfs.isProtected('protected_hardlinks') ? asRoot(linkStep) : linkStep],
    [4, step('symlink', oneOf(['a', 'b', 'c', 'a/b', '../a', '.', 'b/', 'c/../a', './b//']), path)],
    [6, step('rename', path, path)],
    [3, step('chmod', path, mode)],
    [2, step('chown', path, id, id)],
    [1, step('lchown', path, id, id)],
    [1, step('utimes', path, fc.nat(2e9))],
    [1, step('umask', oneOf([0, 0o022, 0o077]))],
  ];
  // A few files first, so that calls find something.
  const some = oneOf(['a', 'b', 'c', 'a/a', 'a/b', 'b/a', 'b/c', 'c/b']);
  const population = fc.oneof(
    step('mkdir', some, oneOf([0o777, 0o755])),
    step('open', some, fc.constant(O_CREAT | O_RDWR), oneOf([0o666, 0o777, 0o640])),
    step('symlink', oneOf(['a', 'b', '../b', 'a/b']), some),
  );
  const anyOrder = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })));
  return fc
    .tuple(
      fc.array(population, { minLength: 4, maxLength: 12, size: 'max' }),
      fc.array(anyOrder, { minLength: 10, maxLength: 60, size: 'max' }),
    )
    .map(([first, then]) => [...first, ...then]);
}

const TAKES_FD = new Set<keyof Side>(['close', 'read', 'write', 'ftruncate', 'state', 'fstat', 'fchmod', 'fchown', 'fsync']);

/** What a call answered, in a form that both sides can be compared in. */
function answer(run: () => unknown): { value: unknown } | { error: string } {
  try {
    return { value: run() };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== 'string') throw error;
    return { error: code };
  }
}

/** Numbers each inode in the order in which it is seen. */
class Renumbering {
  readonly #numbers = new Map<number, number>();

  apply(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || !('ino' in value)) return value;
    const ino = value.ino as number;
    if (!this.#numbers.has(ino)) this.#numbers.set(ino, this.#numbers.size);
    return { ...value, ino: this.#numbers.get(ino) };
  }
}

/** Makes the calls on both sides and compares each answer. */
function compare(sequence: readonly Step[], users: readonly Credentials[]): void {
  const host = new HostTmpfs(BASE);
  const fixture = new Fixture();
  const umask = process.umask(0o022);
  const [here, there] = [new Renumbering(), new Renumbering()];
  const open: { here: number; there: number }[] = [];
  try {
    let path = '';
    for (const name of BASE.slice(1).split('/')) {
      path += `/${name}`;
      fixture.sys.mkdir(path, 0o755);
      fixture.sys.chown(path, HostTmpfs.identity.uid, HostTmpfs.identity.gid);
    }
    fixture.sys.chmod(BASE, 0o777);
    hostFs.chmodSync(host.path, 0o777);
    // One table of descriptors and one umask for all users, as on the host.
    const sys = fixture.sys;
    const task = fixture.taskOf(sys);
    const ourSide = ours(sys);
    const sides = users.map((who) => ({ who, host: hosts(host.path, who) }));

    for (const [index, { who, call, args }] of sequence.entries()) {
      const side = sides[who] as (typeof sides)[number];
      let slot: (typeof open)[number] | undefined;
      if (TAKES_FD.has(call)) {
        slot = open[(args[0] as number) % Math.max(open.length, 1)];
        if (slot === undefined) continue;
      }
      const rest = slot === undefined ? args : args.slice(1);
      const theirs = answer(() => (side.host[call] as any)(...(slot === undefined ? [] : [slot.there]), ...rest));
      task.credentials = side.who;
      const mine = answer(() => (ourSide[call] as any)(...(slot === undefined ? [] : [slot.here]), ...rest));
      const what = `step ${index}: ${call}(${args.join(', ')}) as ${side.who.uid}`;
      if (call === 'open' && 'value' in mine && 'value' in theirs) {
        open.push({ here: mine.value as number, there: theirs.value as number });
        continue;
      }
      if (call === 'close' && slot !== undefined) open.splice(open.indexOf(slot), 1);
      if ('value' in mine) mine.value = here.apply(mine.value);
      if ('value' in theirs) theirs.value = there.apply(theirs.value);
      expect(mine, what).toEqual(theirs);
    }
  } finally {
    process.umask(umask);
    for (const { there: fd } of open) hostFs.closeSync(fd);
    host.remove();
  }
}

/** The umask is the process's: only its main thread may set it. */
describe.runIf(HostTmpfs.isAvailable && isMainThread)('the tree and a tmpfs of the host answer alike', () => {
  const RUNS = Number(process.env['IOCTOPUS_RUNS'] ?? 150);
  /** Far more than it takes: a slow machine is not a failure. */
  const timeout = 10_000 + RUNS * 1000;

  it('to whoever runs the tests', { timeout }, () => {
    fc.assert(
      fc.property(steps(1), (sequence) => compare(sequence, [HostTmpfs.identity])),
      { numRuns: RUNS },
    );
  });

  it.runIf(HostTmpfs.canSwitch)('to root and a stranger in turns', { timeout }, () => {
    fc.assert(
      fc.property(steps(2), (sequence) => compare(sequence, [HostTmpfs.identity, STRANGER])),
      { numRuns: RUNS },
    );
  });
});
