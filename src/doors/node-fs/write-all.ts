import type { DescriptorCalls } from './descriptor-calls.ts';

type Chunk = string | NodeJS.ArrayBufferView;

const isIterable = (data: unknown): data is Iterable<Chunk> | AsyncIterable<Chunk> =>
  typeof data === 'object' && data !== null && !ArrayBuffer.isView(data) && (Symbol.asyncIterator in data || Symbol.iterator in data);

/** writeFile of the promise form: what is written may also come piece by piece, from an iterable or a stream. */
export async function writeAll(calls: DescriptorCalls, file: any, data: unknown, options: any): Promise<void> {
  if (!isIterable(data)) {
    calls.writeFileSync(file, data as string, options);
    return;
  }
  const given = typeof options === 'string' ? { encoding: options } : options;
  const isOwn = typeof file !== 'number';
  const fd = isOwn ? calls.openSync(file, given?.flag ?? 'w', given?.mode ?? 0o666) : file;
  try {
    for await (const chunk of data) calls.writeFileSync(fd, chunk, given);
  } finally {
    if (isOwn) calls.closeSync(fd);
  }
}
