import { type Decoded, Errno } from '../abi/index.ts';
import { POLLERR, POLLIN, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM, type ucred } from '../abi/uapi/index.ts';
import type { Kernel } from './colour.ts';
import type { Netlink } from './netlink.ts';
import type { SocketFilter } from './socket-filter.ts';
import { WaitQueue, wait } from './wait.ts';

export type SocketCredentials = Decoded<typeof ucred>;

/** What waits in a socket. */
export interface NetlinkMessage {
  readonly bytes: Uint8Array;
  /** The port of who sent it; 0 is the kernel. */
  readonly portid: number;
  /** The group that it was sent to, from 1; 0 when it was sent to a port. */
  readonly group: number;
  readonly credentials: SocketCredentials;
  /** What it counts for in the room of who receives it, in bytes. */
  readonly truesize: number;
}

/** net.core.rmem_default and wmem_default. */
const BUFFER_DEFAULT = 212_992;
/** What waits takes at most so much of the machine's own memory, whatever SO_RCVBUFFORCE said: as much as udev asks for. */
const ROOM_MAX = 128 * 2 ** 20;
/** Groups of a protocol that says nothing else. */
export const GROUPS = 32;

/** The key of sock_def_readable. */
const READABLE = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;

/** What setsockopt(2) can switch. */
export interface SocketSwitches {
  passesCredentials: boolean;
  /** NETLINK_PKTINFO: each message says to which group it was sent. */
  tellsGroup: boolean;
  /** NETLINK_NO_ENOBUFS: messages that find no room are lost without a word. */
  isSilent: boolean;
}

/** net/netlink/af_netlink.c: a socket of NETLINK_KOBJECT_UEVENT. */
export class NetlinkSocket {
  readonly type: number;
  readonly table: Netlink;
  readonly changed = new WaitQueue('a message on a netlink socket');
  readonly #room = new WaitQueue('room in a netlink socket');
  readonly switches: SocketSwitches = { passesCredentials: false, tellsGroup: false, isSilent: false };
  /** Options of SOL_SOCKET that are only remembered, by number. */
  readonly remembered = new Map<number, number>();
  portid = 0;
  isBound = false;
  /** A bit for each group that it listens to. */
  groups = 0;
  /** How many groups can be listened to: none before the first is asked for. */
  groupCount = 0;
  /** connect(2): whom it sends to, and alone hears from. */
  peer: { portid: number; group: number; isConnected: boolean } = { portid: 0, group: 0, isConnected: false };
  receiveBuffer = BUFFER_DEFAULT;
  sendBuffer = BUFFER_DEFAULT;
  receiveTimeout_ns = Number.POSITIVE_INFINITY;
  sendTimeout_ns = Number.POSITIVE_INFINITY;
  filter: SocketFilter | undefined;
  isFilterLocked = false;
  /** sk_drops. */
  dropped = 0;
  /** sk_rmem_alloc. */
  taken = 0;
  /** NETLINK_S_CONGESTED: nothing comes in any more before all that waits has been received. */
  #isCongested = false;
  #hasLost = false;
  #inbox: NetlinkMessage[] = [];

  constructor(table: Netlink, type: number) {
    this.table = table;
    this.type = type;
  }

  hears(group: number): boolean {
    return group <= this.groupCount && (this.groups & (1 << (group - 1))) !== 0;
  }

  /** Bits of poll(2): datagram_poll. It can always be written to. */
  get readiness(): number {
    return POLLOUT | POLLWRNORM | POLLWRBAND | (this.#hasLost ? POLLERR : 0) | (this.#inbox.length > 0 ? POLLIN | POLLRDNORM : 0);
  }

  /** A message of a group: lost when there is no room, and the next call says so (netlink_broadcast_deliver, netlink_overrun). */
  deliver(message: NetlinkMessage): void {
    const passed = this.#pass(message);
    if (passed === undefined) return;
    if (this.#hasRoom(passed)) this.#put(passed);
    else this.#overrun();
  }

  /**
   * A message to this port: waits for room (netlink_attachskb).
   *
   * @throws Errno EAGAIN, ERESTARTSYS
   */
  *take(message: NetlinkMessage, timeout_ns: number): Kernel<void> {
    const passed = this.#pass(message);
    if (passed === undefined) return;
    const canEnd = () => this.#hasRoom(passed) || !this.isBound;
    if (!canEnd() && (timeout_ns === 0 || !(yield* wait(this.#room, canEnd, { timeout_ns }))))
      throw new Errno('EAGAIN', 'the receiver has no room');
    if (!this.isBound) throw new Errno('ECONNREFUSED', 'the receiver has gone');
    this.#put(passed);
  }

  /**
   * The next message, waited for. @param keeps MSG_PEEK @throws Errno ENOBUFS, once, when messages have been lost; EAGAIN when the
   * time is up; ERESTARTSYS
   */
  *receive(timeout_ns: number, keeps: boolean): Kernel<NetlinkMessage> {
    const isReady = () => this.#hasLost || this.#inbox.length > 0;
    try {
      if (!isReady() && (timeout_ns === 0 || !(yield* wait(this.changed, isReady, { timeout_ns }))))
        throw new Errno('EAGAIN', 'no message waits');
      if (this.takeError()) throw new Errno('ENOBUFS', 'messages found no room and are lost');
      const message = this.#inbox[0] as NetlinkMessage;
      if (!keeps) this.#drop();
      return message;
    } finally {
      if (this.#inbox.length === 0) this.#isCongested = false;
      if (!this.#isCongested) this.#room.wake();
    }
  }

  /** SO_ERROR: whether messages have been lost since it was asked last. */
  takeError(): boolean {
    const had = this.#hasLost;
    this.#hasLost = false;
    return had;
  }

  /** Of NETLINK_NO_ENOBUFS. */
  setSilent(isSilent: boolean): void {
    this.switches.isSilent = isSilent;
    if (!isSilent) return;
    this.#isCongested = false;
    this.#room.wake();
  }

  release(): void {
    this.table.remove(this);
    this.isBound = false;
    this.#inbox = [];
    this.#room.wakeAll();
  }

  /** What the filter lets through of a message; undefined for nothing. */
  #pass(message: NetlinkMessage): NetlinkMessage | undefined {
    if (this.filter === undefined) return message;
    const length = this.filter.run(message.bytes);
    if (length === 0) return undefined;
    return length < message.bytes.length ? { ...message, bytes: message.bytes.subarray(0, length) } : message;
  }

  #hasRoom({ truesize }: NetlinkMessage): boolean {
    return !this.#isCongested && (this.taken === 0 || this.taken + truesize <= Math.min(this.receiveBuffer, ROOM_MAX));
  }

  #put(message: NetlinkMessage): void {
    this.#inbox.push(message);
    this.taken += message.truesize;
    this.changed.wake(READABLE);
  }

  #drop(): void {
    const { truesize } = this.#inbox.shift() as NetlinkMessage;
    this.taken -= truesize;
  }

  #overrun(): void {
    this.dropped++;
    if (this.switches.isSilent || this.#isCongested) return;
    this.#isCongested = true;
    this.#hasLost = true;
    this.changed.wake(POLLERR);
  }
}
