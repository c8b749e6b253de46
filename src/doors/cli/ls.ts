import { basename } from 'node:path';
import { isErrno } from '../../abi/index.ts';
import { O_DIRECTORY, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../../abi/uapi/index.ts';
import { majorOf, minorOf, type Stat } from '../../kernel/index.ts';
import { boot } from '../boot.ts';
import { RemoteMachine, type RemoteSys } from '../connect/index.ts';
import { findBoard } from './boards.ts';
import { join } from './join.ts';
import { Refusal } from './program.ts';

/** What a listing asks the machine. */
type Looking = Pick<RemoteSys, 'open' | 'close' | 'getdents' | 'lstat' | 'readlink'>;

export interface ListOptions {
  readonly board: string;
  readonly connect?: string;
}

const TYPES: Readonly<Record<number, string>> = {
  [S_IFDIR]: 'd',
  [S_IFCHR]: 'c',
  [S_IFBLK]: 'b',
  [S_IFLNK]: 'l',
  [S_IFIFO]: 'p',
  [S_IFSOCK]: 's',
};

const typeOf = ({ mode }: Stat) => mode & S_IFMT;
const isNode = (stat: Stat) => typeOf(stat) === S_IFCHR || typeOf(stat) === S_IFBLK;

/** As ls(1) shows type and permissions. */
function formatMode(mode: number): string {
  const bit = (at: number, letter: string) => ((mode >> at) & 1 ? letter : '-');
  const permissions = Array.from({ length: 9 }, (_, index) => bit(8 - index, 'rwx'[index % 3] as string));
  for (const [at, special] of [
    [2, 's'],
    [5, 's'],
    [8, 't'],
  ] as const) {
    const isSet = ((mode >> (11 - (at - 2) / 3)) & 1) !== 0;
    if (isSet) permissions[at] = permissions[at] === 'x' ? special : special.toUpperCase();
  }
  return (TYPES[mode & S_IFMT] ?? '-') + permissions.join('');
}

const nameOf = (id: number) => (id === 0 ? 'root' : `${id}`);

/** The last name that a link leads to; undefined where there is no such link. */
async function linked(sys: Looking, path: string): Promise<string | undefined> {
  try {
    return basename(await sys.readlink(path));
  } catch (error) {
    if (isErrno(error)) return undefined;
    throw error;
  }
}

/** Which class or bus a node's device is of, and which driver has it. */
async function kindOf(sys: Looking, { rdev }: Stat): Promise<string> {
  const device = `/sys/dev/char/${majorOf(rdev)}:${minorOf(rdev)}`;
  const subsystem = await linked(sys, `${device}/subsystem`);
  const driver = (await linked(sys, `${device}/driver`)) ?? (await linked(sys, `${device}/device/driver`));
  return [...(subsystem === undefined ? [] : [subsystem]), ...(driver === undefined ? [] : [`driver ${driver}`])].join(', ');
}

/** One line of the table, as its cells. */
async function describe(sys: Looking, path: string, shown: string): Promise<string[]> {
  const stat = await sys.lstat(path);
  const size = isNode(stat) ? `${majorOf(stat.rdev)}:${minorOf(stat.rdev)}` : `${stat.size}`;
  const target = typeOf(stat) === S_IFLNK ? ` -> ${await sys.readlink(path)}` : '';
  const kind = isNode(stat) ? await kindOf(sys, stat) : '';
  return [formatMode(stat.mode), nameOf(stat.uid), nameOf(stat.gid), size, shown + target, kind];
}

async function namesIn(sys: Looking, folder: string): Promise<string[]> {
  const fd = await sys.open(folder, O_DIRECTORY);
  try {
    const entries = await sys.getdents(fd);
    return entries
      .map(({ name }) => name)
      .filter((name) => name !== '.' && name !== '..')
      .sort();
  } finally {
    await sys.close(fd);
  }
}

/** Every device node below a folder. */
async function nodesBelow(sys: Looking, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await namesIn(sys, folder)) {
    const path = `${folder}/${name}`;
    const stat = await sys.lstat(path);
    if (isNode(stat)) found.push(path);
    else if (typeOf(stat) === S_IFDIR) found.push(...(await nodesBelow(sys, path)));
  }
  return found;
}

async function list(sys: Looking, path: string | undefined): Promise<string[][]> {
  if (path === undefined) return Promise.all((await nodesBelow(sys, '/dev')).map((node) => describe(sys, node, node)));
  // Where the path leads, if it is a link.
  const isFolder = typeOf(await sys.lstat(`${path}/.`).catch(() => sys.lstat(path))) === S_IFDIR;
  if (!isFolder) return [await describe(sys, path, path)];
  return Promise.all((await namesIn(sys, path)).map((name) => describe(sys, `${path.replace(/\/+$/, '')}/${name}`, name)));
}

/** Columns side by side: the first as they are, numbers to the right. */
function format(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const cell = (text: string, column: number) => (column === 3 ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0));
  return rows.map((row) => `${row.map(cell).join(' ').trimEnd()}\n`).join('');
}

/**
 * Prints what a machine has: its device nodes, or what is at a path.
 *
 * @returns exit status
 * @throws Refusal when there is no such path
 */
export async function ls(path: string | undefined, options: ListOptions): Promise<number> {
  const joined = options.connect === undefined ? undefined : new RemoteMachine(await join(options.connect, 'calls'));
  const sys = joined?.sys ?? boot(await findBoard(options.board)).async;
  try {
    process.stdout.write(format(await list(sys, path)));
    return 0;
  } catch (error) {
    if (!isErrno(error)) throw error;
    throw new Refusal(`${path ?? '/dev'}: ${error.message}`);
  } finally {
    await joined?.close();
  }
}
