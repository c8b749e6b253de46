/** net/netlink/af_netlink.c and lib/kobject_uevent.c: the sockets that events of devices come through. */
import { type Decoded, Errno } from '../abi/index.ts';
import { AF_NETLINK, AF_UNSPEC, NETLINK_KOBJECT_UEVENT, SOCK_DGRAM, SOCK_RAW, sockaddr_nl } from '../abi/uapi/index.ts';
import type { Kernel } from './colour.ts';
import { isCapable } from './credentials.ts';
import { GROUPS, type NetlinkMessage, NetlinkSocket, type SocketCredentials } from './netlink-socket.ts';
import type { Random } from './random.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';
import { type Uevent, ueventMessage } from './uevents.ts';

export type NetlinkAddress = Decoded<typeof sockaddr_nl>;

/** Of kernel messages: GLOBAL_ROOT_UID and no process. */
const KERNEL: SocketCredentials = { pid: 0, uid: 0, gid: 0 };
const EVENTS_GROUP = 1;

/** What a sk_buff takes besides its bytes: the struct, and what stands behind them (skb_shared_info). */
const HEAD = 256;
const BEHIND = 320;
/** SKB_SMALL_HEAD_CACHE_SIZE of a kernel with all network devices. */
const SMALL = 704;
const PAGE = 4096;

/** KMALLOC_MAX_SIZE, about: what no longer message to a group finds memory for. */
const ALLOCATION_MAX = 4 * 2 ** 20;

const alignedTo64 = (length: number) => Math.ceil(length / 64) * 64;

/** SKB_TRUESIZE of a message. @param toPort what is too large for a page is then not made of a power of two: netlink_alloc_large_skb */
function truesizeOf(length: number, toPort: boolean): number {
  const needed = alignedTo64(length) + BEHIND;
  if (needed <= SMALL) return SMALL + HEAD;
  if (toPort && needed > PAGE) return needed + HEAD;
  return 2 ** Math.ceil(Math.log2(needed)) + HEAD;
}

/** S32_MIN and the highest of the ports that are given to whom its own number is taken, as signed numbers. */
const PORTS_FROM = -0x80000000;
const PORTS_TO = -4097;

/** ffs: the number of the lowest bit, from 1. */
const lowest = (bits: number) => (bits === 0 ? 0 : 32 - Math.clz32(bits & -bits));
const isForMany = ({ nl_pid, nl_groups }: NetlinkAddress) => nl_pid !== 0 || nl_groups !== 0;
export const groupMask = (group: number) => (group === 0 ? 0 : (1 << (group - 1)) >>> 0);

/** @throws Errno EINVAL */
function addressOf(bytes: Uint8Array): NetlinkAddress {
  if (bytes.length < sockaddr_nl.size) throw new Errno('EINVAL', 'the address is too short');
  const address = sockaddr_nl.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
  if (address.nl_family !== AF_NETLINK) throw new Errno('EINVAL', `${address.nl_family} is another family of addresses`);
  return address;
}

/** What a program sends. */
export interface NetlinkSending {
  /** The address that it is for; undefined for the one of connect(2). */
  readonly name: Uint8Array | undefined;
  readonly length: number;
  readonly credentials: SocketCredentials;
  /** How long to wait for room where it goes to. */
  readonly timeout_ns: number;
  /** Called when all else is in order. */
  readonly takeBytes: () => Kernel<Uint8Array>;
}

/** The netlink sockets of a machine. */
export class Netlink {
  readonly #sockets = new Set<NetlinkSocket>();
  readonly #byPort = new Map<number, NetlinkSocket>();
  readonly #random: Random;
  /** The next port to give, as a signed number. */
  #rover = PORTS_TO;

