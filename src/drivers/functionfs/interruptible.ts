/** Waits that a signal ends with EINTR for good: f_fs.c does not let its calls begin again. */
import { Errno, isErrno } from '../../abi/index.ts';
import { O_NONBLOCK } from '../../abi/uapi/index.ts';
import { type File, type Kernel, type Mutex, type WaitQueue, wait } from '../../kernel/index.ts';

export const isNonblocking = (file: File): boolean => (file.flags & O_NONBLOCK) !== 0;

function notRestarted(error: unknown): unknown {
  return isErrno(error, 'ERESTARTSYS') ? new Errno('EINTR', error.reason) : error;
}

/** wait_event_interruptible. @throws Errno EINTR */
export function* waitOrIntr(queue: WaitQueue, condition: () => boolean): Kernel<void> {
  try {
    yield* wait(queue, condition);
  } catch (error) {
    throw notRestarted(error);
  }
}

/** ffs_mutex_lock. @throws Errno EAGAIN when it is taken and the file must not wait; EINTR */
export function* lockOrAgain(file: File, mutex: Mutex): Kernel<void> {
  if (mutex.tryLock()) return;
  if (isNonblocking(file)) throw new Errno('EAGAIN', 'another call is under way');
  try {
    yield* mutex.lock({ mode: 'interruptible' });
  } catch (error) {
    throw notRestarted(error);
  }
}
