import { Errno } from '../../abi/index.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE } from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import { createEventfd } from '../eventfd.ts';
import type { Task } from '../task.ts';

/** eventfd2(2). @param count 32 bits to begin with @throws Errno EINVAL for unknown flags; EMFILE */
export function* eventfd2(task: Task, count: number, flags: number): Kernel<number> {
  if ((flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK)) !== 0) throw new Errno('EINVAL', 'unknown flags');
  const fd = yield* task.files.reserve((flags & EFD_CLOEXEC) !== 0);
  const isSemaphore = (flags & EFD_SEMAPHORE) !== 0;
  yield* task.files.fill(fd, createEventfd(task.system, count >>> 0, isSemaphore, (flags & EFD_NONBLOCK) !== 0));
  return fd;
}
