/** net/socket.c: setsockopt(2) and getsockopt(2), with the options that are more than a number. */
import { Errno, i32 } from '../../abi/index.ts';
import {
  BPF_MAXINSNS,
  NETLINK_LIST_MEMBERSHIPS,
  SO_ATTACH_FILTER,
  SO_GET_FILTER,
  SO_MEMINFO,
  SO_PEERCRED,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOL_NETLINK,
  SOL_SOCKET,
  sock_filter,
  sock_fprog,
  timeval,
} from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import type { NetlinkSocket } from '../netlink-socket.ts';
import { SocketFilter } from '../socket-filter.ts';
import { assertFilterFree, getOption, setOption } from '../socket-options.ts';
import type { Task } from '../task.ts';
import { copyFromUser, copyStructFromUser, copyStructToUser, copyToUser } from '../user-memory.ts';
import { held } from './io.ts';
import { fileOf } from './lookup.ts';
import { socketOf } from './networking.ts';

const INT_SIZE = 4;
/** Times of sockets are counted in these: CONFIG_HZ is 250. */
const JIFFY_NS = 4e6;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const bytesOf = (words: readonly number[]) => new Uint8Array(Uint32Array.from(words).buffer);

/** sk_attach_filter. @throws Errno EINVAL, EFAULT, EPERM */
function* attachFilter(socket: NetlinkSocket, task: Task, address: number, length: number): Kernel<void> {
  if (length !== sock_fprog.size) throw new Errno('EINVAL', 'a filter is given by a struct sock_fprog');
  const { len, filter } = yield* copyStructFromUser(task.memory, sock_fprog, address);
  assertFilterFree(socket);
  if (filter === 0 || len === 0 || len > BPF_MAXINSNS) throw new Errno('EINVAL', `the filter has ${len} instructions`);
  const bytes = yield* copyFromUser(task.memory, filter, len * sock_filter.size);
  const view = viewOf(bytes);
  const program = Array.from({ length: len }, (_, index) => sock_filter.decode(view, index * sock_filter.size));
  socket.filter = new SocketFilter(program);
}

/** sock_set_timeout. @returns nanoseconds @throws Errno EINVAL, EFAULT, EDOM */
function* copyTimeout(task: Task, address: number, length: number): Kernel<number> {
  if (length < timeval.size) throw new Errno('EINVAL', 'a time is a struct timeval');
  const { tv_sec, tv_usec } = yield* copyStructFromUser(task.memory, timeval, address);
  if (tv_usec < 0 || tv_usec >= 1e6) throw new Errno('EDOM', `${tv_usec} are no microseconds`);
  if (tv_sec < 0) return 0;
  if (tv_sec === 0 && tv_usec === 0) return Number.POSITIVE_INFINITY;
  return Math.ceil((tv_sec * 1e9 + tv_usec * 1e3) / JIFFY_NS) * JIFFY_NS;
}

function* setGeneral(socket: NetlinkSocket, task: Task, option: number, address: number, length: number): Kernel<void> {
  if (length < INT_SIZE) throw new Errno('EINVAL', 'the value is too short');
  const value = yield* copyStructFromUser(task.memory, i32, address);
  if (option === SO_ATTACH_FILTER) yield* attachFilter(socket, task, address, length);
  else if (option === SO_RCVTIMEO) socket.receiveTimeout_ns = yield* copyTimeout(task, address, length);
  else if (option === SO_SNDTIMEO) socket.sendTimeout_ns = yield* copyTimeout(task, address, length);
  else setOption(socket, task, false, option, value);
}

/** setsockopt(2). @throws Errno EBADF, ENOTSOCK, EINVAL, ENOPROTOOPT, EFAULT, EPERM, and what the option says */
export function* setsockopt(task: Task, fd: number, level: number, option: number, address: number, length: number): Kernel<number> {
  const file = socketOf(fileOf(task, fd));
  const socket = file.private;
  if (length < 0) throw new Errno('EINVAL', 'the length is negative');
  if (level === SOL_SOCKET) yield* held(file, setGeneral(socket, task, option, address, length));
  else if (level !== SOL_NETLINK) throw new Errno('ENOPROTOOPT', `level ${level} is not that of a netlink socket`);
  else setOption(socket, task, true, option, length < INT_SIZE ? 0 : yield* held(file, copyStructFromUser(task.memory, i32, address)));
  return 0;
}

