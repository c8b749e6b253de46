/** linux/socket.h, asm-generic/socket.h and what the C library's sys/socket.h adds. */
import { i32, i64, pointer, struct, u32, u64 } from '../layout.ts';

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_NETLINK = 16;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** SOCK_MAX of linux/net.h, which programs do not see. */
export const SOCK_MAX = 11;
export const SOCK_TYPE_MASK = 0xf;

export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_CTRUNC = 0x8;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_CMSG_CLOEXEC = 0x40000000;

export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;

export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_DONTROUTE = 5;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_PRIORITY = 12;
export const SO_PASSCRED = 16;
export const SO_PEERCRED = 17;
export const SO_RCVLOWAT = 18;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_ATTACH_FILTER = 26;
export const SO_DETACH_FILTER = 27;
export const SO_GET_FILTER = SO_ATTACH_FILTER;
export const SO_TIMESTAMP = 29;
export const SO_ACCEPTCONN = 30;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_PASSSEC = 34;
export const SO_TIMESTAMPNS = 35;
export const SO_MARK = 36;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const SO_RXQ_OVFL = 40;
export const SO_LOCK_FILTER = 44;
export const SO_MEMINFO = 55;

export const SCM_RIGHTS = 1;
export const SCM_CREDENTIALS = 2;

export const msghdr = struct('msghdr', {
  msg_name: pointer,
  msg_namelen: i32,
  msg_iov: pointer,
  msg_iovlen: u64,
  msg_control: pointer,
  msg_controllen: u64,
  msg_flags: i32,
});

export const cmsghdr = struct('cmsghdr', { cmsg_len: u64, cmsg_level: i32, cmsg_type: i32 });

export const ucred = struct('ucred', { pid: i32, uid: u32, gid: u32 });

export const timeval = struct('timeval', { tv_sec: i64, tv_usec: i64 });

/** sizeof(struct sockaddr_storage): the longest address. */
export const SOCKADDR_MAX = 128;
