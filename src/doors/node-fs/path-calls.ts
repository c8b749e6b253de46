import type * as fs from 'node:fs';
import { join, relative } from 'node:path';
import { Errno, type ErrnoName, isErrno } from '../../abi/index.ts';
import { AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_WRONLY, S_IFDIR, S_IFMT } from '../../abi/uapi/index.ts';
import type { DirectoryEntry, Stat } from '../../kernel/index.ts';
import type { Sys } from '../in-process/index.ts';
import { encoded, integerOf, modeOf, optionsOf, pathOf, timeOf } from './arguments.ts';
import type { DescriptorCalls } from './descriptor-calls.ts';
import { codeOf, invalidType, request } from './errors.ts';
import { hostFs } from './host.ts';
import { BigIntStats, Dirent, Stats } from './stats.ts';

/** Functions of `node:fs` that make one call on a path, or a few. */
export type PathCalls = Pick<
  typeof fs,
  | 'accessSync'
  | 'existsSync'
  | 'statSync'
  | 'lstatSync'
  | 'mkdirSync'
  | 'mkdtempSync'
  | 'readdirSync'
  | 'unlinkSync'
  | 'renameSync'
  | 'linkSync'
  | 'symlinkSync'
  | 'readlinkSync'
  | 'chmodSync'
  | 'chownSync'
  | 'lchownSync'
  | 'utimesSync'
  | 'lutimesSync'
  | 'truncateSync'
  | 'copyFileSync'
>;

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = hostFs.constants;
/** -1 leaves an id alone. */
const ID_MAX = 2 ** 32 - 1;
/** What mkdtemp puts in place of its six X, one after the other. */
const SUFFIX_DIGITS = 36;
const SUFFIX_LENGTH = 6;
const COPY_CHUNK = 2 ** 20;
/** Why no folder on a path can be made; with other errors it may be there already. */
const GIVE_UP = new Set<ErrnoName>(['EACCES', 'ENOSPC', 'ENOTDIR', 'EPERM']);

interface StatOptions {
  readonly bigint?: boolean | undefined;
  readonly throwIfNoEntry?: boolean | undefined;
}

const isFolder = (mode: number) => (mode & S_IFMT) === S_IFDIR;
const ids = (uid: unknown, gid: unknown) => [integerOf(uid, 'uid', -1, ID_MAX), integerOf(gid, 'gid', -1, ID_MAX)] as const;

