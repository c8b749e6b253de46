import type * as fs from 'node:fs';
import { hostFs } from './host.ts';

/** What Node's own streams need of a file system. */
export type StreamCalls = Pick<typeof fs, 'open' | 'close' | 'read' | 'write' | 'writev' | 'fsync'>;

export type Streams = Pick<typeof fs, 'createReadStream' | 'createWriteStream'>;

const optionsOf = (options: unknown) => (typeof options === 'string' ? { encoding: options } : (options as object | undefined));

/** Node's streams over other calls. */
export function streams(calls: StreamCalls): Streams {
  return {
    createReadStream: (path: fs.PathLike, options?: unknown) =>
      hostFs.createReadStream(path, { ...optionsOf(options), fs: calls } as never),
    createWriteStream: (path: fs.PathLike, options?: unknown) =>
      hostFs.createWriteStream(path, { ...optionsOf(options), fs: calls } as never),
  };
}
