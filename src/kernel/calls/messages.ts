/** net/socket.c: messages, as they lie in the memory of a program. */
import { type Decoded, Errno } from '../../abi/index.ts';
import { cmsghdr, MSG_CMSG_CLOEXEC, MSG_CTRUNC, msghdr, SOCKADDR_MAX, UIO_MAXIOV } from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import { CMSG_ALIGN, type ControlMessage, receiveNetlink, sendNetlink } from '../netlink-file.ts';
import type { Task } from '../task.ts';
import { copyFromUser, copyStructFromUser, copyToUser, UserBuffer } from '../user-memory.ts';
import { held } from './io.ts';
import { fileOf } from './lookup.ts';
import { copyAddressFromUser, copyAddressToUser, socketOf } from './networking.ts';
import { importVectors } from './vectors.ts';

type Header = Decoded<typeof msghdr>;

/** Where its fields lie that recvmsg(2) writes. */
const offsetOf = (field: keyof Header) => msghdr.fields.find(({ name }) => name === field)?.offset as number;
const NAMELEN_AT = offsetOf('msg_namelen');
const CONTROLLEN_AT = offsetOf('msg_controllen');
const FLAGS_AT = offsetOf('msg_flags');
/** net.core.optmem_max: what control messages may have. */
const CONTROL_MAX = 131_072;

/**
 * sendto(2), send(2).
 *
 * @param address of a `struct sockaddr_nl`; 0 for the one of connect(2)
 * @throws Errno EBADF, ENOTSOCK, EINVAL, EFAULT, and as sendNetlink
 */
export function* sendto(task: Task, fd: number, at: number, length: number, flags: number, address = 0, nameLength = 0): Kernel<number> {
  const file = socketOf(fileOf(task, fd));
  const from = new UserBuffer(task.memory, [{ address: at, length }]);
  return yield* held(
    file,
    (function* () {
      const name = address === 0 ? undefined : yield* copyAddressFromUser(task, address, nameLength);
      return yield* sendNetlink(file, task, { from, name: nameLength === 0 ? undefined : name, flags });
    })(),
  );
}

/**
 * recvfrom(2), recv(2).
 *
 * @param address where the sender's goes, and `lengthAt` its length; 0 for nowhere
 * @throws Errno EBADF, ENOTSOCK, EINVAL, EFAULT, and as receiveNetlink
 */
export function* recvfrom(task: Task, fd: number, at: number, length: number, flags: number, address = 0, lengthAt = 0): Kernel<number> {
  const file = socketOf(fileOf(task, fd));
  const to = new UserBuffer(task.memory, [{ address: at, length }]);
  const received = yield* held(file, receiveNetlink(file, to, flags));
  if (address !== 0) yield* copyAddressToUser(task, received.name, address, lengthAt);
  return received.length;
}

/** copy_msghdr_from_user. @throws Errno EFAULT, EINVAL, EMSGSIZE */
function* copyHeader(task: Task, address: number): Kernel<Header> {
  const header = yield* copyStructFromUser(task.memory, msghdr, address);
  if (header.msg_name === 0) header.msg_namelen = 0;
  if (header.msg_namelen < 0) throw new Errno('EINVAL', 'the length of the address is negative');
  header.msg_namelen = Math.min(header.msg_namelen, SOCKADDR_MAX);
  return header;
}

/** @throws Errno EMSGSIZE, EINVAL, EFAULT */
function* bufferOf(task: Task, { msg_iov, msg_iovlen }: Header): Kernel<UserBuffer> {
  if (msg_iovlen > UIO_MAXIOV) throw new Errno('EMSGSIZE', `a message has at most ${UIO_MAXIOV} pieces`);
  return new UserBuffer(task.memory, yield* importVectors(task, msg_iov, msg_iovlen));
}

/** sendmsg(2) of a `struct msghdr`. @throws Errno EBADF, ENOTSOCK, EFAULT, EINVAL, EMSGSIZE, ENOBUFS, and as sendNetlink */
export function* sendmsgAt(task: Task, fd: number, address: number, flags: number): Kernel<number> {
  const file = socketOf(fileOf(task, fd)).get();
  try {
    const header = yield* copyHeader(task, address);
    const name = header.msg_namelen === 0 ? undefined : yield* copyAddressFromUser(task, header.msg_name, header.msg_namelen);
    const from = yield* bufferOf(task, header);
    if (header.msg_controllen > CONTROL_MAX) throw new Errno('ENOBUFS', 'too many control messages');
    const control = header.msg_controllen === 0 ? undefined : yield* copyFromUser(task.memory, header.msg_control, header.msg_controllen);
    return yield* sendNetlink(file, task, { from, name, control, flags });
  } finally {
    file.put();
  }
}

/** put_cmsg, for all of them. @returns how much of the room is used, and MSG_CTRUNC when that was too little */
function* putControl(task: Task, messages: readonly ControlMessage[], at: number, room: number): Kernel<readonly [number, number]> {
  let used = 0;
  let flags = 0;
  for (const { level, type, data } of messages) {
    const left = at === 0 ? 0 : room - used;
    const whole = cmsghdr.size + data.length;
    if (left < whole) flags = MSG_CTRUNC;
    if (left < cmsghdr.size) continue;
    const length = Math.min(whole, left);
    const bytes = new Uint8Array(length);
    cmsghdr.encode(new DataView(bytes.buffer), 0, { cmsg_len: length, cmsg_level: level, cmsg_type: type });
    bytes.set(data.subarray(0, length - cmsghdr.size), cmsghdr.size);
    yield* copyToUser(task.memory, at + used, bytes);
    used += Math.min(Math.ceil(length / CMSG_ALIGN) * CMSG_ALIGN, left);
  }
  return [used, flags];
}

/** recvmsg(2) into a `struct msghdr`. @throws Errno EBADF, ENOTSOCK, EFAULT, EINVAL, EMSGSIZE, and as receiveNetlink */
export function* recvmsgAt(task: Task, fd: number, address: number, flags: number): Kernel<number> {
  const file = socketOf(fileOf(task, fd)).get();
  try {
    const header = yield* copyHeader(task, address);
    const to = yield* bufferOf(task, header);
    const received = yield* receiveNetlink(file, to, flags);
    const [used, truncated] = yield* putControl(task, received.control, header.msg_control, header.msg_controllen);
    if (header.msg_name !== 0) yield* copyAddressToUser(task, received.name, header.msg_name, address + NAMELEN_AT);
    const after = new Uint8Array(msghdr.size);
    const shown = received.flags | truncated | (flags & MSG_CMSG_CLOEXEC);
    msghdr.encode(new DataView(after.buffer), 0, { msg_controllen: used, msg_flags: shown });
    yield* copyToUser(task.memory, address + CONTROLLEN_AT, after.subarray(CONTROLLEN_AT, FLAGS_AT + 4));
    return received.length;
  } finally {
    file.put();
  }
}
