/**
 * What any door answers, one row a question. A row uses what all five can do; `without` says, for a door that cannot answer as the others do,
 * why not. The machine is that of test/support/loopback-board.ts.
 */
import type * as fs from 'node:fs';

export const DOORS = ['in process', 'node:fs', 'natively', 'mount', 'connect'] as const;
export type DoorName = (typeof DOORS)[number];

type Awaitable<T> = T | Promise<T>;

/** Calls that every door has. Errors are thrown; their `code` is an errno's name. */
export interface Door {
  /** What stands before a path of the machine. */
  readonly root: string;
  open(path: string, flags: number): Awaitable<number>;
  close(fd: number): Awaitable<void>;
  read(fd: number, count: number, position?: number): Awaitable<string>;
  write(fd: number, text: string, position?: number): Awaitable<number>;
  ftruncate(fd: number, length: number): Awaitable<void>;
  stat(path: string): Awaitable<Pick<fs.Stats, 'mode' | 'size' | 'nlink' | 'rdev'>>;
  readdir(path: string): Awaitable<string[]>;
  mkdir(path: string): Awaitable<void>;
  rmdir(path: string): Awaitable<void>;
  unlink(path: string): Awaitable<void>;
  rename(from: string, to: string): Awaitable<void>;
  symlink(target: string, path: string): Awaitable<void>;
  readlink(path: string): Awaitable<string>;
  chmod(path: string, mode: number): Awaitable<void>;
  truncate(path: string, length: number): Awaitable<void>;
}

