import type { Wait, Wake } from './wait.ts';

/**
 * The one colour of code that may wait: it waits by `yield* wait(queue, condition)` and calls other such code by `yield*`.
 * Code that never waits stays a plain function. There is no promise below the doors.
 */
export type Kernel<T> = Generator<Wait, T, Wake>;

/** What an operation may be: a plain function's result, or the generator of one that may wait. */
export type MaybeKernel<T> = T | Kernel<T>;

/** Whether an operation handed back a generator instead of its result. No result of an operation has a `next` of its own. */
export function isKernel<T>(operation: MaybeKernel<T>): operation is Kernel<T> {
  return typeof operation === 'object' && operation !== null && typeof (operation as Partial<Kernel<T>>).next === 'function';
}

/** Runs either colour from code that may wait: `const n = yield* finish(file.ops.read(...))`. */
export function* finish<T>(operation: MaybeKernel<T>): Kernel<T> {
  return isKernel(operation) ? yield* operation : operation;
}
