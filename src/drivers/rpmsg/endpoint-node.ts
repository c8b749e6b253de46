/** drivers/rpmsg/rpmsg_char.c: endpoints as files, /dev/rpmsgN. Section 23.3 of docs/reference/remoteproc.md. */
import { Errno, i32, isErrno } from '../../abi/index.ts';
import {
  O_NONBLOCK,
  POLLERR,
  POLLIN,
  POLLPRI,
  POLLRDNORM,
  RPMSG_DESTROY_EPT_IOCTL,
  RPMSG_GET_OUTGOING_FLOWCONTROL,
  RPMSG_SET_INCOMING_FLOWCONTROL,
} from '../../abi/uapi/index.ts';
import {
  copyStructToUser,
  type Device,
  type File,
  type FileOperations,
  type Kernel,
  Mutex,
  type PollTable,
  type System,
  type Task,
  type UserBuffer,
  WaitQueue,
  waitOrAgain,
} from '../../kernel/index.ts';
import type { Endpoint, ReceiveCallback } from './endpoint.ts';
import { Nodes } from './nodes.ts';
import type { ChannelInfo, RpmsgDevice } from './rpmsg-device.ts';

/** What one kmalloc gives at most: KMALLOC_MAX_SIZE. */
const KMALLOC_MAX_SIZE = 4 * 2 ** 20;

const makeNodes = (system: System) => new Nodes(system, 'rpmsg_char', 'rpmsg');

/** /dev/rpmsgN. */
export const endpointNodes = (system: System): Nodes => system.single(makeNodes);

export interface EndpointNodeDescription {
  readonly channel: RpmsgDevice;
  readonly parent: Device;
  readonly info: ChannelInfo;
  /** The nodes of the parent, which this one is among until it is destroyed. */
  readonly siblings: Set<EndpointNode>;
  /** That of the channel; left out, one is made whenever the file is opened. */
  readonly endpoint?: Endpoint;
}

/** `struct rpmsg_eptdev`: an endpoint that there is while its file is open, or that of a channel. */
export class EndpointNode {
  readonly kind = 'object';
  readonly info: ChannelInfo;
  readonly #system: System;
  readonly #number: number;
  /** Undefined when it has been destroyed. */
  #channel: RpmsgDevice | undefined;
  readonly #defaultEndpoint: Endpoint | undefined;
  /** While the file is open. */
  #endpoint: Endpoint | undefined;
  readonly #lock: Mutex;
  readonly #messages: Uint8Array[] = [];
  readonly #readQueue: WaitQueue;
  #isRestricted = false;
  #isFlowUpdated = false;
  /** The node, and those who have it open. */
  #holders = 1;
  #removeNode: (() => void) | undefined;

  readonly #siblings: Set<EndpointNode>;

