import type * as fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Sys } from '../in-process/index.ts';
import { encoded, optionsOf, pathOf } from './arguments.ts';
import { codeOf, request, systemError } from './errors.ts';
import type { PathCalls } from './path-calls.ts';

/** Functions of `node:fs` that walk paths or whole folders themselves. */
export type TreeCalls = Pick<typeof fs, 'rmSync' | 'rmdirSync' | 'realpathSync'>;

/** Why rmdir may fail although what is in the folder can be removed. */
const HAS_NAMES = new Set<unknown>(['ENOTEMPTY', 'EEXIST', 'EPERM']);

export function treeCalls(sys: Sys<'sync'>, paths: PathCalls): TreeCalls {
  const removeFolder = (path: string) => request('rmdir', path, undefined, () => sys.rmdir(path));

  const remove = (path: string): void => {
    const stat = paths.lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) {
      paths.unlinkSync(path);
      return;
    }
    try {
      removeFolder(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      if (!HAS_NAMES.has(codeOf(error))) throw error;
      for (const name of paths.readdirSync(path)) remove(join(path, name));
      removeFolder(path);
    }
  };

  const rmSync = (given: unknown, options?: fs.RmOptions): void => {
    const path = pathOf(given);
    const stat = paths.lstatSync(path, { throwIfNoEntry: options?.force !== true });
    if (stat?.isDirectory() && options?.recursive !== true) {
      throw systemError('ERR_FS_EISDIR', 'EISDIR', 'rm', path, 'Path is a directory', 'is a directory');
    }
    remove(path);
  };

  /** Every symlink on the way replaced by what it leads to. */
  const resolveLinks = (path: string): string => {
    // What is left to walk, the next name last.
    const rest = path.split('/').reverse();
    let at = '/';
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at = dirname(at);
        continue;
      }
      const next = join(at, name);
      if (!paths.lstatSync(next).isSymbolicLink()) {
        at = next;
        continue;
      }
      // As Node does: a symlink that leads nowhere, or to itself, is an error of this call.
      paths.statSync(next);
      const target = paths.readlinkSync(next);
      if (target.startsWith('/')) at = '/';
      rest.push(...target.split('/').reverse());
    }
    return at;
  };

  const realpathSync = (given: unknown, options?: unknown): any => {
    const { encoding } = optionsOf<{ encoding?: unknown }>(options, {});
    return encoded(resolveLinks(resolve(sys.getcwd(), pathOf(given))), encoding);
  };
  /** realpath(3): errors are of the whole. */
  const native = (given: unknown, options?: unknown): any => {
    const { encoding } = optionsOf<{ encoding?: unknown }>(options, {});
    const path = pathOf(given);
    request('realpath', path, undefined, () => sys.stat(path));
    return encoded(resolveLinks(path.startsWith('/') ? path : `${sys.getcwd()}/${path}`), encoding);
  };

  return {
    rmSync,

    rmdirSync(given: unknown, options?: fs.RmDirOptions): void {
      const path = pathOf(given);
      if (options?.recursive && paths.lstatSync(path).isDirectory()) remove(path);
      else removeFolder(path);
    },

    realpathSync: Object.assign(realpathSync, { native }),
  };
}
