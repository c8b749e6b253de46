import { Errno } from '../../abi/index.ts';
import { O_CLOEXEC, O_NONBLOCK } from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import { openPair, receiveMessage, sendMessage } from '../socketpair.ts';
import type { Task } from '../task.ts';
import { held } from './io.ts';
import { anyFileOf, fileOf } from './lookup.ts';

/** socketpair(2), AF_UNIX and SOCK_SEQPACKET. @param flags O_CLOEXEC, O_NONBLOCK @throws Errno EINVAL, EMFILE */
export function* socketpair(task: Task, flags: number): Kernel<[number, number]> {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) throw new Errno('EINVAL', 'only O_CLOEXEC and O_NONBLOCK are known');
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  const first = yield* task.files.reserve(closeOnExec);
  let second: number;
  try {
    second = yield* task.files.reserve(closeOnExec);
  } catch (error) {
    yield* task.files.cancel(first);
    throw error;
  }
  try {
    const [one, other] = openPair(task.system, flags & O_NONBLOCK);
    yield* task.files.fill(first, one);
    yield* task.files.fill(second, other);
  } catch (error) {
    for (const fd of [second, first]) yield* task.files.cancel(fd);
    throw error;
  }
  return [first, second];
}

/** sendmsg(2): bytes, and descriptors by SCM_RIGHTS. @throws Errno EBADF, also for a descriptor to pass, and as sendMessage */
export function* sendmsg(task: Task, fd: number, bytes: Uint8Array, fds: readonly number[]): Kernel<number> {
  const socket = fileOf(task, fd);
  const files = fds.map((passed) => anyFileOf(task, passed));
  return yield* held(socket, sendMessage(socket, bytes, files));
}

export interface ReceivedMessage {
  readonly bytes: Uint8Array;
  readonly fds: readonly number[];
  /** MSG_CTRUNC: descriptors that found no place were closed. */
  readonly truncated: boolean;
}

/** recvmsg(2). @param closeOnExec MSG_CMSG_CLOEXEC @returns no bytes at the end @throws Errno EBADF and as receiveMessage */
export function* recvmsg(task: Task, fd: number, closeOnExec: boolean): Kernel<ReceivedMessage> {
  const socket = fileOf(task, fd);
  const message = yield* held(socket, receiveMessage(socket));
  const fds: number[] = [];
  let truncated = false;
  for (const file of message?.files ?? []) {
    try {
      if (!truncated) fds.push(yield* task.files.install(file, closeOnExec));
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      truncated = true;
    }
    if (truncated) file.put();
  }
  return { bytes: message?.bytes ?? new Uint8Array(0), fds, truncated };
}