  /** rpmsg_chrdev_eptdev_create: adds the node. @throws Errno ENOMEM */
  constructor({ channel, parent, info, siblings, endpoint }: EndpointNodeDescription) {
    const { system } = channel.transport;
    system.kmalloc('struct rpmsg_eptdev');
    this.#system = system;
    this.#channel = channel;
    this.info = info;
    this.#defaultEndpoint = endpoint;
    this.#siblings = siblings;
    const nodes = endpointNodes(system);
    this.#number = nodes.take();
    const name = nodes.name(this.#number);
    this.#lock = new Mutex(`/dev/${name}`);
    this.#readQueue = new WaitQueue(`a message on /dev/${name}`);
    try {
      this.#removeNode = nodes.add(this.#number, this.#operations(), parent, this.#attributes());
    } catch (error) {
      nodes.giveBack(this.#number);
      throw error;
    }
    siblings.add(this);
    system.ledger.add(this);
  }

  /** rpmsg_ept_cb: for ever more messages, as long as there is memory. */
  received(data: Uint8Array): void {
    try {
      this.#system.kmalloc('struct sk_buff', 'GFP_ATOMIC');
    } catch (error) {
      if (isErrno(error)) return;
      throw error;
    }
    this.#messages.push(data.slice());
    this.#readQueue.wake();
  }

  /** rpmsg_ept_flow_cb. */
  flowChanged(isRestricted: boolean): void {
    this.#isRestricted = isRestricted;
    this.#isFlowUpdated = true;
    this.#readQueue.wake();
  }

  /** rpmsg_chrdev_eptdev_destroy: the node goes, and readers that wait learn that there is no endpoint any more. */
  *destroy(): Kernel<void> {
    if (this.#removeNode === undefined) {
      this.#system.findings.report('rpmsg-endpoint-gone', `${this.describe()} was destroyed a second time`);
      return;
    }
    yield* this.#lock.lock();
    this.#channel = undefined;
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    // The endpoint of a channel ends with the channel.
    if (endpoint !== undefined && this.#defaultEndpoint === undefined) yield* endpoint.device.transport.destroyEndpoint(endpoint);
    this.#lock.unlock();
    this.#readQueue.wake();
    const removeNode = this.#removeNode;
    this.#removeNode = undefined;
    if (removeNode === undefined) return;
    this.#siblings.delete(this);
    removeNode();
    this.#put();
  }

  #operations(): FileOperations<undefined> {
    return {
      open: () => this.#open(),
      release: () => this.#release(),
      read: (file, to) => this.#read(file, to),
      write: (file, from) => this.#write(file, from),
      poll: (_file, table) => this.#poll(table),
      ioctl: (_file, request, argument, task) => this.#ioctl(request, argument, task),
      requests: [RPMSG_DESTROY_EPT_IOCTL, RPMSG_GET_OUTGOING_FLOWCONTROL, RPMSG_SET_INCOMING_FLOWCONTROL],
    };
  }

  *#open(): Kernel<void> {
    yield* this.#lock.lock();
    try {
      if (this.#endpoint !== undefined) throw new Errno('EBUSY', `${this.describe()} is open already`);
      const channel = this.#channel;
      if (channel === undefined) throw new Errno('ENETRESET', `the remote processor of ${this.describe()} has gone`);
      const endpoint = this.#defaultEndpoint ?? channel.transport.createEndpoint(channel, received, this, this.info.src);
      if (endpoint === undefined) {
        this.#system.log.print('err', `rpmsg ${this.#name}: failed to open ${this.info.name}`);
        throw new Errno('EINVAL', `address ${this.info.src} cannot be had`);
      }
      endpoint.flowCallback = flowChanged;
      this.#endpoint = endpoint;
      this.#holders++;
    } finally {
      this.#lock.unlock();
    }
  }

  *#release(): Kernel<void> {
    yield* this.#lock.lock();
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (endpoint !== undefined && this.#defaultEndpoint === undefined) yield* endpoint.device.transport.destroyEndpoint(endpoint);
    this.#lock.unlock();
    this.#isFlowUpdated = false;
    this.#messages.length = 0;
    this.#put();
  }

  /** One message a call; what does not fit is lost. */
  *#read(file: File, to: UserBuffer): Kernel<number> {
    if (this.#endpoint === undefined) throw new Errno('EPIPE', `${this.describe()} has no endpoint`);
    if (this.#messages.length === 0) {
      yield* waitOrAgain(file, this.#readQueue, () => this.#messages.length > 0 || this.#endpoint === undefined);
      if (this.#endpoint === undefined) throw new Errno('EPIPE', `${this.describe()} has lost its endpoint`);
    }
    const message = this.#messages.shift();
    if (message === undefined) throw new Errno('EFAULT', 'another reader was faster');
    const wanted = Math.min(message.length, to.remaining);
    if (wanted === 0) return 0;
    if ((yield* to.put(message)) < wanted) throw new Errno('EFAULT', 'not all of the message could be written');
    return wanted;
  }

  *#write(file: File, from: UserBuffer): Kernel<number> {
    const length = from.remaining;
    if (length > KMALLOC_MAX_SIZE) throw new Errno('ENOMEM', `${length} bytes are not to be had in one piece`);
    this.#system.kmalloc('rpmsg message');
    const message = yield* from.take(length);
    if (!this.#lock.tryLock()) yield* this.#lock.lock({ mode: 'interruptible' });
    try {
      const endpoint = this.#endpoint;
      if (endpoint === undefined) throw new Errno('EPIPE', `${this.describe()} has no endpoint`);
      const { transport } = endpoint.device;
      if ((file.flags & O_NONBLOCK) === 0) yield* transport.send(endpoint, message, this.info.dst);
      else this.#trySend(endpoint, message);
    } finally {
      this.#lock.unlock();
    }
    return length;
  }

  #trySend(endpoint: Endpoint, message: Uint8Array): void {
    try {
      endpoint.device.transport.trySend(endpoint, message, this.info.dst);
    } catch (error) {
      if (isErrno(error, 'ENOMEM')) throw new Errno('EAGAIN', error.reason);
      throw error;
    }
  }

  /** Over virtio 6.12 never says that there is room to send. */
  *#poll(table: PollTable): Kernel<number> {
    if (this.#endpoint === undefined) return POLLERR;
    table.wait(this.#readQueue);
    const mask = (this.#messages.length > 0 ? POLLIN | POLLRDNORM : 0) | (this.#isFlowUpdated ? POLLPRI : 0);
    // A writer that waits for a buffer keeps who polls waiting.
    if (!this.#lock.tryLock()) yield* this.#lock.lock();
    this.#lock.unlock();
    return mask;
  }

  *#ioctl(request: number, argument: number, task: Task): Kernel<number> {
    switch (request) {
      case RPMSG_GET_OUTGOING_FLOWCONTROL.number:
        this.#isFlowUpdated = false;
        yield* copyStructToUser(task.memory, i32, argument, this.#isRestricted ? 1 : 0);
        return 0;
      case RPMSG_SET_INCOMING_FLOWCONTROL.number:
        if (argument !== 0 && argument !== 1) throw new Errno('EINVAL', 'restricted or not: 1 or 0');
        if (this.#endpoint === undefined) {
          this.#system.findings.report('rpmsg-endpoint-gone', `flow control of ${this.describe()}, which has no endpoint any more`);
          throw new Errno('EINVAL', 'there is no endpoint any more');
        }
        throw new Errno('EOPNOTSUPP', 'rpmsg over virtio has no flow control');
      case RPMSG_DESTROY_EPT_IOCTL.number:
        if (this.#defaultEndpoint !== undefined) throw new Errno('EINVAL', 'the endpoint is that of a channel');
        yield* this.destroy();
        return 0;
      default:
        throw new Errno('EINVAL', 'no such request');
    }
  }

  #attributes() {
    const { name, src, dst } = this.info;
    const constant = (file: string, text: string) => ({ name: file, mode: 0o444, show: () => `${text}\n` });
    return { attributes: [constant('name', name), constant('src', `${src | 0}`), constant('dst', `${dst | 0}`)] };
  }

  get #name(): string {
    return endpointNodes(this.#system).name(this.#number);
  }

  /** put_device: the number is free when nobody has the file open any more either. */
  #put(): void {
    if (--this.#holders > 0) return;
    endpointNodes(this.#system).giveBack(this.#number);
    this.#system.ledger.remove(this);
  }

  describe(): string {
    return `/dev/${this.#name}`;
  }
}

export const received: ReceiveCallback = (endpoint, data) => (endpoint.priv as EndpointNode | undefined)?.received(data);
const flowChanged = (endpoint: Endpoint, isRestricted: boolean) => (endpoint.priv as EndpointNode | undefined)?.flowChanged(isRestricted);
