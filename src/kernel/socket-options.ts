/** net/core/sock.c and net/netlink/af_netlink.c: the options of a socket that are one number. */
import { Errno, errno } from '../abi/index.ts';
import {
  AF_NETLINK,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_NO_ENOBUFS,
  NETLINK_PKTINFO,
  SO_ACCEPTCONN,
  SO_BROADCAST,
  SO_DETACH_FILTER,
  SO_DOMAIN,
  SO_DONTROUTE,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LOCK_FILTER,
  SO_MARK,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PASSSEC,
  SO_PRIORITY,
  SO_PROTOCOL,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVLOWAT,
  SO_REUSEADDR,
  SO_RXQ_OVFL,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SO_TIMESTAMP,
  SO_TIMESTAMPNS,
  SO_TYPE,
} from '../abi/uapi/index.ts';
import { isCapable } from './credentials.ts';
import { GROUPS, type NetlinkSocket } from './netlink-socket.ts';
import type { Task } from './task.ts';

/** One that cannot be read, or not be set, is ENOPROTOOPT. */
interface Option {
  readonly get?: (socket: NetlinkSocket) => number;
  readonly set?: (socket: NetlinkSocket, value: number, task: Task) => void;
}

type Options = Readonly<Record<number, Option>>;

/** net.core.rmem_max and wmem_max. */
const BUFFER_MAX = 212_992;
/** SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF. */
const RECEIVE_MIN = 2304;
const SEND_MIN = 4608;
const INT_MAX = 0x7fffffff;

const isSet = (value: number) => (value === 0 ? 0 : 1);

/** @throws Errno EPERM */
function assertNetworkAdmin(task: Task): void {
  if (!isCapable(task.credentials)) throw new Errno('EPERM', 'CAP_NET_ADMIN is needed');
}

/** Remembered, and of no use to netlink. */
const remembered = (option: number, kept: (value: number) => number = isSet, first = 0): Option => ({
  get: (socket) => socket.remembered.get(option) ?? first,
  set: (socket, value) => void socket.remembered.set(option, kept(value)),
});

/** A program's number counts twice, for what Linux needs besides. */
const doubled = (value: number, min: number) => Math.max(2 * Math.min(value, Math.floor(INT_MAX / 2)), min);
/** The limit of those without CAP_NET_ADMIN. A negative number is taken for a large one. */
const limited = (value: number) => Math.min(value >>> 0, BUFFER_MAX);

const receiveBuffer = (clamped: (value: number) => number): NonNullable<Option['set']> => {
  return (socket, value) => {
    socket.receiveBuffer = doubled(clamped(value), RECEIVE_MIN);
  };
};
const sendBuffer = (clamped: (value: number) => number): NonNullable<Option['set']> => {
  return (socket, value) => {
    socket.sendBuffer = doubled(clamped(value), SEND_MIN);
  };
};
const positive = (value: number) => Math.max(value, 0);

/** @throws Errno EPERM once the filter is locked */
export function assertFilterFree(socket: NetlinkSocket): void {
  if (socket.isFilterLocked) throw new Errno('EPERM', 'the filter is locked');
}

/** SOL_SOCKET. */
const general: Options = {
  [SO_TYPE]: { get: ({ type }) => type },
  [SO_DOMAIN]: { get: () => AF_NETLINK },
  [SO_PROTOCOL]: { get: () => NETLINK_KOBJECT_UEVENT },
  [SO_ACCEPTCONN]: { get: () => 0 },
  [SO_ERROR]: { get: (socket) => (socket.takeError() ? errno.ENOBUFS : 0) },
  [SO_RCVBUF]: { get: (socket) => socket.receiveBuffer, set: receiveBuffer(limited) },
  [SO_SNDBUF]: { get: (socket) => socket.sendBuffer, set: sendBuffer(limited) },
  [SO_RCVBUFFORCE]: {
    set(socket, value, task) {
      assertNetworkAdmin(task);
      receiveBuffer(positive)(socket, value, task);
    },
  },
  [SO_SNDBUFFORCE]: {
    set(socket, value, task) {
      assertNetworkAdmin(task);
      sendBuffer(positive)(socket, value, task);
    },
  },
  [SO_PASSCRED]: {
    get: ({ switches }) => (switches.passesCredentials ? 1 : 0),
    set({ switches }, value) {
      switches.passesCredentials = value !== 0;
    },
  },
  [SO_LOCK_FILTER]: {
    get: ({ isFilterLocked }) => (isFilterLocked ? 1 : 0),
    set(socket, value) {
      if (value === 0) assertFilterFree(socket);
      else socket.isFilterLocked = true;
    },
  },
  [SO_DETACH_FILTER]: {
    set(socket) {
      assertFilterFree(socket);
      if (socket.filter === undefined) throw new Errno('ENOENT', 'the socket has no filter');
      socket.filter = undefined;
    },
  },
  [SO_PRIORITY]: remembered(SO_PRIORITY, (value) => value),
  [SO_MARK]: remembered(SO_MARK, (value) => value),
  [SO_RCVLOWAT]: remembered(SO_RCVLOWAT, (value) => (value < 0 ? INT_MAX : value || 1), 1),
  ...Object.fromEntries(
    [SO_REUSEADDR, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_DONTROUTE, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_PASSSEC, SO_RXQ_OVFL].map(
      (option) => [option, remembered(option)],
    ),
  ),
};

/** Numbers of options that are only remembered must not meet those of SOL_SOCKET. */
const OF_NETLINK = 0x10000;

/** @throws Errno EINVAL */
const bitOf = (socket: NetlinkSocket, group: number) => {
  socket.groupCount = GROUPS;
  if (group < 1 || group > GROUPS) throw new Errno('EINVAL', `there is no group ${group}`);
  return 1 << (group - 1);
};

/** SOL_NETLINK. */
const ofNetlink: Options = {
  [NETLINK_ADD_MEMBERSHIP]: {
    set(socket, value) {
      socket.groups |= bitOf(socket, value);
    },
  },
  [NETLINK_DROP_MEMBERSHIP]: {
    set(socket, value) {
      socket.groups &= ~bitOf(socket, value);
    },
  },
  [NETLINK_PKTINFO]: {
    get: ({ switches }) => (switches.tellsGroup ? 1 : 0),
    set({ switches }, value) {
      switches.tellsGroup = value !== 0;
    },
  },
  [NETLINK_NO_ENOBUFS]: {
    get: ({ switches }) => (switches.isSilent ? 1 : 0),
    set: (socket, value) => socket.setSilent(value !== 0),
  },
  ...Object.fromEntries(
    [NETLINK_BROADCAST_ERROR, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK].map((option) => [
      option,
      remembered(OF_NETLINK + option),
    ]),
  ),
};

const unknown = (option: number) => new Errno('ENOPROTOOPT', `option ${option} is not known`);

/** @param isNetlink whether the option is of SOL_NETLINK, not of SOL_SOCKET @throws Errno ENOPROTOOPT, and what the option says */
export function setOption(socket: NetlinkSocket, task: Task, isNetlink: boolean, option: number, value: number): void {
  const { set } = (isNetlink ? ofNetlink : general)[option] ?? {};
  if (set === undefined) throw unknown(option);
  set(socket, value, task);
}

/** See {@link setOption}. @throws Errno ENOPROTOOPT */
export function getOption(socket: NetlinkSocket, isNetlink: boolean, option: number): number {
  const { get } = (isNetlink ? ofNetlink : general)[option] ?? {};
  if (get === undefined) throw unknown(option);
  return get(socket);
}
