import type { Encodable } from '../../../abi/index.ts';
import { AF_NETLINK, cmsghdr, iovec, msghdr, SCM_CREDENTIALS, SOL_SOCKET, sockaddr_nl, ucred } from '../../../abi/uapi/index.ts';
import { calls } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { bytesOf, type Data, same } from './base.ts';
import { ByteSys } from './bytes.ts';

/** A `struct sockaddr_nl`; the family is AF_NETLINK when left out. */
export type NetlinkName = Encodable<typeof sockaddr_nl>;

/** What came by recvmsg(2). */
export interface Datagram {
  readonly bytes: Uint8Array;
  /** What the call returned: more than came, with MSG_TRUNC among the call's flags. */
  readonly length: number;
  /** msg_flags: MSG_TRUNC, MSG_CTRUNC. */
  readonly flags: number;
  /** Who sent it. */
  readonly name: { readonly nl_pid: number; readonly nl_groups: number };
  /** SCM_CREDENTIALS, with SO_PASSCRED. */
  readonly credentials: { readonly pid: number; readonly uid: number; readonly gid: number } | undefined;
}

const CONTROL_ROOM = 256;

/** Netlink sockets: where events of devices come from. */
export abstract class SocketSys<M extends Mode> extends ByteSys<M> {
  /** socket(2): AF_NETLINK, SOCK_DGRAM or SOCK_RAW (with SOCK_CLOEXEC, SOCK_NONBLOCK), NETLINK_KOBJECT_UEVENT. */
  socket(domain: number, type: number, protocol: number): Result<M, number> {
    return this.invoke('socket', [domain, type, protocol], () => calls.socket(this.task, domain, type, protocol));
  }

  /** bind(2). Group 1 (bit 0 of `nl_groups`) is the kernel's events. */
  bind(fd: number, name: NetlinkName): Result<M, number> {
    const { address, free } = this.#name(name);
    return this.caller.call('bind', [fd], () => calls.bind(this.task, fd, address, sockaddr_nl.size), same, free);
  }

  /** connect(2): whom `write` and `sendto` without a name send to. */
  connect(fd: number, name: NetlinkName): Result<M, number> {
    const { address, free } = this.#name(name);
    return this.caller.call('connect', [fd], () => calls.connect(this.task, fd, address, sockaddr_nl.size), same, free);
  }

  /** getsockname(2). */
  getsockname(fd: number): Result<M, { readonly nl_pid: number; readonly nl_groups: number }> {
    const room = this.filled(new Uint8Array(Uint32Array.of(sockaddr_nl.size, 0, 0, 0).buffer));
    return this.caller.call(
      'getsockname',
      [fd],
      () => calls.getsockname(this.task, fd, room.address + 4, room.address),
      () => sockaddr_nl.decode(this.space.view, this.space.readable(room.address + 4, sockaddr_nl.size)),
      room.free,
    );
  }

  /** setsockopt(2). @param value a number is an int */
  setsockopt(fd: number, level: number, option: number, value: number | Uint8Array): Result<M, number> {
    const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value;
    const room = this.filled(bytes);
    const begin = () => calls.setsockopt(this.task, fd, level, option, room.address, bytes.length);
    return this.caller.call('setsockopt', [fd, level, option], begin, same, room.free);
  }

  /** getsockopt(2) of an option that is an int. */
  getsockopt(fd: number, level: number, option: number): Result<M, number> {
    const room = this.filled(new Uint8Array(Int32Array.of(4, 0).buffer));
    return this.caller.call(
      'getsockopt',
      [fd, level, option],
      () => calls.getsockopt(this.task, fd, level, option, room.address + 4, room.address),
      () => this.space.view.getInt32(this.space.readable(room.address + 4, 4), true),
      room.free,
    );
  }

  /** sendto(2). @param name who it is for; the one of connect(2) when left out */
  sendto(fd: number, data: Data, flags = 0, name?: NetlinkName): Result<M, number> {
    const bytes = this.filled(bytesOf(data));
    const to = name === undefined ? undefined : this.#name(name);
    const begin = () => calls.sendto(this.task, fd, bytes.address, bytes.length, flags, to?.address, to && sockaddr_nl.size);
    return this.caller.call('sendto', [fd, bytes.length, flags], begin, same, () => {
      to?.free();
      bytes.free();
    });
  }

  /** recvmsg(2) on a netlink socket. @param count room for bytes @param flags MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC */
  recvDatagram(fd: number, count: number, flags = 0): Result<M, Datagram> {
    const head = msghdr.size + iovec.size + sockaddr_nl.size + 4;
    const room = this.room(head + CONTROL_ROOM + count);
    const at = room.address;
    const vector = at + msghdr.size;
    const name = vector + iovec.size;
    const control = at + head;
    const data = control + CONTROL_ROOM;
    const local = () => this.space.bytes(at, room.length);
    const view = new DataView(local().buffer, local().byteOffset, room.length);
    msghdr.encode(view, 0, {
      msg_name: name,
      msg_namelen: sockaddr_nl.size,
      msg_iov: vector,
      msg_iovlen: 1,
      msg_control: control,
      msg_controllen: CONTROL_ROOM,
    });
    iovec.encode(view, msghdr.size, { iov_base: data, iov_len: count });
    const end = (length: number): Datagram => {
      const { msg_controllen, msg_flags } = msghdr.decode(view, 0);
      const { nl_pid, nl_groups } = sockaddr_nl.decode(view, name - at);
      const start = data - at;
      return {
        bytes: local().slice(start, start + Math.min(length, count)),
        length,
        flags: msg_flags,
        name: { nl_pid, nl_groups },
        credentials: credentialsIn(view, control - at, msg_controllen),
      };
    };
    return this.caller.call('recvmsg', [fd, flags], () => calls.recvmsgAt(this.task, fd, at, flags), end, room.free);
  }

  #name(name: NetlinkName) {
    return this.struct(sockaddr_nl, { nl_family: AF_NETLINK, ...name });
  }
}

/** SCM_CREDENTIALS among control messages. */
function credentialsIn(view: DataView, from: number, length: number): Datagram['credentials'] {
  for (let at = from; at + cmsghdr.size <= from + length; ) {
    const { cmsg_len, cmsg_level, cmsg_type } = cmsghdr.decode(view, at);
    if (cmsg_level === SOL_SOCKET && cmsg_type === SCM_CREDENTIALS) return ucred.decode(view, at + cmsghdr.size);
    at += Math.ceil(cmsg_len / 8) * 8;
  }
  return undefined;
}
