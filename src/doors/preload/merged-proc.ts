import { readFileSync } from 'node:fs';
import { Errno, type ErrnoName } from '../../abi/index.ts';
import { O_DIRECT, O_LARGEFILE, O_NOCTTY, O_TRUNC, PROC_SUPER_MAGIC, S_IFREG } from '../../abi/uapi/index.ts';
import { File, type FileSystem, finish, Inode, type Kernel, type System, type Task } from '../../kernel/index.ts';
import { devicesLines, fileSystemLines, miscLines, seqOperations, single } from '../../vfs/index.ts';
import { SHARED } from './emulated-paths.ts';

const linesOf = (text: string) => text.split('\n').slice(0, -1);
const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
const field = (line: string, index: number) => line.split(' ')[index] as string;

/** Sections of numbers and names, each in order; what both have is there once. */
function mergeDevices(host: string, own: string): string {
  const ours = own.split('\n\n');
  return host
    .split('\n\n')
    .map((section, index) => {
      const [title = '', ...lines] = section.split('\n').filter((line) => line !== '');
      const added = (ours[index] ?? '').split('\n').filter((line) => line !== '' && line !== title && !lines.includes(line));
      return textOf([title, ...[...lines, ...added].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))]);
    })
    .join('\n');
}

/** The machine's, then those of the host with other names. */
function mergeMisc(host: string, own: string): string {
  const nameOf = (line: string) => line.trim().split(' ').at(-1);
  const names = new Set(linesOf(own).map(nameOf));
  return own + textOf(linesOf(host).filter((line) => !names.has(nameOf(line))));
}

function mergeFileSystems(host: string, own: string): string {
  const known = linesOf(host);
  const names = new Set(known.map((line) => line.split('\t')[1]));
  return textOf([...known, ...linesOf(own).filter((line) => !names.has(line.split('\t')[1]))]);
}

/** The host's mounts, and those of the machine that programs see, in the place of what they hide. @param at which field is the place */
function mergeMounts(host: readonly string[], own: readonly string[], at: number): string[] {
  const shown = own.filter((line) => !SHARED.includes(field(line, at)));
  const places = shown.map((line) => field(line, at));
  const isHidden = (line: string) => places.some((place) => field(line, at) === place || field(line, at).startsWith(`${place}/`));
  return [...host.filter((line) => !isHidden(line)), ...shown];
}

/** Above all numbers of mounts that a host gives. */
const FIRST_ID = 1_000_000;
const PLACE = 4;

/** Mounts of the machine get numbers of their own, below the mounts that they are seen in. */
function mergeMountInfo(host: string, own: string): string {
  const merged = mergeMounts(linesOf(host), linesOf(own), PLACE);
  const first = merged.length - linesOf(own).filter((line) => !SHARED.includes(field(line, PLACE))).length;
  const renumbered = merged.map((line, index) => (index < first ? line : line.replace(/^\d+/, (id) => `${FIRST_ID + Number(id)}`)));
  const idAbove = (line: string, index: number) => {
    const isAbove = (other: string) => field(other, PLACE) === '/' || field(line, PLACE).startsWith(`${field(other, PLACE)}/`);
    const above = renumbered.slice(0, index).filter(isAbove);
    const longest = above.reduce((best, other) => (field(other, PLACE).length >= field(best, PLACE).length ? other : best), above[0] ?? '');
    return field(longest, 0);
  };
  return textOf(renumbered.map((line, index) => (index < first ? line : line.replace(/ \d+/, ` ${idAbove(line, index)}`))));
}

const lines = (list: Iterable<string>) => [...list].join('');

/** What programs see of both the host and the machine, by its path. */
const MERGED: Readonly<Record<string, (system: System, host: string) => string>> = {
  '/proc/devices': (system, host) => mergeDevices(host, lines(devicesLines(system))),
  '/proc/misc': (system, host) => mergeMisc(host, lines(miscLines(system))),
  '/proc/filesystems': (system, host) => mergeFileSystems(host, lines(fileSystemLines(system))),
  '/proc/self/mounts': (system, host) => textOf(mergeMounts(linesOf(host), linesOf(lines(system.vfs.describeMounts())), 1)),
  '/proc/self/mountinfo': (system, host) => mergeMountInfo(host, lines(system.vfs.describeMountInfo())),
};

/** @throws Errno what the host says */
function readHost(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw new Errno(((error as NodeJS.ErrnoException).code ?? 'EIO') as ErrnoName, `${path} of the host`);
  }
}

/**
 * Opens a file of /proc in which programs see what the host has and what the machine has. It is made when it is first read.
 *
 * @param pid whose mounts the host is asked for
 * @param flags of open(2), to read
 * @throws Errno ENOENT for any other path; EINVAL for O_DIRECT; what the host says
 */
export function* openMerged(task: Task, path: string, flags: number, pid: number): Kernel<File> {
  const { system } = task;
  const merge = MERGED[path];
  if (merge === undefined) throw new Errno('ENOENT', `${path} is the host's or the machine's alone`);
  if ((flags & O_DIRECT) !== 0) throw new Errno('EINVAL', `${path} has no direct I/O`);
  const show = () => merge(system, readHost(path.replace('/self/', `/${pid}/`)));
  const fs: FileSystem = { type: 'proc', magic: PROC_SUPER_MAGIC, dev: 0, now: () => system.realtime() };
  const inode = new Inode(fs, { ino: 1, mode: S_IFREG | 0o444 });
  const ops = seqOperations(() => single(show));
  const file = new File(system, { ops, inode, flags: (flags & ~(O_NOCTTY | O_TRUNC)) | O_LARGEFILE, path: () => path });
  yield* finish(ops.open?.(file, task));
  return file;
}
