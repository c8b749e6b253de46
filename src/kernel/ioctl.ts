import { type AnyRequest, type EncodableStruct, Errno, type Layout, Struct } from '../abi/index.ts';
import { isKernel, type Kernel, type MaybeKernel } from './colour.ts';
import type { File } from './file.ts';
import type { Task } from './task.ts';
import { copyFromUser, copyStructToUser, copyToUser } from './user-memory.ts';

/** Handles one request. The argument is the kernel's own copy, read once. */
export type IoctlHandler<P, R extends AnyRequest> = (file: File<P>, argument: R['decoded'], task: Task) => MaybeKernel<R['answer']>;

/** Handles one request and does its own copying. @param address the third argument of ioctl(2) */
export type RawIoctlHandler<P> = (file: File<P>, address: number, task: Task) => MaybeKernel<number | void>;

type Run = (file: File, argument: number, task: Task) => MaybeKernel<number>;

/** One request with what serves it: made by {@link on} or {@link onRaw}. */
export interface IoctlEntry<P = any> {
  readonly request: AnyRequest;
  readonly run: (file: File<P>, argument: number, task: Task) => MaybeKernel<number>;
}

/** The file operations that a table of requests makes. */
export interface IoctlOperations<P> {
  readonly ioctl: (file: File<P>, request: number, argument: number, task: Task) => MaybeKernel<number>;
  readonly requests: readonly AnyRequest[];
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function* resultOf(answer: Kernel<number | void>): Kernel<number> {
  return (yield* answer) ?? 0;
}

const settle = (answer: MaybeKernel<number | void>): MaybeKernel<number> => (isKernel(answer) ? resultOf(answer) : (answer ?? 0));

/** Shape `in`: copy in, decode, call. Stays a plain call when the bytes are at hand and the handler does not wait. */
function runIn<T>(layout: Layout<T, any>, handler: (file: File, argument: T, task: Task) => MaybeKernel<number | void>): Run {
  function* slow(file: File, address: number, task: Task): Kernel<number> {
    const bytes = yield* copyFromUser(task.memory, address, layout.size);
    const answer = handler(file, layout.decode(viewOf(bytes), 0), task);
    return isKernel(answer) ? yield* resultOf(answer) : (answer ?? 0);
  }
  return (file, address, task) => {
    const at = task.memory.readable(address, layout.size);
    if (at < 0 || task.memory.watch?.isOn === true) return slow(file, address, task);
    return settle(handler(file, layout.decode(task.memory.view, at), task));
  };
}

/** Shape `out`: call, encode, copy out. */
function runOut<T>(layout: Layout<T, any>, handler: (file: File, argument: undefined, task: Task) => MaybeKernel<T>): Run {
  return function* (file, address, task) {
    const answer = handler(file, undefined, task);
    yield* copyStructToUser(task.memory, layout, address, isKernel(answer) ? yield* answer : answer);
    return 0;
  };
}

/**
 * Shape `inout`: copy in, decode, call; then the fields that the handler gives are written over the bytes that came, and all of
 * them go back. A handler that throws sends nothing back.
 */
function runInOut<T, I>(layout: Layout<T, I>, handler: (file: File, argument: T, task: Task) => MaybeKernel<I | void>): Run {
  return function* (file, address, task) {
    const bytes = (yield* copyFromUser(task.memory, address, layout.size)).slice();
    const view = viewOf(bytes);
    const answer = handler(file, layout.decode(view, 0), task);
    const fields = isKernel(answer) ? yield* answer : answer;
    if (fields !== undefined) {
      if (layout instanceof Struct) layout.assign(view, 0, fields as EncodableStruct<any>);
      else layout.encode(view, 0, fields as I);
    }
    yield* copyToUser(task.memory, address, bytes);
    return 0;
  };
}

/** Serves a request: size, copying in and out, and decoding follow from its type; the handler sees values. */
export function on<R extends AnyRequest, P = any>(request: R, handler: IoctlHandler<P, R>): IoctlEntry<P> {
  const layout = request.layout as Layout<any, any>;
  switch (request.shape) {
    case 'none':
      return { request, run: (file, _argument, task) => settle(handler(file, undefined, task)) };
    case 'value':
      return { request, run: (file, argument, task) => settle(handler(file, argument, task)) };
    case 'in':
      return { request, run: runIn(layout, handler) };
    case 'out':
      return { request, run: runOut(layout, handler) };
    case 'inout':
      return { request, run: runInOut(layout, handler) };
    case 'string':
      throw new TypeError(`${request.name} takes a string: serve it by onRaw, which can say how long it may be`);
  }
}

/** Serves a request whose copying has an order of its own. */
export function onRaw<P = any>(request: AnyRequest, handler: RawIoctlHandler<P>): IoctlEntry<P> {
  return { request, run: (file, argument, task) => settle(handler(file, argument, task)) };
}

/** A driver's requests as file operations. What is not among them is ENOTTY. Numbers must match exactly, size and direction too. */
export function ioctls<P = any>(...entries: IoctlEntry<P>[]): IoctlOperations<P> {
  // Keyed by the number as a signed integer: those are the ones that need no allocation.
  const table = new Map<number, IoctlEntry<P>['run']>();
  for (const { request, run } of entries) {
    if (table.has(request.number | 0)) throw new TypeError(`${request.name} is served twice`);
    table.set(request.number | 0, run);
  }
  return {
    requests: entries.map((entry) => entry.request),
    ioctl(file, request, argument, task) {
      const run = table.get(request | 0);
      if (run === undefined) throw new Errno('ENOTTY', 'the file does not know this request');
      return run(file, argument, task);
    },
  };
}
