/** The forms of `node:fs` with callbacks, made from the synchronous ones. */
import { promisify } from 'node:util';
import { abortError, invalidType, isRefusal } from './errors.ts';

type Callback = (...results: unknown[]) => void;
type Call = (...args: any[]) => unknown;

/** Splits the callback off. @throws TypeError when there is none */
export function splitCallback(args: unknown[]): [args: unknown[], callback: Callback] {
  const at = args.findLastIndex((argument) => typeof argument === 'function');
  if (at < 0) throw invalidType('cb', 'of type function', args.at(-1));
  return [args.slice(0, at), args[at] as Callback];
}

/** The signal that options among the arguments carry. */
export function signalOf(args: readonly unknown[]): AbortSignal | undefined {
  for (const argument of args) {
    if (typeof argument === 'object' && argument !== null && 'signal' in argument) return argument.signal as AbortSignal | undefined;
  }
  return undefined;
}

/**
 * The call is made at once; the callback comes later. Wrong arguments are thrown, as Node does.
 *
 * @param results what the callback is given after the error, from what the call returned: undefined when it failed
 */
function deliver(callback: Callback, call: () => unknown, results: (value: unknown) => unknown[]): void {
  let answer: unknown[];
  try {
    answer = [null, ...results(call())];
  } catch (error) {
    if (isRefusal(error)) throw error;
    answer = [error, ...results(undefined)];
  }
  process.nextTick(() => callback(...answer));
}

/** `stat(path, callback)` from `statSync(path)`. */
export function withCallback(call: Call): Call {
  return (...given) => {
    const [args, callback] = splitCallback(given);
    const signal = signalOf(args);
    const begin = () => {
      if (signal?.aborted) throw abortError(signal);
      return call(...args);
    };
    deliver(callback, begin, (value) => (value === undefined ? [] : [value]));
  };
}

/** `close(fd)`, the one call that needs no callback. */
export function closeWithCallback(closeSync: Call): Call {
  const close = withCallback(closeSync);
  const throwError = (error: unknown) => {
    if (error !== null) throw error;
  };
  return (fd, callback = throwError) => close(fd, callback);
}

/** `exists(path, callback)`, whose callback is not told of errors. */
export function existsWithCallback(existsSync: (path: any) => boolean): Call {
  const exists = (path: unknown, callback: unknown) => {
    if (typeof callback !== 'function') throw invalidType('cb', 'of type function', callback);
    const answer = existsSync(path);
    process.nextTick(() => callback(answer));
  };
  return Object.assign(exists, { [promisify.custom]: async (path: unknown) => existsSync(path) });
}

/** Where in the arguments of read the buffer is: `read(fd, callback)` makes one of its own. */
function readArguments(args: unknown[]): unknown[] {
  const [fd, second, ...rest] = args;
  if (ArrayBuffer.isView(second)) return args;
  const options = (second ?? {}) as { readonly buffer?: NodeJS.ArrayBufferView };
  return [fd, options.buffer ?? Buffer.alloc(16384), options, ...rest];
}

/**
 * Calls whose callback gets the buffer too: `read(fd, buffer, …, (error, bytesRead, buffer) => …)`.
 *
 * @param countName what util.promisify calls the number of bytes
 */
function withBuffer(call: Call, countName: string, bufferName: string, arrange: (args: unknown[]) => unknown[]): Call {
  const form = (...given: unknown[]) => {
    const [some, callback] = splitCallback(given);
    const args = arrange(some);
    deliver(
      callback,
      () => call(...args),
      (count) => [count ?? 0, args[1]],
    );
  };
  const asPromise = async (...some: unknown[]) => {
    const args = arrange(some);
    return { [countName]: call(...args), [bufferName]: args[1] };
  };
  return Object.assign(form, { [promisify.custom]: asPromise });
}

const unchanged = (args: unknown[]) => args;

export const readWithCallback = (call: Call) => withBuffer(call, 'bytesRead', 'buffer', readArguments);
export const writeWithCallback = (call: Call) => withBuffer(call, 'bytesWritten', 'buffer', unchanged);
export const readvWithCallback = (call: Call) => withBuffer(call, 'bytesRead', 'buffers', unchanged);
export const writevWithCallback = (call: Call) => withBuffer(call, 'bytesWritten', 'buffers', unchanged);
