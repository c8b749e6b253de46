/** drivers/rpmsg/rpmsg_ctrl.c: /dev/rpmsg_ctrlN, by which programs make endpoints and channels. Section 23.2 of docs/reference/remoteproc.md. */
import { Errno } from '../../abi/index.ts';
import {
  RPMSG_ADDR_ANY,
  RPMSG_CREATE_DEV_IOCTL,
  RPMSG_CREATE_EPT_IOCTL,
  RPMSG_RELEASE_DEV_IOCTL,
  rpmsg_endpoint_info,
} from '../../abi/uapi/index.ts';
import { copyStructFromUser, type FileOperations, type Kernel, Mutex, type System, type Task } from '../../kernel/index.ts';
import { RPMSG_NAME_SIZE } from '../../ports/rpmsg/index.ts';
import { EndpointNode } from './endpoint-node.ts';
import { Nodes } from './nodes.ts';
import type { ChannelInfo, RpmsgDevice, RpmsgDriver } from './rpmsg-device.ts';

const makeNodes = (system: System) => new Nodes(system, 'rpmsg_ctrl', 'rpmsg_ctrl');

/** /dev/rpmsg_ctrlN. */
export const controlNodes = (system: System): Nodes => system.single(makeNodes);

/** `struct rpmsg_ctrldev`. */
class ControlNode {
  readonly #channel: RpmsgDevice;
  readonly #system: System;
  readonly #nodes: Nodes;
  readonly #number: number;
  readonly #lock: Mutex;
  readonly #endpoints = new Set<EndpointNode>();
  #holders = 1;
  #removeNode: (() => void) | undefined;

  /** @throws Errno ENOMEM */
  constructor(channel: RpmsgDevice) {
    const { system } = channel.transport;
    system.kmalloc('struct rpmsg_ctrldev');
    this.#channel = channel;
    this.#system = system;
    this.#nodes = controlNodes(system);
    this.#number = this.#nodes.take();
    this.#lock = new Mutex(`/dev/${this.#name}`);
    try {
      this.#removeNode = this.#nodes.add(this.#number, this.#operations(), channel.device as never);
    } catch (error) {
      this.#nodes.giveBack(this.#number);
      throw error;
    }
  }

  /** rpmsg_ctrldev_remove: all endpoints that were made by it go, too. */
  *remove(): Kernel<void> {
    yield* this.#lock.lock();
    for (const endpoint of [...this.#endpoints]) yield* endpoint.destroy();
    this.#lock.unlock();
    this.#removeNode?.();
    this.#removeNode = undefined;
    this.#put();
  }

  #operations(): FileOperations<undefined> {
    return {
      open: () => {
        this.#holders++;
      },
      release: () => this.#put(),
      ioctl: (_file, request, argument, task) => this.#ioctl(request, argument, task),
      requests: [RPMSG_CREATE_EPT_IOCTL, RPMSG_CREATE_DEV_IOCTL, RPMSG_RELEASE_DEV_IOCTL],
    };
  }

  /** The argument is copied before anybody looks at the request. */
  *#ioctl(request: number, argument: number, task: Task): Kernel<number> {
    const { name, src, dst } = yield* copyStructFromUser(task.memory, rpmsg_endpoint_info, argument);
    const info = { name: name.slice(0, RPMSG_NAME_SIZE - 1), src, dst };
    if (this.#isOwn(request, info)) {
      this.#system.findings.report('rpmsg-ends-itself', `${task.describe()} ends the channel of /dev/${this.#name} by a request to it`);
      throw new Errno('EDEADLK', 'Linux would wait for itself');
    }
    yield* this.#lock.lock();
    try {
      yield* this.#run(request, info);
    } finally {
      this.#lock.unlock();
    }
    return 0;
  }

  *#run(request: number, info: ChannelInfo): Kernel<void> {
    switch (request) {
      case RPMSG_CREATE_EPT_IOCTL.number:
        // The new device's parent has no folder any more.
        if (this.#removeNode === undefined) throw new Errno('ENOENT', `/dev/${this.#name} has gone`);
        this.#createEndpoint(info);
        return;
      case RPMSG_CREATE_DEV_IOCTL.number:
        if (this.#isGone() || (yield* this.#channel.transport.createChannel(info)) === undefined) {
          this.#print(`failed to create ${info.name} channel`);
          throw new Errno('ENXIO', `there is a channel ${info.name}, or no memory for one`);
        }
        return;
      case RPMSG_RELEASE_DEV_IOCTL.number:
        try {
          if (this.#isGone()) throw new Errno('EINVAL', 'there are no channels any more');
          yield* this.#channel.transport.releaseChannel(info);
        } catch (error) {
          if (error instanceof Errno) this.#print(`failed to release ${info.name} channel (${-error.errno})`);
          throw error;
        }
        return;
      default:
        throw new Errno('EINVAL', 'no such request');
    }
  }

  #createEndpoint(info: ChannelInfo): void {
    const parent = this.#nodes.device(this.#number);
    new EndpointNode({ channel: this.#channel, parent, info, siblings: this.#endpoints });
  }

  /** Whether a request would end the channel whose node it came to, with its lock held. */
  #isOwn(request: number, { name, src, dst }: ChannelInfo): boolean {
    const own = this.#channel;
    const isAddress = (wanted: number, address: number) => wanted === RPMSG_ADDR_ANY || wanted === address;
    return request === RPMSG_RELEASE_DEV_IOCTL.number && name === own.name && isAddress(src, own.src) && isAddress(dst, own.dst);
  }

  /** The file outlived the processor: Linux would use a channel that has been freed. */
  #isGone(): boolean {
    if (this.#removeNode !== undefined) return false;
    this.#system.findings.report('rpmsg-control-gone', `a request to /dev/${this.#name}, whose remote processor has gone`);
    return true;
  }

  #print(text: string): void {
    this.#system.log.print('err', `rpmsg ${this.#name}: ${text}`);
  }

  get #name(): string {
    return this.#nodes.name(this.#number);
  }

  #put(): void {
    if (--this.#holders === 0) this.#nodes.giveBack(this.#number);
  }
}

export const rpmsgCtrlDriver: RpmsgDriver = {
  name: 'rpmsg_ctrl',
  probe(channel) {
    channel.driverData = new ControlNode(channel);
  },
  *remove(channel) {
    yield* (channel.driverData as ControlNode).remove();
  },
};