function encodeTimeout(timeout_ns: number): Uint8Array {
  const bytes = new Uint8Array(timeval.size);
  const whole_us = timeout_ns === Number.POSITIVE_INFINITY ? 0 : timeout_ns / 1e3;
  timeval.encode(viewOf(bytes), 0, { tv_sec: Math.floor(whole_us / 1e6), tv_usec: whole_us % 1e6 });
  return bytes;
}

/** The value of an option of SOL_SOCKET. @throws Errno ENOPROTOOPT */
function generalValue(socket: NetlinkSocket, option: number): Uint8Array {
  switch (option) {
    case SO_PEERCRED:
      return bytesOf([0, -1, -1]);
    case SO_RCVTIMEO:
      return encodeTimeout(socket.receiveTimeout_ns);
    case SO_SNDTIMEO:
      return encodeTimeout(socket.sendTimeout_ns);
    case SO_MEMINFO:
      return bytesOf([socket.taken, socket.receiveBuffer, 0, socket.sendBuffer, 0, 0, 0, 0, socket.dropped]);
    default:
      return bytesOf([getOption(socket, false, option)]);
  }
}

/** sk_get_filter. @returns how many instructions it has @throws Errno EINVAL when there is no room for all, EFAULT */
function* giveFilter({ filter }: NetlinkSocket, task: Task, address: number, room: number): Kernel<number> {
  const program = filter?.program ?? [];
  if (room === 0 || program.length === 0) return program.length;
  if (room < program.length) throw new Errno('EINVAL', `the filter has ${program.length} instructions`);
  const bytes = new Uint8Array(program.length * sock_filter.size);
  for (const [index, instruction] of program.entries()) sock_filter.encode(viewOf(bytes), index * sock_filter.size, instruction);
  yield* copyToUser(task.memory, address, bytes);
  return program.length;
}

/** @returns the length that the program is told @throws Errno EINVAL, ENOPROTOOPT, EFAULT */
function* giveNetlink(socket: NetlinkSocket, task: Task, option: number, address: number, room: number): Kernel<number> {
  if (option !== NETLINK_LIST_MEMBERSHIPS) {
    const value = getOption(socket, true, option);
    if (room < INT_SIZE) throw new Errno('EINVAL', 'the room is too short');
    yield* copyStructToUser(task.memory, i32, address, value);
    return INT_SIZE;
  }
  const size = socket.groupCount / 8;
  if (size > 0 && room >= size) yield* copyToUser(task.memory, address, bytesOf([socket.groups]));
  return size;
}

/** getsockopt(2). @throws Errno EBADF, ENOTSOCK, EFAULT, EINVAL, ENOPROTOOPT */
export function* getsockopt(task: Task, fd: number, level: number, option: number, address: number, lengthAt: number): Kernel<number> {
  const file = socketOf(fileOf(task, fd)).get();
  const socket = file.private;
  try {
    const room = yield* copyStructFromUser(task.memory, i32, lengthAt);
    if (room < 0) throw new Errno('EINVAL', 'the room is negative');
    let length: number;
    if (level === SOL_NETLINK) length = yield* giveNetlink(socket, task, option, address, room);
    else if (level !== SOL_SOCKET) throw new Errno('ENOPROTOOPT', `level ${level} is not that of a netlink socket`);
    else if (option === SO_GET_FILTER) length = yield* giveFilter(socket, task, address, room);
    else {
      const value = generalValue(socket, option).subarray(0, room);
      yield* copyToUser(task.memory, address, value);
      length = value.length;
    }
    yield* copyStructToUser(task.memory, i32, lengthAt, length);
    return 0;
  } finally {
    file.put();
  }
}
