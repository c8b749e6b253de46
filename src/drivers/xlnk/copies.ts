import { Errno, isErrno } from '../../abi/index.ts';
import { copyFromUser, copyToUser, type Kernel, type Task } from '../../kernel/index.ts';

/** KMALLOC_MAX_SIZE of 6.12, in bytes: no list is longer. */
const KMALLOC_MAX = 4 * 2 ** 20;

/** @throws Errno EFAULT */
export function* copyOutNumbers(task: Task, address: number, values: readonly number[]): Kernel<void> {
  yield* copyToUser(task.memory, address, new Uint8Array(Uint32Array.from(values).buffer));
}

/** An int or unsigned int. @throws Errno EFAULT */
export function* copyOutNumber(task: Task, address: number, value: number): Kernel<void> {
  yield* copyOutNumbers(task, address, [value]);
}

/** @throws Errno EFAULT, also for more than there is memory for */
export function* copyInNumbers(task: Task, address: number, count: number): Kernel<number[]> {
  if (count * 4 > KMALLOC_MAX) throw new Errno('EFAULT', `${count} numbers have no place`);
  const bytes = yield* copyFromUser(task.memory, address, count * 4);
  return [...new Uint32Array(bytes.slice().buffer)];
}

/** get_user of an unsigned int. @returns undefined when it cannot be read */
export function* copyInNumber(task: Task, address: number): Kernel<number | undefined> {
  try {
    return (yield* copyInNumbers(task, address, 1))[0];
  } catch (error) {
    if (!isErrno(error, 'EFAULT')) throw error;
    return undefined;
  }
}

/** Up to the first NUL, of the bytes that count. @throws Errno EFAULT */
export function* copyInText(task: Task, address: number, length: number): Kernel<string> {
  const bytes = yield* copyFromUser(task.memory, address, length);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? length : end));
}
