import type * as fs from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { ErrnoName } from '../../abi/index.ts';
import { integerOf, pathOf } from './arguments.ts';
import { systemError } from './errors.ts';
import { hostFs } from './host.ts';
import type { PathCalls } from './path-calls.ts';

type Options = Omit<fs.CopySyncOptions, 'filter'> & { readonly filter?: ((source: string, target: string) => unknown) | undefined };

/** Copying in steps: it hands out what the filter answers, which may be a promise, and is given what that comes to. */
export type Copying = Generator<unknown, void, unknown>;

const { COPYFILE_EXCL } = hostFs.constants;

const refusal = (code: string, name: ErrnoName, path: string, what: string, why: string) => systemError(code, name, 'cp', path, what, why);

/** cp of `node:fs` for regular files, folders and symlinks: lib/internal/fs/cp/cp-sync.js. */
export class TreeCopy {
  readonly #calls: PathCalls;
  /** Of the machine's task: paths may be relative. */
  readonly #cwd: string;
  readonly #options: Options;
  readonly #mode: number;

  constructor(calls: PathCalls, cwd: string, options: Options = {}) {
    this.#calls = calls;
    this.#cwd = cwd;
    this.#options = options;
    this.#mode = integerOf(options.mode ?? 0, 'mode', 0, 7);
  }

  *run(from: unknown, to: unknown): Copying {
    const [source, target] = [pathOf(from, 'src'), pathOf(to, 'dest')];
    this.#check(source, target);
    if (!(yield* this.#isWanted(source, target))) return;
    const parent = dirname(target);
    if (!this.#calls.existsSync(parent)) this.#calls.mkdirSync(parent, { recursive: true });
    yield* this.#copy(source, target);
  }

  *#isWanted(source: string, target: string): Generator<unknown, boolean, unknown> {
    const { filter } = this.#options;
    return filter === undefined || Boolean(yield filter(source, target));
  }

  #statOf(path: string): fs.Stats {
    return this.#options.dereference ? this.#calls.statSync(path) : this.#calls.lstatSync(path);
  }

  #statOfTarget(path: string): fs.Stats | undefined {
    const options = { throwIfNoEntry: false } as const;
    return this.#options.dereference ? this.#calls.statSync(path, options) : this.#calls.lstatSync(path, options);
  }

  /** Refuses what would destroy something or never end. */
  #check(source: string, target: string): void {
    const stat = this.#statOf(source);
    const before = this.#statOfTarget(target);
    if (before !== undefined && before.ino === stat.ino && before.dev === stat.dev) {
      throw refusal('ERR_FS_CP_EINVAL', 'EINVAL', target, 'Invalid src or dest', 'src and dest cannot be the same');
    }
    if (before !== undefined && stat.isDirectory() && !before.isDirectory()) {
      const why = `cannot overwrite non-directory ${target} with directory ${source}`;
      throw refusal('ERR_FS_CP_DIR_TO_NON_DIR', 'EISDIR', target, 'Cannot overwrite non-directory with directory', why);
    }
    if (before?.isDirectory() && !stat.isDirectory()) {
      const why = `cannot overwrite directory ${target} with non-directory ${source}`;
      throw refusal('ERR_FS_CP_NON_DIR_TO_DIR', 'ENOTDIR', target, 'Cannot overwrite directory with non-directory', why);
    }
    if (stat.isDirectory() && resolve(this.#cwd, target).startsWith(`${resolve(this.#cwd, source)}/`)) {
      const why = `cannot copy ${source} to a subdirectory of self ${target}`;
      throw refusal('ERR_FS_CP_EINVAL', 'EINVAL', target, 'Invalid src or dest', why);
    }
  }

  *#copy(source: string, target: string): Copying {
    const stat = this.#statOf(source);
    const before = this.#statOfTarget(target);
    if (stat.isDirectory()) yield* this.#copyFolder(source, target, stat, before);
    else if (stat.isSymbolicLink()) this.#copyLink(source, target, before);
    else this.#copyFile(source, target, stat, before);
  }

  *#copyFolder(source: string, target: string, stat: fs.Stats, before: fs.Stats | undefined): Copying {
    if (!this.#options.recursive) {
      const why = `${source} is a directory (not copied)`;
      throw refusal('ERR_FS_EISDIR', 'EISDIR', source, 'Recursive option not enabled, cannot copy a directory', why);
    }
    if (before === undefined) this.#calls.mkdirSync(target);
    for (const name of this.#calls.readdirSync(source)) {
      const [child, copy] = [join(source, name), join(target, name)];
      if (!(yield* this.#isWanted(child, copy))) continue;
      this.#check(child, copy);
      yield* this.#copy(child, copy);
    }
    if (before === undefined) this.#calls.chmodSync(target, stat.mode & 0o7777);
  }

  #copyFile(source: string, target: string, stat: fs.Stats, before: fs.Stats | undefined): void {
    const { errorOnExist = false, force = true, preserveTimestamps = false } = this.#options;
    if (before !== undefined && !force) {
      if (errorOnExist) throw refusal('ERR_FS_CP_EEXIST', 'EEXIST', target, 'Target already exists', `${target} already exists`);
      return;
    }
    if (before !== undefined) this.#calls.unlinkSync(target);
    this.#calls.copyFileSync(source, target, this.#mode & ~COPYFILE_EXCL);
    if (preserveTimestamps) this.#calls.utimesSync(target, stat.atime, stat.mtime);
  }

  #copyLink(source: string, target: string, before: fs.Stats | undefined): void {
    const text = this.#calls.readlinkSync(source);
    const leads = this.#options.verbatimSymlinks || isAbsolute(text) ? text : resolve(this.#cwd, dirname(source), text);
    if (before?.isSymbolicLink()) this.#calls.unlinkSync(target);
    this.#calls.symlinkSync(leads, target);
  }
}

/** Copies to the end. */
export function copyNow(copying: Copying): void {
  for (let step = copying.next(); !step.done; ) step = copying.next(step.value);
}

/** The same with filters that may answer by a promise. */
export async function copyAwaiting(copying: Copying): Promise<void> {
  for (let step = copying.next(); !step.done; ) step = copying.next(await step.value);
}
