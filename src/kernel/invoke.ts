import { Errno, isErrno } from '../abi/index.ts';
import { finish, type Kernel, type MaybeKernel } from './colour.ts';
import type { Task } from './task.ts';

/**
 * ERESTARTSYS of a driver although no signal came, as after a timeout. Linux starts only those calls again that a signal interrupted, so the
 * program finds the number 512 in errno.
 */
export class RawRestart extends Errno {
  constructor(reason: string) {
    super('ERESTARTSYS', reason);
  }
}

/** A call until its end, and the work that came up meanwhile; what becomes of an interrupted one is for others to decide. */
export function* settle<T>(task: Task, answer: MaybeKernel<T>): Kernel<T> {
  try {
    return yield* finish(answer);
  } finally {
    yield* task.system.doDeferred();
    if (task.system.lockdep.held > 0) task.system.lockdep.callEnded();
  }
}

/**
 * A system call from its beginning to the way back to the program: work that came up is done, handlers of signals run, an
 * interrupted call starts again or fails with EINTR as sigaction(2) decided.
 *
 * @param answer of the first `begin()`, which the door has called already
 * @param begin starts the call again from its arguments
 * @throws Errno what the call says, or EINTR; Killed when a signal ended the task
 */
export function* complete<T>(task: Task, answer: MaybeKernel<T>, begin: () => MaybeKernel<T>): Kernel<T> {
  for (let current = answer; ; current = begin()) {
    try {
      const value = yield* settle(task, current);
      task.signals.deliver();
      return value;
    } catch (error) {
      const isInterrupted = task.signals.pending;
      const restart = task.signals.deliver();
      if (error instanceof RawRestart && !isInterrupted) throw error;
      if (isErrno(error, 'ERESTARTNOHAND') || (isErrno(error, 'ERESTARTSYS') && !restart)) throw new Errno('EINTR', error.reason);
      if (!isErrno(error, 'ERESTARTSYS')) throw error;
    }
  }
}