export function pathCalls(sys: Sys<'sync'>, descriptors: DescriptorCalls): PathCalls {
  let suffixes = 0;

  const statCall =
    (syscall: 'stat' | 'lstat') =>
    (path: unknown, options?: StatOptions): any => {
      const name = pathOf(path);
      let stat: Stat;
      try {
        stat = request(syscall, name, undefined, () => sys[syscall](name));
      } catch (error) {
        if (options?.throwIfNoEntry === false && codeOf(error) === 'ENOENT') return undefined;
        throw error;
      }
      return options?.bigint ? new BigIntStats(stat) : new Stats(stat);
    };
  const statSync = statCall('stat');

  /** Names in a folder as libuv sorts them, without `.` and `..`. */
  const scan = (path: string): DirectoryEntry[] =>
    request('scandir', path, undefined, () => {
      const fd = sys.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      try {
        const entries = sys.getdents(fd).filter(({ name }) => name !== '.' && name !== '..');
        return entries.sort((one, other) => Buffer.compare(Buffer.from(one.name), Buffer.from(other.name)));
      } finally {
        sys.close(fd);
      }
    });

  const leadsToFolder = (path: string): boolean => {
    try {
      return isFolder(sys.stat(path).mode);
    } catch (error) {
      if (isErrno(error)) return false;
      throw error;
    }
  };

  /** As {@link scan}, with everything below, folder by folder. */
  function* scanAll(top: string, followSymlinks: boolean): Iterable<{ readonly folder: string; readonly entry: DirectoryEntry }> {
    const folders = [top];
    for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
      for (const entry of scan(folder)) {
        yield { folder, entry };
        const path = join(folder, entry.name);
        if (entry.type === S_IFDIR || (followSymlinks && leadsToFolder(path))) folders.push(path);
      }
    }
  }

  /** MKDirpSync of src/node_file.cc. @returns the first folder that was made @throws Errno */
  const makeFolders = (path: string, mode: number): string | undefined => {
    const pending = [path];
    let first: string | undefined;
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      try {
        sys.mkdir(next, mode);
        first ??= next;
      } catch (error) {
        if (!isErrno(error) || GIVE_UP.has(error.code)) throw error;
        const slash = next.lastIndexOf('/');
        if (error.code === 'ENOENT' && slash >= 0) pending.push(next, next.slice(0, slash));
        else if (!isFolder(sys.stat(next).mode)) throw new Errno(pending.length > 0 ? 'ENOTDIR' : 'EEXIST');
      }
    }
    return first;
  };

  /** uv__fs_copyfile: what goes wrong once the copy is open takes the copy away. */
  const copy = (from: string, to: string, mode: number): void => {
    const source = sys.open(from, O_RDONLY | O_CLOEXEC);
    try {
      const stat = sys.fstat(source);
      const flags = O_WRONLY | O_CREAT | O_CLOEXEC | ((mode & COPYFILE_EXCL) !== 0 ? O_EXCL : 0);
      const target = sys.open(to, flags, stat.mode & 0o7777);
      try {
        const { dev, ino } = sys.fstat(target);
        if (dev === stat.dev && ino === stat.ino) return;
        sys.ftruncate(target, 0);
        sys.fchmod(target, stat.mode & 0o7777);
        if ((mode & COPYFILE_FICLONE_FORCE) !== 0) throw new Errno('EOPNOTSUPP', 'the file system cannot share blocks');
        for (let bytes = sys.read(source, COPY_CHUNK); bytes.length > 0; bytes = sys.read(source, COPY_CHUNK)) sys.write(target, bytes);
      } catch (error) {
        sys.unlink(to);
        throw error;
      } finally {
        sys.close(target);
      }
    } finally {
      sys.close(source);
    }
  };

  return {
    accessSync(path: unknown, mode?: unknown): void {
      const name = pathOf(path);
      const mask = integerOf(mode ?? 0, 'mode', 0, 7);
      request('access', name, undefined, () => sys.access(name, mask));
    },

    existsSync(path: unknown): boolean {
      try {
        const name = pathOf(path);
        request('access', name, undefined, () => sys.access(name));
        return true;
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        return false;
      }
    },

    statSync,
    lstatSync: statCall('lstat'),

    mkdirSync(path: unknown, options?: any): any {
      const mode = typeof options === 'object' ? options?.mode : options;
      const recursive = typeof options === 'object' ? (options?.recursive ?? false) : false;
      const name = pathOf(path);
      if (typeof recursive !== 'boolean') throw invalidType('options.recursive', 'of type boolean', recursive);
      const permissions = modeOf(mode, 0o777);
      if (recursive) return request('mkdir', name, undefined, () => makeFolders(name, permissions));
      request('mkdir', name, undefined, () => sys.mkdir(name, permissions));
      return undefined;
    },

    mkdtempSync(prefix: unknown, given?: unknown): any {
      const { encoding } = optionsOf<{ encoding?: unknown }>(given, {});
      const name = pathOf(prefix, 'prefix');
      for (;;) {
        const path = name + (suffixes++).toString(SUFFIX_DIGITS).padStart(SUFFIX_LENGTH, '0');
        try {
          request('mkdtemp', `${name}XXXXXX`, undefined, () => sys.mkdir(path, 0o700));
          return encoded(path, encoding);
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error;
        }
      }
    },

    readdirSync(path: unknown, given?: unknown): any {
      const options = optionsOf<{ encoding?: unknown; withFileTypes?: boolean; recursive?: boolean }>(given, {});
      const { encoding } = options;
      const top = pathOf(path);
      // Node follows symlinks to folders, but not when it is asked for types.
      const found = options.recursive ? [...scanAll(top, !options.withFileTypes)] : scan(top).map((entry) => ({ folder: top, entry }));
      if (options.withFileTypes) return found.map(({ folder, entry }) => new Dirent(encoded(entry.name, encoding), folder, entry.type));
      return found.map(({ folder, entry }) => encoded(folder === top ? entry.name : join(relative(top, folder), entry.name), encoding));
    },

    unlinkSync(path: unknown): void {
      const name = pathOf(path);
      request('unlink', name, undefined, () => sys.unlink(name));
    },

    renameSync(from: unknown, to: unknown): void {
      const [source, target] = [pathOf(from, 'oldPath'), pathOf(to, 'newPath')];
      request('rename', source, target, () => sys.rename(source, target));
    },

    linkSync(from: unknown, to: unknown): void {
      const [source, target] = [pathOf(from, 'existingPath'), pathOf(to, 'newPath')];
      request('link', source, target, () => sys.link(source, target));
    },

    symlinkSync(target: unknown, path: unknown): void {
      const [text, name] = [pathOf(target, 'target'), pathOf(path)];
      request('symlink', text, name, () => sys.symlink(text, name));
    },

    readlinkSync(path: unknown, given?: unknown): any {
      const { encoding } = optionsOf<{ encoding?: unknown }>(given, {});
      const name = pathOf(path, 'oldPath');
      return encoded(
        request('readlink', name, undefined, () => sys.readlink(name)),
        encoding,
      );
    },

    chmodSync(path: unknown, mode: unknown): void {
      const name = pathOf(path);
      const permissions = modeOf(mode);
      request('chmod', name, undefined, () => sys.chmod(name, permissions));
    },

    chownSync(path: unknown, uid: unknown, gid: unknown): void {
      const name = pathOf(path);
      const [user, group] = ids(uid, gid);
      request('chown', name, undefined, () => sys.chown(name, user, group));
    },

    lchownSync(path: unknown, uid: unknown, gid: unknown): void {
      const name = pathOf(path);
      const [user, group] = ids(uid, gid);
      request('lchown', name, undefined, () => sys.lchown(name, user, group));
    },

    utimesSync(path: unknown, atime: unknown, mtime: unknown): void {
      const name = pathOf(path);
      const [accessed, modified] = [timeOf(atime), timeOf(mtime)];
      request('utime', name, undefined, () => sys.utimens(name, accessed, modified));
    },

    lutimesSync(path: unknown, atime: unknown, mtime: unknown): void {
      const name = pathOf(path);
      const [accessed, modified] = [timeOf(atime), timeOf(mtime)];
      request('lutime', name, undefined, () => sys.utimens(name, accessed, modified, AT_SYMLINK_NOFOLLOW));
    },

    truncateSync(path: any, length?: number | null): void {
      const fd = descriptors.openSync(path, 'r+');
      try {
        descriptors.ftruncateSync(fd, length ?? 0);
      } finally {
        descriptors.closeSync(fd);
      }
    },

    copyFileSync(from: unknown, to: unknown, mode?: unknown): void {
      const [source, target] = [pathOf(from, 'src'), pathOf(to, 'dest')];
      const flags = integerOf(mode ?? 0, 'mode', 0, 7);
      request('copyfile', source, target, () => copy(source, target, flags));
    },
  };
}
