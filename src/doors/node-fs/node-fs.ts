import type * as fs from 'node:fs';
import type { Sys } from '../in-process/index.ts';
import { optionsOf, pathOf } from './arguments.ts';
import {
  closeWithCallback,
  existsWithCallback,
  readvWithCallback,
  readWithCallback,
  splitCallback,
  withCallback,
  writevWithCallback,
  writeWithCallback,
} from './callbacks.ts';
import { constants } from './constants.ts';
import { copyAwaiting, copyNow, TreeCopy } from './copy-tree.ts';
import { type DescriptorCalls, descriptorCalls } from './descriptor-calls.ts';
import { Dir } from './directory.ts';
import { hostFs } from './host.ts';
import { type PathCalls, pathCalls } from './path-calls.ts';
import { type PromiseCalls, promiseCalls } from './promises.ts';
import { Dirent, Stats } from './stats.ts';
import { type StreamCalls, type Streams, streams } from './streams.ts';
import { type TreeCalls, treeCalls } from './tree-calls.ts';

type SyncCalls = DescriptorCalls & PathCalls & TreeCalls & Pick<typeof fs, 'cpSync' | 'opendirSync'>;

/** `stat` of `statSync`. */
type WithoutSync<Name> = Name extends `${infer Base}Sync` ? Base : never;
type CallbackCalls = Pick<typeof fs, WithoutSync<keyof SyncCalls> & keyof typeof fs>;

/** What there is of `node:fs`, with Node's own types. */
export type NodeFs = SyncCalls &
  CallbackCalls &
  Streams &
  Pick<typeof fs, 'constants' | 'Stats' | 'Dirent' | 'Dir' | 'ReadStream' | 'WriteStream'> & {
    readonly promises: PromiseCalls;
    readonly F_OK: number;
    readonly R_OK: number;
    readonly W_OK: number;
    readonly X_OK: number;
  };

/** Forms with callbacks that are not like all others. */
const SPECIAL: Readonly<Record<string, (call: any) => unknown>> = {
  close: closeWithCallback,
  exists: existsWithCallback,
  read: readWithCallback,
  write: writeWithCallback,
  readv: readvWithCallback,
  writev: writevWithCallback,
};

function callbackCalls(sync: SyncCalls, getcwd: () => string): CallbackCalls {
  const forms = Object.entries(sync).map(([name, call]) => {
    const base = name.slice(0, -'Sync'.length);
    return [base, (SPECIAL[base] ?? withCallback)(call)];
  });
  const realpath = Object.assign(withCallback(sync.realpathSync), { native: withCallback(sync.realpathSync.native) });
  // A filter may answer by a promise here.
  const cp = (...given: unknown[]) => {
    const [[from, to, options], callback] = splitCallback(given);
    copyAwaiting(new TreeCopy(sync, getcwd(), options as fs.CopyOptions | undefined).run(from, to)).then(
      () => callback(null),
      (error) => callback(error),
    );
  };
  return { ...Object.fromEntries(forms), realpath, cp };
}

/**
 * A file system in the shape of `node:fs` whose files are a machine's.
 *
 * Every form makes its call at once: those with callbacks and promises only tell the result later. A call that waits runs the
 * machine until it ends. For `vi.mock('node:fs', …)` give back `{ ...nodeFs, default: nodeFs }`, for `node:fs/promises` the same
 * of `nodeFs.promises`.
 *
 * @param sys calls of the task whose files they are: its credentials, working directory and umask count
 */
export function createNodeFs(sys: Sys<'sync'>): NodeFs {
  const getcwd = () => sys.getcwd();
  const descriptors = descriptorCalls(sys);
  const paths = pathCalls(sys, descriptors);
  const sync: SyncCalls = {
    ...descriptors,
    ...paths,
    ...treeCalls(sys, paths),
    cpSync: (from, to, options) => copyNow(new TreeCopy(paths, getcwd(), options).run(from, to)),
    opendirSync: (path, given) => {
      const { encoding } = optionsOf<{ encoding?: BufferEncoding }>(given, {});
      return Dir.open(paths, pathOf(path), encoding) as unknown as fs.Dir;
    },
  };
  const callbacks = callbackCalls(sync, getcwd);
  const streamCalls: StreamCalls = callbacks;
  return {
    ...sync,
    ...callbacks,
    ...streams(streamCalls),
    promises: promiseCalls({ ...sync, ...streamCalls }, getcwd),
    constants,
    Stats: Stats as unknown as typeof fs.Stats,
    Dirent: Dirent as unknown as typeof fs.Dirent,
    Dir: Dir as unknown as typeof fs.Dir,
    ReadStream: hostFs.ReadStream,
    WriteStream: hostFs.WriteStream,
    F_OK: constants.F_OK,
    R_OK: constants.R_OK,
    W_OK: constants.W_OK,
    X_OK: constants.X_OK,
  };
}
