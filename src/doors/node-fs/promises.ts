/** `node:fs/promises`, made from the synchronous calls. */
import type * as fs from 'node:fs';
import { pathOf } from './arguments.ts';
import { signalOf } from './callbacks.ts';
import { constants } from './constants.ts';
import { copyAwaiting, TreeCopy } from './copy-tree.ts';
import { Dir } from './directory.ts';
import { abortError } from './errors.ts';
import { FileHandle, type HandleCalls } from './file-handle.ts';
import type { PathCalls } from './path-calls.ts';
import type { TreeCalls } from './tree-calls.ts';
import { writeAll } from './write-all.ts';

/** Promise forms that follow from the synchronous ones without more ado. */
const DERIVED = [
  'access',
  'chmod',
  'chown',
  'copyFile',
  'lchown',
  'link',
  'lstat',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
] as const;

const OWN = ['open', 'opendir', 'cp', 'readFile', 'writeFile', 'appendFile', 'constants'] as const;

export type PromiseCalls = Pick<typeof fs.promises, (typeof DERIVED)[number] | (typeof OWN)[number]>;

export function promiseCalls(calls: HandleCalls & PathCalls & TreeCalls, getcwd: () => string): PromiseCalls {
  const derived = Object.fromEntries(
    DERIVED.map((name) => [name, async (...args: unknown[]) => (calls[`${name}Sync`] as (...args: unknown[]) => unknown)(...args)]),
  ) as Pick<PromiseCalls, (typeof DERIVED)[number]>;

  const refuseAborted = (options: unknown) => {
    const signal = signalOf([options]);
    if (signal?.aborted) throw abortError(signal);
  };
  const writeFile = async (file: unknown, data: unknown, options?: any) => {
    refuseAborted(options);
    if (file instanceof FileHandle) await file.writeFile(data, options);
    else await writeAll(calls, file, data, options);
  };

  const own = {
    async open(path: fs.PathLike, flags?: fs.OpenMode, mode?: fs.Mode) {
      return new FileHandle(calls, calls.openSync(path, flags ?? 'r', mode));
    },
    async opendir(path: fs.PathLike, options?: fs.OpenDirOptions) {
      return Dir.open(calls, pathOf(path), options?.encoding ?? undefined);
    },
    async cp(from: unknown, to: unknown, options?: any) {
      await copyAwaiting(new TreeCopy(calls, getcwd(), options).run(from, to));
    },
    async readFile(file: unknown, options?: any) {
      refuseAborted(options);
      return file instanceof FileHandle ? await file.readFile(options) : calls.readFileSync(file as fs.PathLike, options);
    },
    writeFile,
    async appendFile(file: unknown, data: unknown, options?: any) {
      const given = typeof options === 'string' ? { encoding: options } : options;
      await writeFile(file, data, { ...given, flag: given?.flag ?? 'a' });
    },
    constants,
  };
  return { ...derived, ...(own as unknown as Pick<PromiseCalls, (typeof OWN)[number]>) };
}
