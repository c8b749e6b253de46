/** linux/rpmsg.h: channels, their drivers, and what a transport does for them. */
import { type Device, type Kernel, type LogLine, type MaybeKernel, Mutex, type System } from '../../kernel/index.ts';
import type { Endpoint, FlowCallback, ReceiveCallback } from './endpoint.ts';

/** `struct rpmsg_channel_info`; RPMSG_ADDR_ANY where an address does not matter. */
export interface ChannelInfo {
  /** At most 31 characters. */
  readonly name: string;
  readonly src: number;
  readonly dst: number;
}

/** What a transport does: `struct rpmsg_device_ops` and `struct rpmsg_endpoint_ops`. */
export interface RpmsgTransport {
  readonly system: System;
  /** Whose children the channels are. */
  readonly parent: Device;
  /** rpmsg_create_channel. @returns undefined when there is such a channel, or no memory: the log says which */
  createChannel(info: ChannelInfo): Kernel<RpmsgDevice | undefined>;
  /** rpmsg_release_channel. @throws Errno EINVAL when there is none */
  releaseChannel(info: ChannelInfo): Kernel<void>;
  /** rpmsg_create_ept. @param address RPMSG_ADDR_ANY for a free one @returns undefined when it is taken, or there is no memory */
  createEndpoint(device: RpmsgDevice, callback: ReceiveCallback, priv: unknown, address: number): Endpoint | undefined;
  /** rpmsg_destroy_ept: its callback does not run any more when this returns. */
  destroyEndpoint(endpoint: Endpoint): Kernel<void>;
  /** rpmsg_sendto: waits for a buffer. @throws Errno EINVAL, EMSGSIZE, ERESTARTSYS after 15 s, what the queue says */
  send(endpoint: Endpoint, data: Uint8Array, destination: number): Kernel<void>;
  /** rpmsg_trysendto. @throws Errno the same, and ENOMEM without a buffer */
  trySend(endpoint: Endpoint, data: Uint8Array, destination: number): void;
  /** Tells the remote that a service of Linux's comes or goes. @throws Errno as of {@link send} */
  announce(device: RpmsgDevice, isGoing: boolean): Kernel<void>;
}

/** `struct rpmsg_driver`. */
export interface RpmsgDriver {
  readonly name: string;
  /** Names of channels that it serves. Without them only who is told to, by driver_override. */
  readonly idTable?: readonly string[];
  /** With one, a channel gets an endpoint before it is probed. */
  readonly callback?: ReceiveCallback;
  readonly flowControl?: FlowCallback;
  /** @throws Errno it does not take the channel */
  readonly probe: (device: RpmsgDevice) => MaybeKernel<void>;
  readonly remove?: (device: RpmsgDevice) => MaybeKernel<void>;
}

export interface RpmsgDeviceDescription extends ChannelInfo {
  readonly transport: RpmsgTransport;
  readonly announce: boolean;
  readonly driverOverride?: string;
}

/** `struct rpmsg_device`: a channel, on the rpmsg bus. */
export class RpmsgDevice {
  readonly transport: RpmsgTransport;
  readonly name: string;
  /** As its folder is called: it keeps the addresses that it was made with. */
  readonly path: string;
  /** Becomes the address of its endpoint. */
  src: number;
  readonly dst: number;
  /** Whether the remote is told of it. */
  readonly announce: boolean;
  driverOverride: string | undefined;
  /** Made for a driver with a callback, or by a driver. */
  endpoint: Endpoint | undefined;
  driver: RpmsgDriver | undefined;
  /** What the driver keeps with it. */
  driverData: unknown;
  /** Undefined before it is registered. */
  device: Device | undefined;
  /** device_lock: held while it gets or loses a driver. */
  readonly lock: Mutex;

  constructor({ transport, name, src, dst, announce, driverOverride }: RpmsgDeviceDescription) {
    this.transport = transport;
    this.name = name;
    this.src = src;
    this.dst = dst;
    this.announce = announce;
    this.driverOverride = driverOverride;
    this.path = `${transport.parent.name}.${name}.${src | 0}.${dst | 0}`;
    this.lock = new Mutex(`rpmsg channel ${this.path}`);
  }

  /** dev_err and its like. */
  print(level: LogLine['level'], text: string): void {
    this.transport.system.log.print(level, `${this.driver?.name ?? 'rpmsg'} ${this.path}: ${text}`);
  }
}
