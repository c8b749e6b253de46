/**
 * What any door answers, one row a question. A row uses what all four can do; `without` says, for a door that cannot answer as the others do,
 * why not. The machine is that of test/support/loopback-board.ts.
 */
import type * as fs from 'node:fs';

export const DOORS = ['in process', 'node:fs', 'natively', 'mount'] as const;
export type DoorName = (typeof DOORS)[number];

/** Calls that every door has. Errors are thrown; their `code` is an errno's name. */
export interface Door {
  /** What stands before a path of the machine. */
  readonly root: string;
  open(path: string, flags: number): number;
  close(fd: number): void;
  read(fd: number, count: number, position?: number): string;
  write(fd: number, text: string, position?: number): number;
  ftruncate(fd: number, length: number): void;
  stat(path: string): Pick<fs.Stats, 'mode' | 'size' | 'nlink' | 'rdev'>;
  readdir(path: string): string[];
  mkdir(path: string): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  chmod(path: string, mode: number): void;
  truncate(path: string, length: number): void;
}

export interface Row {
  readonly name: string;
  readonly run: (door: Door) => unknown;
  readonly expected: unknown;
  readonly without?: Partial<Record<DoorName, string>>;
}

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_RDWR = 2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_DIRECTORY = 0o200000;

const ONLY_DEVICES = { natively: 'natively, only the paths of devices are emulated' };
const NO_NODES = { mount: 'Linux lets no such mount have device nodes: they show as regular files' };
const KERNEL_SEEKS = { mount: 'the kernel gives every read of a regular file a position, so pread is a read' };

function using<T>(door: Door, path: string, flags: number, use: (fd: number) => T): T {
  const fd = door.open(door.root + path, flags);
  try {
    return use(fd);
  } finally {
    door.close(fd);
  }
}

const LOOP = '/dev/loop';
const MEMORY = '/dev/memory';