  constructor(system: System) {
    this.#random = system.random('netlink ports');
    system.deviceModel.uevents.subscribe((event) => this.#tell(event));
  }

  /**
   * netlink_create.
   *
   * @throws Errno ESOCKTNOSUPPORT; EPROTONOSUPPORT for all protocols but NETLINK_KOBJECT_UEVENT: a machine has no network
   */
  create(type: number, protocol: number): NetlinkSocket {
    if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw new Errno('ESOCKTNOSUPPORT', 'netlink sockets are for datagrams');
    if (protocol !== NETLINK_KOBJECT_UEVENT) throw new Errno('EPROTONOSUPPORT', `there is no netlink protocol ${protocol}`);
    const socket = new NetlinkSocket(this, type);
    this.#sockets.add(socket);
    return socket;
  }

  remove(socket: NetlinkSocket): void {
    this.#sockets.delete(socket);
    if (this.#byPort.get(socket.portid) === socket) this.#byPort.delete(socket.portid);
  }

  /** netlink_bind. @throws Errno EINVAL, EADDRINUSE */
  bind(socket: NetlinkSocket, task: Task, name: Uint8Array): void {
    const { nl_pid, nl_groups } = addressOf(name);
    if (nl_groups !== 0) socket.groupCount = GROUPS;
    if (socket.isBound && nl_pid !== socket.portid) throw new Errno('EINVAL', `the socket has port ${socket.portid}`);
    if (!socket.isBound) {
      if (nl_pid !== 0) this.#insert(socket, nl_pid);
      else this.#autobind(socket, task);
    }
    socket.groups = nl_groups;
  }

  /** netlink_connect. @throws Errno EINVAL, EPERM */
  connect(socket: NetlinkSocket, task: Task, name: Uint8Array): void {
    const family = name.length < 2 ? -1 : (name[0] as number) | ((name[1] as number) << 8);
    if (family === AF_UNSPEC) {
      socket.peer = { portid: 0, group: 0, isConnected: false };
      return;
    }
    const address = addressOf(name);
    this.#assertMaySend(task, address);
    if (!socket.isBound) this.#autobind(socket, task);
    socket.peer = { portid: address.nl_pid, group: lowest(address.nl_groups), isConnected: true };
  }

  /**
   * netlink_sendmsg.
   *
   * @throws Errno EINVAL, EPERM, EMSGSIZE, ENOBUFS, ECONNREFUSED, EAGAIN, ERESTARTSYS, what `takeBytes` throws
   */
  *send(socket: NetlinkSocket, task: Task, sending: NetlinkSending): Kernel<number> {
    const { name, length, credentials } = sending;
    const to = name === undefined ? undefined : addressOf(name);
    if (to !== undefined) this.#assertMaySend(task, to);
    const portid = to?.nl_pid ?? socket.peer.portid;
    const group = to === undefined ? socket.peer.group : lowest(to.nl_groups);
    if (!socket.isBound) this.#autobind(socket, task);
    if (length > socket.sendBuffer - 32) throw new Errno('EMSGSIZE', `a message may have ${socket.sendBuffer - 32} bytes`);
    if (length > ALLOCATION_MAX) throw new Errno('ENOBUFS', `a message may have ${ALLOCATION_MAX} bytes`);
    const bytes = yield* sending.takeBytes();
    const message = { bytes, portid: socket.portid, group, credentials, truesize: truesizeOf(length, group === 0) };
    if (group !== 0) this.#broadcast(message, portid, socket);
    // The kernel takes what is sent to it; what it does with requests is for user namespaces, which a machine has not.
    if (portid === 0) return length;
    const receiver = this.#byPort.get(portid);
    if (receiver === undefined) throw new Errno('ECONNREFUSED', `nobody has port ${portid}`);
    if (receiver.peer.isConnected && receiver.peer.portid !== socket.portid)
      throw new Errno('ECONNREFUSED', `port ${portid} hears from another only`);
    yield* receiver.take(message, sending.timeout_ns);
    return length;
  }

  /** uevent_net_broadcast. */
  #tell(event: Uevent): void {
    const bytes = Buffer.from(ueventMessage(event), 'latin1');
    this.#broadcast(
      { bytes, portid: 0, group: EVENTS_GROUP, credentials: KERNEL, truesize: truesizeOf(bytes.length, false) },
      0,
      undefined,
    );
  }

  /** do_one_broadcast. @param exceptPort it gets the message by itself */
  #broadcast(message: NetlinkMessage, exceptPort: number, sender: NetlinkSocket | undefined): void {
    for (const socket of this.#sockets) {
      if (socket === sender || !socket.hears(message.group)) continue;
      if (socket.portid !== exceptPort) socket.deliver(message);
    }
  }

  /** NL_CFG_F_NONROOT_SEND is not set for this protocol. @throws Errno EPERM */
  #assertMaySend(task: Task, address: NetlinkAddress): void {
    if (isForMany(address) && !isCapable(task.credentials)) throw new Errno('EPERM', 'only root may send to groups and ports');
  }

  /** netlink_insert. @throws Errno EADDRINUSE */
  #insert(socket: NetlinkSocket, portid: number): void {
    // Linux, too, forgets to take it back when that fails.
    socket.portid = portid;
    if (this.#byPort.has(portid)) throw new Errno('EADDRINUSE', `port ${portid} is taken`);
    this.#byPort.set(portid, socket);
    socket.isBound = true;
  }

  /** netlink_autobind: the number of the process, or else one that no process has. */
  #autobind(socket: NetlinkSocket, task: Task): void {
    let portid = task.tgid;
    while (this.#byPort.has(portid)) {
      if (this.#rover === PORTS_TO) this.#rover = PORTS_FROM + this.#random.below(PORTS_TO - PORTS_FROM + 1);
      else if (this.#rover > PORTS_TO) this.#rover = PORTS_TO;
      portid = this.#rover >>> 0;
      this.#rover = (this.#rover - 1) | 0;
    }
    this.#insert(socket, portid);
  }
}

const makeNetlink = (system: System) => new Netlink(system);

/** The netlink sockets of a machine. */
export const netlink = (system: System): Netlink => system.single(makeNetlink);