export interface Row {
  readonly name: string;
  readonly run: (door: Door) => Promise<unknown>;
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

async function using<T>(door: Door, path: string, flags: number, use: (fd: number) => Awaitable<T>): Promise<T> {
  const fd = await door.open(door.root + path, flags);
  try {
    return await use(fd);
  } finally {
    await door.close(fd);
  }
}

const LOOP = '/dev/loop';
const MEMORY = '/dev/memory';

/** Runs in this order: later rows see what earlier ones did. */
export const ROWS: readonly Row[] = [
  {
    name: 'a record comes back',
    run: (d) => using(d, LOOP, O_RDWR, async (fd) => [await d.write(fd, 'hello'), await d.read(fd, 16)]),
    expected: [5, 'hello'],
  },
  {
    name: 'each write is a record',
    run: (d) =>
      using(d, LOOP, O_RDWR, async (fd) => {
        await d.write(fd, 'one');
        await d.write(fd, 'two');
        return [await d.read(fd, 16), await d.read(fd, 2), await d.read(fd, 16)];
      }),
    expected: ['one', 'tw', 'o'],
  },
  {
    name: 'what another open file wrote',
    run: async (d) => [await using(d, LOOP, O_WRONLY, (fd) => d.write(fd, 'x')), await using(d, LOOP, O_RDONLY, (fd) => d.read(fd, 4))],
    expected: [1, 'x'],
  },
  {
    name: 'nothing to read',
    run: (d) => using(d, LOOP, O_RDONLY | O_NONBLOCK, (fd) => d.read(fd, 1)),
    expected: 'EAGAIN',
  },
  {
    name: 'no room',
    run: (d) =>
      using(d, LOOP, O_WRONLY | O_NONBLOCK, async (fd) => {
        for (;;) await d.write(fd, 'r');
      }),
    expected: 'EAGAIN',
  },
  {
    name: 'all that had room',
    run: (d) =>
      using(d, LOOP, O_RDONLY | O_NONBLOCK, async (fd) => {
        let n = 0;
        try {
          for (;;) n += (await d.read(fd, 9)).length;
        } catch {
          return n;
        }
      }),
    expected: 64,
  },
  {
    name: 'reading what is open for writing',
    run: (d) => using(d, LOOP, O_WRONLY, (fd) => d.read(fd, 1)),
    expected: 'EBADF',
  },
  {
    name: 'writing what is open for reading',
    run: (d) => using(d, LOOP, O_RDONLY, (fd) => d.write(fd, 'x')),
    expected: 'EBADF',
  },
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
    run: async (d) => {
      const { mode, size, nlink } = await d.stat(d.root + LOOP);
      return [mode & 0o7777, size, nlink];
    },
    expected: [0o660, 0, 1],
  },
  { name: 'its type', run: async (d) => (await d.stat(d.root + LOOP)).mode & 0o170000, expected: 0o20000, without: NO_NODES },
  { name: 'its number', run: async (d) => (await d.stat(d.root + LOOP)).rdev > 0, expected: true, without: NO_NODES },
  {
    name: 'the length of a device',
    run: (d) => using(d, MEMORY, O_RDWR, (fd) => d.ftruncate(fd, 0)),
    expected: 'EINVAL',
  },
  {
    name: 'a position of its own for a read',
    run: (d) =>
      using(d, MEMORY, O_RDWR, async (fd) => [await d.write(fd, 'abcdef', 100), await d.read(fd, 3, 102), await d.read(fd, 2, 100)]),
    expected: [6, 'cde', 'ab'],
  },
  {
    name: 'positions that move on',
    run: (d) =>
      using(d, MEMORY, O_RDWR, async (fd) => [
        await d.write(fd, 'start'),
        await d.write(fd, 'more'),
        await d.read(fd, 5, 0),
        await d.read(fd, 4, 5),
      ]),
    expected: [5, 4, 'start', 'more'],
  },
  {
    name: 'the end',
    run: (d) => using(d, MEMORY, O_RDWR, async (fd) => [await d.read(fd, 8, 8192), await d.write(fd, 'xy', 8191)]),
    expected: ['', 1],
  },
  { name: 'beyond the end', run: (d) => using(d, MEMORY, O_WRONLY, (fd) => d.write(fd, 'x', 8192)), expected: 'ENOSPC' },
  {
    name: 'permissions that are changed',
    run: async (d) => {
      await d.chmod(d.root + MEMORY, 0o640);
      return (await d.stat(d.root + MEMORY)).mode & 0o7777;
    },
    expected: 0o640,
  },
  {
    name: 'a position for what has none',
    run: (d) => using(d, LOOP, O_RDWR, async (fd) => [await d.write(fd, 'z', 7), await d.read(fd, 1, 3)]),
    expected: [1, 'z'],
    without: KERNEL_SEEKS,
  },
  { name: 'no such device', run: (d) => using(d, '/dev/nothing', O_RDONLY, () => 'open'), expected: 'ENOENT', without: ONLY_DEVICES },
  {
    name: 'the devices there are',
    run: async (d) => await d.readdir(`${d.root}/dev`),
    expected: ['loop', 'memory'],
    without: ONLY_DEVICES,
  },
  {
    name: 'a folder and a file',
    run: async (d) => {
      await d.mkdir(`${d.root}/a`);
      return await using(d, '/a/f', O_WRONLY | O_CREAT | O_EXCL, (fd) => d.write(fd, 'text'));
    },
    expected: 4,
    without: ONLY_DEVICES,
  },
  { name: 'its size', run: async (d) => (await d.stat(`${d.root}/a/f`)).size, expected: 4, without: ONLY_DEVICES },
  {
    name: 'appending',
    run: async (d) => [
      await using(d, '/a/f', O_WRONLY | O_APPEND, (fd) => d.write(fd, '+')),
      await using(d, '/a/f', O_RDONLY, (fd) => d.read(fd, 9)),
    ],
    expected: [1, 'text+'],
    without: ONLY_DEVICES,
  },
  {
    name: 'truncating',
    run: async (d) => {
      await d.truncate(`${d.root}/a/f`, 2);
      return await using(d, '/a/f', O_RDONLY, (fd) => d.read(fd, 9));
    },
    expected: 'te',
    without: ONLY_DEVICES,
  },
  {
    name: 'a symlink',
    run: async (d) => {
      await d.symlink('f', `${d.root}/a/l`);
      return [await d.readlink(`${d.root}/a/l`), await using(d, '/a/l', O_RDONLY, (fd) => d.read(fd, 9))];
    },
    expected: ['f', 'te'],
    without: ONLY_DEVICES,
  },
  {
    name: 'renaming',
    run: async (d) => {
      await d.rename(`${d.root}/a/f`, `${d.root}/a/g`);
      return await d.readdir(`${d.root}/a`);
    },
    expected: ['g', 'l'],
    without: ONLY_DEVICES,
  },
  {
    name: 'a symlink that leads nowhere',
    run: (d) => using(d, '/a/l', O_RDONLY, () => 'open'),
    expected: 'ENOENT',
    without: ONLY_DEVICES,
  },
  { name: 'a folder that is not empty', run: async (d) => await d.rmdir(`${d.root}/a`), expected: 'ENOTEMPTY', without: ONLY_DEVICES },
  { name: 'unlinking a folder', run: async (d) => await d.unlink(`${d.root}/a`), expected: 'EISDIR', without: ONLY_DEVICES },
  { name: 'a folder again', run: async (d) => await d.mkdir(`${d.root}/a`), expected: 'EEXIST', without: ONLY_DEVICES },
  {
    name: 'removing all of it',
    run: async (d) => {
      await d.unlink(`${d.root}/a/g`);
      await d.unlink(`${d.root}/a/l`);
      await d.rmdir(`${d.root}/a`);
      return await d.stat(`${d.root}/a`);
    },
    expected: 'ENOENT',
    without: ONLY_DEVICES,
  },
];

/** What a door answers to a row: a value, or the name of the errno. */
async function answer(row: Row, door: Door): Promise<unknown> {
  try {
    return (await row.run(door)) ?? null;
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

/** What a door answers to every row, one after the other; null where it cannot. */
export async function answers(name: DoorName, door: Door): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const row of ROWS) all.push(row.without?.[name] === undefined ? await answer(row, door) : null);
  return all;
}