/** Runs in this order: later rows see what earlier ones did. */
export const ROWS: readonly Row[] = [
  {
    name: 'a record comes back',
    run: (d) => using(d, LOOP, O_RDWR, (fd) => [d.write(fd, 'hello'), d.read(fd, 16)]),
    expected: [5, 'hello'],
  },
  {
    name: 'each write is a record',
    run: (d) =>
      using(d, LOOP, O_RDWR, (fd) => {
        d.write(fd, 'one');
        d.write(fd, 'two');
        return [d.read(fd, 16), d.read(fd, 2), d.read(fd, 16)];
      }),
    expected: ['one', 'tw', 'o'],
  },
  {
    name: 'what another open file wrote',
    run: (d) => [using(d, LOOP, O_WRONLY, (fd) => d.write(fd, 'x')), using(d, LOOP, O_RDONLY, (fd) => d.read(fd, 4))],
    expected: [1, 'x'],
  },
  { name: 'nothing to read', run: (d) => using(d, LOOP, O_RDONLY | O_NONBLOCK, (fd) => d.read(fd, 1)), expected: 'EAGAIN' },
  {
    name: 'no room',
    run: (d) =>
      using(d, LOOP, O_WRONLY | O_NONBLOCK, (fd) => {
        for (;;) d.write(fd, 'r');
      }),
    expected: 'EAGAIN',
  },
  {
    name: 'all that had room',
    run: (d) =>
      using(d, LOOP, O_RDONLY | O_NONBLOCK, (fd) => {
        let n = 0;
        try {
          for (;;) n += d.read(fd, 9).length;
        } catch {
          return n;
        }
      }),
    expected: 64,
  },
  { name: 'reading what is open for writing', run: (d) => using(d, LOOP, O_WRONLY, (fd) => d.read(fd, 1)), expected: 'EBADF' },
  { name: 'writing what is open for reading', run: (d) => using(d, LOOP, O_RDONLY, (fd) => d.write(fd, 'x')), expected: 'EBADF' },
  {
    name: 'opening with O_TRUNC and O_CREAT',
    run: (d) => using(d, LOOP, O_WRONLY | O_TRUNC | O_CREAT, (fd) => d.write(fd, 'kept')),
    expected: 4,
  },
  { name: 'what was written', run: (d) => using(d, LOOP, O_RDONLY, (fd) => d.read(fd, 9)), expected: 'kept' },
  { name: 'opening with O_EXCL', run: (d) => using(d, LOOP, O_RDWR | O_CREAT | O_EXCL, () => 'open'), expected: 'EEXIST' },
  { name: 'opening as a directory', run: (d) => using(d, LOOP, O_RDONLY | O_DIRECTORY, () => 'open'), expected: 'ENOTDIR' },
  { name: 'below a device', run: (d) => using(d, `${LOOP}/x`, O_RDONLY, () => 'open'), expected: 'ENOTDIR' },
  {
    name: 'its permissions and size',
    run: (d) => {
      const { mode, size, nlink } = d.stat(d.root + LOOP);
      return [mode & 0o7777, size, nlink];
    },
    expected: [0o660, 0, 1],
  },
  { name: 'its type', run: (d) => d.stat(d.root + LOOP).mode & 0o170000, expected: 0o20000, without: NO_NODES },
  { name: 'its number', run: (d) => d.stat(d.root + LOOP).rdev > 0, expected: true, without: NO_NODES },
  { name: 'the length of a device', run: (d) => using(d, MEMORY, O_RDWR, (fd) => d.ftruncate(fd, 0)), expected: 'EINVAL' },
  {
    name: 'a position of its own for a read',
    run: (d) => using(d, MEMORY, O_RDWR, (fd) => [d.write(fd, 'abcdef', 100), d.read(fd, 3, 102), d.read(fd, 2, 100)]),
    expected: [6, 'cde', 'ab'],
  },
  {
    name: 'positions that move on',
    run: (d) => using(d, MEMORY, O_RDWR, (fd) => [d.write(fd, 'start'), d.write(fd, 'more'), d.read(fd, 5, 0), d.read(fd, 4, 5)]),
    expected: [5, 4, 'start', 'more'],
  },
  { name: 'the end', run: (d) => using(d, MEMORY, O_RDWR, (fd) => [d.read(fd, 8, 8192), d.write(fd, 'xy', 8191)]), expected: ['', 1] },
  { name: 'beyond the end', run: (d) => using(d, MEMORY, O_WRONLY, (fd) => d.write(fd, 'x', 8192)), expected: 'ENOSPC' },
  {
    name: 'permissions that are changed',
    run: (d) => {
      d.chmod(d.root + MEMORY, 0o640);
      return d.stat(d.root + MEMORY).mode & 0o7777;
    },
    expected: 0o640,
  },
  {
    name: 'a position for what has none',
    run: (d) => using(d, LOOP, O_RDWR, (fd) => [d.write(fd, 'z', 7), d.read(fd, 1, 3)]),
    expected: [1, 'z'],
    without: KERNEL_SEEKS,
  },
  { name: 'no such device', run: (d) => using(d, '/dev/nothing', O_RDONLY, () => 'open'), expected: 'ENOENT', without: ONLY_DEVICES },
  { name: 'the devices there are', run: (d) => d.readdir(`${d.root}/dev`), expected: ['loop', 'memory'], without: ONLY_DEVICES },
  {
    name: 'a folder and a file',
    run: (d) => {
      d.mkdir(`${d.root}/a`);
      return using(d, '/a/f', O_WRONLY | O_CREAT | O_EXCL, (fd) => d.write(fd, 'text'));
    },
    expected: 4,
    without: ONLY_DEVICES,
  },
  { name: 'its size', run: (d) => d.stat(`${d.root}/a/f`).size, expected: 4, without: ONLY_DEVICES },
  {
    name: 'appending',
    run: (d) => [using(d, '/a/f', O_WRONLY | O_APPEND, (fd) => d.write(fd, '+')), using(d, '/a/f', O_RDONLY, (fd) => d.read(fd, 9))],
    expected: [1, 'text+'],
    without: ONLY_DEVICES,
  },
  {
    name: 'truncating',
    run: (d) => {
      d.truncate(`${d.root}/a/f`, 2);
      return using(d, '/a/f', O_RDONLY, (fd) => d.read(fd, 9));
    },
    expected: 'te',
    without: ONLY_DEVICES,
  },
  {
    name: 'a symlink',
    run: (d) => {
      d.symlink('f', `${d.root}/a/l`);
      return [d.readlink(`${d.root}/a/l`), using(d, '/a/l', O_RDONLY, (fd) => d.read(fd, 9))];
    },
    expected: ['f', 'te'],
    without: ONLY_DEVICES,
  },
  {
    name: 'renaming',
    run: (d) => {
      d.rename(`${d.root}/a/f`, `${d.root}/a/g`);
      return d.readdir(`${d.root}/a`);
    },
    expected: ['g', 'l'],
    without: ONLY_DEVICES,
  },
  { name: 'a symlink that leads nowhere', run: (d) => using(d, '/a/l', O_RDONLY, () => 'open'), expected: 'ENOENT', without: ONLY_DEVICES },
  { name: 'a folder that is not empty', run: (d) => d.rmdir(`${d.root}/a`), expected: 'ENOTEMPTY', without: ONLY_DEVICES },
  { name: 'unlinking a folder', run: (d) => d.unlink(`${d.root}/a`), expected: 'EISDIR', without: ONLY_DEVICES },
  { name: 'a folder again', run: (d) => d.mkdir(`${d.root}/a`), expected: 'EEXIST', without: ONLY_DEVICES },
  {
    name: 'removing all of it',
    run: (d) => {
      d.unlink(`${d.root}/a/g`);
      d.unlink(`${d.root}/a/l`);
      d.rmdir(`${d.root}/a`);
      return d.stat(`${d.root}/a`);
    },
    expected: 'ENOENT',
    without: ONLY_DEVICES,
  },
];

/** What a door answers to a row: a value, or the name of the errno. */
export function answer(row: Row, door: Door): unknown {
  try {
    return row.run(door) ?? null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** A door that has the shape of `node:fs`. */
export function fsDoor(nodeFs: typeof fs, root: string): Door {
  return {
    root,
    open: (path, flags) => nodeFs.openSync(path, flags),
    close: (fd) => nodeFs.closeSync(fd),
    read(fd, count, position) {
      const buffer = Buffer.alloc(count);
      return buffer.toString('latin1', 0, nodeFs.readSync(fd, buffer, 0, count, position ?? null));
    },
    write: (fd, text, position) => nodeFs.writeSync(fd, Buffer.from(text), 0, text.length, position ?? null),
    ftruncate: (fd, length) => nodeFs.ftruncateSync(fd, length),
    stat: (path) => nodeFs.statSync(path),
    readdir: (path) => nodeFs.readdirSync(path).sort(),
    mkdir: (path) => void nodeFs.mkdirSync(path),
    rmdir: (path) => nodeFs.rmdirSync(path),
    unlink: (path) => nodeFs.unlinkSync(path),
    rename: (from, to) => nodeFs.renameSync(from, to),
    symlink: (target, path) => nodeFs.symlinkSync(target, path),
    readlink: (path) => nodeFs.readlinkSync(path),
    chmod: (path, mode) => nodeFs.chmodSync(path, mode),
    truncate: (path, length) => nodeFs.truncateSync(path, length),
  };
}
