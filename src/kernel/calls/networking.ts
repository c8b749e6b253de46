/** net/socket.c: making sockets, and their addresses. */
import { Errno, i32 } from '../../abi/index.ts';
import { AF_NETLINK, O_CLOEXEC, O_NONBLOCK, S_IFSOCK, SOCK_MAX, SOCK_TYPE_MASK, SOCKADDR_MAX } from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import type { File } from '../file.ts';
import { groupMask, netlink } from '../netlink.ts';
import { encodeAddress, netlinkOf, openNetlink } from '../netlink-file.ts';
import type { NetlinkSocket } from '../netlink-socket.ts';
import type { Task } from '../task.ts';
import { copyFromUser, copyStructFromUser, copyStructToUser, copyToUser } from '../user-memory.ts';
import { held } from './io.ts';
import { fileOf } from './lookup.ts';

/** The socket of a file. @throws Errno ENOTSOCK; EOPNOTSUPP for a pair of AF_UNIX, which has calls of its own here */
export function socketOf(file: File): File<NetlinkSocket> {
  const socket = netlinkOf(file);
  if (socket !== undefined) return socket;
  if (file.inode.isType(S_IFSOCK)) throw new Errno('EOPNOTSUPP', 'a socket pair has no addresses and no options');
  throw new Errno('ENOTSOCK', `${file.path} is not a socket`);
}

/** move_addr_to_kernel. @throws Errno EINVAL, EFAULT */
export function* copyAddressFromUser(task: Task, address: number, length: number): Kernel<Uint8Array> {
  if (length < 0 || length > SOCKADDR_MAX) throw new Errno('EINVAL', `an address has at most ${SOCKADDR_MAX} bytes`);
  return length === 0 ? new Uint8Array(0) : yield* copyFromUser(task.memory, address, length);
}

/** move_addr_to_user. @param lengthAt where the program says how much room there is, and learns how long it is @throws Errno EINVAL, EFAULT */
export function* copyAddressToUser(task: Task, name: Uint8Array, address: number, lengthAt: number): Kernel<void> {
  const room = yield* copyStructFromUser(task.memory, i32, lengthAt);
  if (room < 0) throw new Errno('EINVAL', 'the room for the address is negative');
  if (room > 0) yield* copyToUser(task.memory, address, name.subarray(0, room));
  yield* copyStructToUser(task.memory, i32, lengthAt, name.length);
}

/**
 * socket(2): AF_NETLINK with NETLINK_KOBJECT_UEVENT. A machine has no network.
 *
 * @param type SOCK_DGRAM or SOCK_RAW, with SOCK_CLOEXEC, SOCK_NONBLOCK
 * @throws Errno EINVAL, EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EMFILE
 */
export function* socket(task: Task, domain: number, type: number, protocol: number): Kernel<number> {
  const flags = type & ~SOCK_TYPE_MASK;
  const kind = type & SOCK_TYPE_MASK;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) throw new Errno('EINVAL', 'only SOCK_CLOEXEC and SOCK_NONBLOCK are known');
  if (kind >= SOCK_MAX) throw new Errno('EINVAL', `there is no type ${kind}`);
  if (domain !== AF_NETLINK) throw new Errno('EAFNOSUPPORT', `there are no sockets of family ${domain}`);
  const file = openNetlink(task.system, kind, protocol, flags & O_NONBLOCK);
  try {
    return yield* task.files.install(file, (flags & O_CLOEXEC) !== 0);
  } catch (error) {
    file.put();
    throw error;
  }
}

/** bind(2). @throws Errno EBADF, ENOTSOCK, EINVAL, EFAULT, EADDRINUSE */
export function* bind(task: Task, fd: number, address: number, length: number): Kernel<number> {
  const file = socketOf(fileOf(task, fd));
  const name = yield* held(file, copyAddressFromUser(task, address, length));
  netlink(task.system).bind(file.private, task, name);
  return 0;
}

/** connect(2). @throws Errno EBADF, EINVAL, EFAULT, ENOTSOCK, EPERM */
export function* connect(task: Task, fd: number, address: number, length: number): Kernel<number> {
  const file = fileOf(task, fd);
  const name = yield* held(file, copyAddressFromUser(task, address, length));
  netlink(task.system).connect(socketOf(file).private, task, name);
  return 0;
}

/** getsockname(2). @throws Errno EBADF, ENOTSOCK, EINVAL, EFAULT */
export function* getsockname(task: Task, fd: number, address: number, lengthAt: number): Kernel<number> {
  const { portid, groups } = socketOf(fileOf(task, fd)).private;
  yield* copyAddressToUser(task, encodeAddress(portid, groups >>> 0), address, lengthAt);
  return 0;
}

/** getpeername(2): where connect(2) has led, or the kernel. @throws Errno EBADF, ENOTSOCK, EINVAL, EFAULT */
export function* getpeername(task: Task, fd: number, address: number, lengthAt: number): Kernel<number> {
  const { portid, group } = socketOf(fileOf(task, fd)).private.peer;
  yield* copyAddressToUser(task, encodeAddress(portid, groupMask(group)), address, lengthAt);
  return 0;
}

/** listen(2), accept(2), shutdown(2): not for datagrams. @throws Errno EBADF, ENOTSOCK, EOPNOTSUPP */
export function notForDatagrams(task: Task, fd: number): never {
  socketOf(fileOf(task, fd));
  throw new Errno('EOPNOTSUPP', 'netlink has no connections');
}
