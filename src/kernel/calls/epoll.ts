import { Errno } from '../../abi/index.ts';
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLWAKEUP,
  epoll_event,
} from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import { isCapable } from '../credentials.ts';
import { createEpollFile, eventPollOf } from '../epoll.ts';
import type { EpollEvent } from '../epoll-item.ts';
import { Nesting } from '../epoll-nesting.ts';
import type { File } from '../file.ts';
import type { Task } from '../task.ts';
import { copyFails, copyStructFromUser } from '../user-memory.ts';
import { held } from './io.ts';
import { fileOf } from './lookup.ts';

/** EPOLLEXCLUSIVE_OK_BITS: what may be asked together with it. */
const WITH_EXCLUSIVE = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
/** EP_MAX_EVENTS. */
export const EPOLL_EVENTS_MAX = Math.floor(0x7fffffff / epoll_event.size);
/** The end of what a program can address on x86-64. */
const TASK_SIZE_MAX = 0x7fff_ffff_f000;

/** epoll_create1(2). @throws Errno EINVAL for unknown flags, EMFILE */
export function* epoll_create1(task: Task, flags: number): Kernel<number> {
  if ((flags & ~EPOLL_CLOEXEC) !== 0) throw new Errno('EINVAL', 'only EPOLL_CLOEXEC is known');
  const fd = yield* task.files.reserve((flags & EPOLL_CLOEXEC) !== 0);
  yield* task.files.fill(fd, createEpollFile(task.system));
  return fd;
}

/** epoll_create(2). @throws Errno EINVAL for a size that is not positive, EMFILE */
export function epoll_create(task: Task, size: number): Kernel<number> {
  if (size <= 0) throw new Errno('EINVAL', 'the size is not positive');
  return epoll_create1(task, 0);
}

/** What is wrong with EPOLLEXCLUSIVE, which only ADD knows. @throws Errno EINVAL */
function checkExclusive(op: number, target: File, events: number): void {
  if ((events & EPOLLEXCLUSIVE) === 0) return;
  if (op === EPOLL_CTL_MOD) throw new Errno('EINVAL', 'EPOLLEXCLUSIVE cannot be set later');
  if (op !== EPOLL_CTL_ADD) return;
  if (eventPollOf(target) !== undefined) throw new Errno('EINVAL', 'a set in a set cannot be exclusive');
  if ((events & ~WITH_EXCLUSIVE) !== 0) throw new Errno('EINVAL', 'that does not go with EPOLLEXCLUSIVE');
}

/**
 * epoll_ctl(2) on files that were looked up before.
 *
 * @param event undefined for EPOLL_CTL_DEL
 * @throws Errno EPERM for a file without a poll operation; EINVAL for what is no epoll set or the same one, for EPOLLEXCLUSIVE where it
 *   may not be, and for unknown operations; ELOOP; EEXIST; ENOENT
 */
export function* controlEpoll(task: Task, set: File, op: number, fd: number, target: File, event?: EpollEvent): Kernel<number> {
  if (target.ops.poll === undefined) throw new Errno('EPERM', `${target.path} cannot be polled`);
  const poll = eventPollOf(set);
  if (set === target || poll === undefined) throw new Errno('EINVAL', `${set.path} is not an epoll set, or the file itself`);
  const asked = event ?? { events: 0, data: 0n };
  checkExclusive(op, target, asked.events);
  // CAP_BLOCK_SUSPEND.
  const events = isCapable(task.credentials) ? asked.events : (asked.events & ~EPOLLWAKEUP) >>> 0;
  switch (op) {
    case EPOLL_CTL_ADD:
      yield* poll.add(target, fd, { ...asked, events }, new Nesting(set, target));
      return 0;
    case EPOLL_CTL_DEL:
      yield* poll.delete(target, fd);
      return 0;
    case EPOLL_CTL_MOD:
      yield* poll.modify(target, fd, { ...asked, events });
      return 0;
    default:
      throw new Errno('EINVAL', `operation ${op} is unknown`);
  }
}

/** epoll_ctl(2). @param address of a struct epoll_event @throws Errno EFAULT; EBADF; then as {@link controlEpoll} */
export function* epoll_ctl(task: Task, epfd: number, op: number, fd: number, address: number): Kernel<number> {
  const event = op === EPOLL_CTL_DEL ? undefined : yield* copyStructFromUser(task.memory, epoll_event, address);
  const set = fileOf(task, epfd);
  const target = fileOf(task, fd);
  return yield* held(set, held(target, controlEpoll(task, set, op, fd, target, event)));
}

/**
 * epoll_wait(2).
 *
 * @param address of `maxevents` structs epoll_event
 * @param timeout_ns 0 to only look, Infinity for no end
 * @throws Errno EINVAL for a bad maxevents; EFAULT; EBADF; EINVAL for what is no epoll set; EINTR
 */
export function* epoll_wait(task: Task, epfd: number, address: number, maxevents: number, timeout_ns: number): Kernel<number> {
  if (maxevents <= 0 || maxevents > EPOLL_EVENTS_MAX) throw new Errno('EINVAL', `${maxevents} events`);
  if (address < 0 || address + maxevents * epoll_event.size > TASK_SIZE_MAX) throw new Errno('EFAULT', 'not an address of a program');
  const set = fileOf(task, epfd);
  const poll = eventPollOf(set);
  if (poll === undefined) throw new Errno('EINVAL', `${set.path} is not an epoll set`);
  const room = new Uint8Array(epoll_event.size);
  const view = new DataView(room.buffer);
  const wait = poll.wait(maxevents, timeout_ns, function* (index, event) {
    epoll_event.encode(view, 0, event);
    if (copyFails(task.memory, 'copy_to_user')) return false;
    return (yield* task.memory.write(address + index * room.length, room)) === room.length;
  });
  return yield* held(set, wait);
}

/** epoll_pwait(2). @param blocked signals that wait until the call ends; SIGKILL does not @throws Errno as {@link epoll_wait} */
export function* epoll_pwait(
  task: Task,
  epfd: number,
  address: number,
  maxevents: number,
  timeout_ns: number,
  blocked: readonly number[],
): Kernel<number> {
  const before = task.signals.block(blocked);
  try {
    return yield* epoll_wait(task, epfd, address, maxevents, timeout_ns);
  } finally {
    task.signals.block(before);
  }
}
