import type { Layout } from '../abi/index.ts';
import { Errno } from '../abi/index.ts';
import {
  AF_NETLINK,
  cmsghdr,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_PKTINFO,
  O_NONBLOCK,
  SCM_CREDENTIALS,
  SOL_NETLINK,
  SOL_SOCKET,
  sockaddr_nl,
  ucred,
} from '../abi/uapi/index.ts';
import type { Kernel } from './colour.ts';
import { isCapable } from './credentials.ts';
import type { File, FileOperations } from './file.ts';
import { groupMask, type NetlinkAddress, netlink } from './netlink.ts';
import { NetlinkSocket, type SocketCredentials } from './netlink-socket.ts';
import { socketReadIter, socketWriteIter } from './socket-fs.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';
import type { UserBuffer } from './user-memory.ts';

/** What comes beside a message's bytes: a `struct cmsghdr` and what follows. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

export interface NetlinkReceived {
  /** What the call returns: bytes that came, or with MSG_TRUNC those that there were. */
  readonly length: number;
  /** MSG_TRUNC when the buffer was too short. */
  readonly flags: number;
  readonly name: Uint8Array;
  readonly control: readonly ControlMessage[];
}

export interface NetlinkWritten {
  readonly from: UserBuffer;
  /** Who it is for; undefined for the address of connect(2). */
  readonly name?: Uint8Array | undefined;
  /** `struct cmsghdr` and what follows, one behind the other. */
  readonly control?: Uint8Array | undefined;
  readonly flags: number;
}

/** CMSG_ALIGN: control messages begin at multiples of it. */
export const CMSG_ALIGN = 8;

function encoded<I>(layout: Layout<unknown, I>, value: I): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  layout.encode(new DataView(bytes.buffer), 0, value);
  return bytes;
}

export const encodeAddress = (portid: number, groups: number): Uint8Array =>
  encoded(sockaddr_nl, { nl_family: AF_NETLINK, nl_pid: portid, nl_groups: groups } satisfies Partial<NetlinkAddress>);

/** scm_send. @throws Errno EINVAL, EPERM */
function credentialsOf(task: Task, control: Uint8Array): SocketCredentials {
  const { uid, gid } = task.credentials;
  let own: SocketCredentials = { pid: task.tgid, uid, gid };
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  for (let at = 0; at + cmsghdr.size <= control.length; ) {
    const { cmsg_len, cmsg_level, cmsg_type } = cmsghdr.decode(view, at);
    if (cmsg_len < cmsghdr.size || cmsg_len > control.length - at) throw new Errno('EINVAL', 'a control message has a wrong length');
    if (cmsg_level === SOL_SOCKET) {
      if (cmsg_type !== SCM_CREDENTIALS) throw new Errno('EINVAL', `control message ${cmsg_type} does not go with netlink`);
      if (cmsg_len !== cmsghdr.size + ucred.size) throw new Errno('EINVAL', 'credentials have another length');
      const given = ucred.decode(view, at + cmsghdr.size);
      const isOwn = given.pid === own.pid && given.uid === uid && given.gid === gid;
      if (!isOwn && !isCapable(task.credentials)) throw new Errno('EPERM', 'these are the credentials of another');
      own = given;
    }
    at += Math.ceil(cmsg_len / CMSG_ALIGN) * CMSG_ALIGN;
  }
  return own;
}

const isNonblocking = (file: File, flags: number) => (flags & MSG_DONTWAIT) !== 0 || (file.flags & O_NONBLOCK) !== 0;

/**
 * netlink_sendmsg.
 *
 * @throws Errno EOPNOTSUPP for MSG_OOB; ENODATA for an empty message; EINVAL, EPERM, EMSGSIZE, EFAULT, ECONNREFUSED, EAGAIN, ERESTARTSYS
 */
export function* sendNetlink(file: File<NetlinkSocket>, task: Task, { from, name, control, flags }: NetlinkWritten): Kernel<number> {
  const socket = file.private;
  if ((flags & MSG_OOB) !== 0) throw new Errno('EOPNOTSUPP', 'netlink has no urgent data');
  if (from.remaining === 0) throw new Errno('ENODATA', 'the message is empty');
  return yield* socket.table.send(socket, task, {
    name,
    length: from.remaining,
    credentials: credentialsOf(task, control ?? new Uint8Array(0)),
    timeout_ns: isNonblocking(file, flags) ? 0 : socket.sendTimeout_ns,
    takeBytes: () => from.take(from.remaining),
  });
}

/** netlink_recvmsg. @throws Errno EOPNOTSUPP for MSG_OOB; ENOBUFS, EAGAIN, ERESTARTSYS; EFAULT, and the message is lost */
export function* receiveNetlink(file: File<NetlinkSocket>, to: UserBuffer, flags: number): Kernel<NetlinkReceived> {
  const socket = file.private;
  const { switches } = socket;
  if ((flags & MSG_OOB) !== 0) throw new Errno('EOPNOTSUPP', 'netlink has no urgent data');
  const message = yield* socket.receive(isNonblocking(file, flags) ? 0 : socket.receiveTimeout_ns, (flags & MSG_PEEK) !== 0);
  const whole = message.bytes.length;
  const wanted = Math.min(whole, to.remaining);
  if (wanted > 0 && (yield* to.put(message.bytes)) < wanted) throw new Errno('EFAULT', 'the buffer cannot be written');
  const control: ControlMessage[] = [];
  if (switches.tellsGroup) {
    const data = new Uint8Array(new Uint32Array([message.group]).buffer);
    control.push({ level: SOL_NETLINK, type: NETLINK_PKTINFO, data });
  }
  if (switches.passesCredentials) {
    control.push({ level: SOL_SOCKET, type: SCM_CREDENTIALS, data: encoded(ucred, message.credentials) });
  }
  return {
    length: (flags & MSG_TRUNC) !== 0 ? whole : wanted,
    flags: wanted < whole ? MSG_TRUNC : 0,
    name: encodeAddress(message.portid, groupMask(message.group)),
    control,
  };
}

const operations: FileOperations<NetlinkSocket> = {
  readIter: socketReadIter,
  writeIter: socketWriteIter,

  release(file) {
    file.private.release();
  },

  *read(file, to) {
    return to.remaining === 0 ? 0 : (yield* receiveNetlink(file, to, 0)).length;
  },

  *write(file, from, _at, task) {
    return yield* sendNetlink(file, task, { from, flags: 0 });
  },

  poll(file, table) {
    table.wait(file.private.changed);
    return file.private.readiness;
  },
};

/** @param flags O_NONBLOCK or 0 @throws Errno ESOCKTNOSUPPORT, EPROTONOSUPPORT */
export function openNetlink(system: System, type: number, protocol: number, flags: number): File<NetlinkSocket> {
  return system.sockets.open(operations, netlink(system).create(type, protocol), flags);
}

/** @returns undefined for any other file */
export const netlinkOf = (file: File): File<NetlinkSocket> | undefined => (file.private instanceof NetlinkSocket ? file : undefined);
