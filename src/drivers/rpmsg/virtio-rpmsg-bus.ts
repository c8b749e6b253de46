/** drivers/rpmsg/virtio_rpmsg_bus.c: rpmsg over two rings of a virtio device. Section 21 of docs/reference/remoteproc.md. */
import { Errno, isErrno } from '../../abi/index.ts';
import { RPMSG_ADDR_ANY, VIRTIO_ID_RPMSG } from '../../abi/uapi/index.ts';
import type { Device, Kernel, System } from '../../kernel/index.ts';
import {
  RPMSG_BUFFER_SIZE,
  RPMSG_NS_ADDR,
  RPMSG_NS_CREATE,
  RPMSG_NS_DESTROY,
  RPMSG_PAYLOAD_MAX,
  rpmsg_hdr,
  rpmsg_ns_msg,
  VIRTIO_RPMSG_F_NS,
} from '../../ports/rpmsg/index.ts';
import { registerVirtioDriver, VIRTIO_DEV_ANY_ID, type VirtioDevice, type Virtqueue } from '../../virtio/index.ts';
import { AddressTable } from './addresses.ts';
import { Endpoint, type ReceiveCallback } from './endpoint.ts';
import { MessageBuffers } from './message-buffers.ts';
import { RateLimit } from './rate-limit.ts';
import { rpmsgBus } from './rpmsg-bus.ts';
import { type ChannelInfo, RpmsgDevice, type RpmsgTransport } from './rpmsg-device.ts';
import { Transmitter } from './transmitter.ts';

/** `struct virtproc_info`: the bus of one remote processor. */
class VirtioRpmsgBus implements RpmsgTransport {
  readonly system: System;
  readonly parent: Device;
  readonly #device: VirtioDevice;
  readonly #rx: Virtqueue<number>;
  readonly #transmitter: Transmitter;
  readonly #buffers: MessageBuffers;
  readonly #addresses: AddressTable;
  readonly #strangers: RateLimit;
  /** The device has gone, with its rings and buffers. */
  #isGone = false;

  /** The first half of rpmsg_probe. @throws Errno what the transport says of the queues; ENOMEM */
  constructor(device: VirtioDevice) {
    this.system = device.system;
    this.#device = device;
    this.parent = device.device as Device;
    this.#addresses = new AddressTable(this.system.findings);
    this.#strangers = new RateLimit(this.system);
    this.system.kmalloc('struct virtproc_info');
    const queues = device.transport.findVqs(device, [
      { name: 'input', callback: () => this.#received() },
      { name: 'output', callback: () => this.#transmitter.used() },
    ]);
    const [rx, tx] = queues as [Virtqueue<number>, Virtqueue<number>];
    this.#rx = rx;
    if (rx.num !== tx.num)
      this.system.findings.report('rpmsg-rings-differ', `the rings of ${device.name} have ${rx.num} and ${tx.num} entries`);
    try {
      this.#buffers = new MessageBuffers(device.transport, rx.num);
    } catch (error) {
      device.transport.delVqs(device);
      throw error;
    }
    for (let buffer = 0; buffer < this.#buffers.count; buffer++) this.#offer(buffer);
    this.#transmitter = new Transmitter(device, tx, this.#buffers);
  }

  /** The second half: the control device, the name service, and the device is ready. */
  *start(): Kernel<void> {
    const device = this.#device;
    try {
      yield* this.#register('rpmsg_ctrl', 0);
      if (device.hasFeature(VIRTIO_RPMSG_F_NS)) yield* this.#register('rpmsg_ns', RPMSG_NS_ADDR);
    } catch (error) {
      yield* this.#end();
      throw error;
    }
    const notify = this.#rx.kickPrepare();
    device.ready();
    if (notify) this.#rx.notify();
    device.print('info', 'rpmsg host is online');
  }

  /** rpmsg_remove. */
  *remove(): Kernel<void> {
    this.#device.reset();
    this.#transmitter.going();
    yield* this.#end();
  }

  *#end(): Kernel<void> {
    const bus = rpmsgBus(this.system);
    // Others may come while one goes.
    for (let [next] = bus.of(this); next !== undefined; [next] = bus.of(this)) yield* bus.unregister(next);
    this.#isGone = true;
    this.#transmitter.gone();
    this.#device.transport.delVqs(this.#device);
    this.#buffers.free();
  }

  /** A channel for a driver of the kernel's own. */
  *#register(name: string, address: number): Kernel<void> {
    this.system.kmalloc('struct virtio_rpmsg_channel');
    const channel = new RpmsgDevice({ transport: this, name, src: address, dst: address, announce: false, driverOverride: name });
    yield* rpmsgBus(this.system).register(channel);
  }

  *createChannel(info: ChannelInfo): Kernel<RpmsgDevice | undefined> {
    const bus = rpmsgBus(this.system);
    const { name, src, dst } = info;
    if (this.#isGone) return undefined;
    if (bus.find(this, info) !== undefined) {
      this.#device.print('err', `channel ${name}:${src.toString(16)}:${dst.toString(16)} already exist`);
      return undefined;
    }
    const channel = new RpmsgDevice({ transport: this, name, src, dst, announce: src !== RPMSG_ADDR_ANY });
    try {
      this.system.kmalloc('struct virtio_rpmsg_channel');
      yield* bus.register(channel);
    } catch (error) {
      if (!isErrno(error)) throw error;
      channel.print('err', `device_add failed: ${-error.errno}`);
      return undefined;
    }
    return channel;
  }

  *releaseChannel(info: ChannelInfo): Kernel<void> {
    const bus = rpmsgBus(this.system);
    const channel = bus.find(this, info);
    if (channel === undefined) throw new Errno('EINVAL', `there is no channel ${info.name}`);
    yield* bus.unregister(channel);
  }

  createEndpoint(device: RpmsgDevice, callback: ReceiveCallback, priv: unknown, wanted: number): Endpoint | undefined {
    try {
      this.system.kmalloc('struct rpmsg_endpoint');
    } catch (error) {
      if (!isErrno(error)) throw error;
      return undefined;
    }
    const address = this.#addresses.choose(wanted);
    if (address < 0) {
      device.print('err', `idr_alloc failed: ${address}`);
      return undefined;
    }
    const endpoint = new Endpoint(device, address, callback, priv);
    this.#addresses.add(endpoint);
    this.system.ledger.add(endpoint);
    return endpoint;
  }

  *destroyEndpoint(endpoint: Endpoint): Kernel<void> {
    this.#addresses.remove(endpoint);
    yield* endpoint.callbackLock.lock();
    endpoint.callback = undefined;
    endpoint.callbackLock.unlock();
    this.system.ledger.remove(endpoint);
  }

  *send(endpoint: Endpoint, data: Uint8Array, destination: number): Kernel<void> {
    this.#check(endpoint, data, destination);
    yield* this.#transmitter.send(endpoint, data, destination);
  }

  trySend(endpoint: Endpoint, data: Uint8Array, destination: number): void {
    this.#check(endpoint, data, destination);
    this.#transmitter.trySend(endpoint, data, destination);
  }

  *announce(channel: RpmsgDevice, isGoing: boolean): Kernel<void> {
    const { endpoint, name } = channel;
    if (!channel.announce || endpoint === undefined || !this.#device.hasFeature(VIRTIO_RPMSG_F_NS)) return;
    const message = new Uint8Array(rpmsg_ns_msg.size);
    const flags = isGoing ? RPMSG_NS_DESTROY : RPMSG_NS_CREATE;
    rpmsg_ns_msg.encode(new DataView(message.buffer), 0, { name, addr: endpoint.address, flags });
    try {
      yield* this.send(endpoint, message, RPMSG_NS_ADDR);
    } catch (error) {
      if (isErrno(error)) channel.print('err', `failed to announce service ${-error.errno}`);
      throw error;
    }
  }

  #check({ address, device }: Endpoint, data: Uint8Array, destination: number): void {
    if (address === RPMSG_ADDR_ANY || destination === RPMSG_ADDR_ANY) {
      device.print('err', `invalid addr (src 0x${address.toString(16)}, dst 0x${destination.toString(16)})`);
      throw new Errno('EINVAL', 'a message goes from one address to one address');
    }
    if (data.length > RPMSG_PAYLOAD_MAX) {
      device.print('err', `message is too big (${data.length})`);
      throw new Errno('EMSGSIZE', `a message has at most ${RPMSG_PAYLOAD_MAX} bytes, not ${data.length}`);
    }
  }

  /** rpmsg_recv_done. */
  *#received(): Kernel<void> {
    let buffer = this.#rx.getBuf();
    if (buffer === undefined) this.#device.print('err', 'uhm, incoming signal, but no used buffer ?');
    let count = 0;
    while (buffer !== undefined && (yield* this.#receive(buffer, this.#rx.usedLength))) {
      count++;
      buffer = this.#rx.getBuf();
    }
    if (count > 0 && !this.#isGone) this.#rx.kick();
  }

  /** rpmsg_recv_single. @returns whether the buffer went back to the remote */
  *#receive(buffer: number, length: number): Kernel<boolean> {
    const { src, dst, len } = this.#buffers.header(buffer);
    // Below the header's size Linux's subtraction wraps, and nothing is too long.
    const room = length < rpmsg_hdr.size ? Number.POSITIVE_INFINITY : length - rpmsg_hdr.size;
    if (length > RPMSG_BUFFER_SIZE || len > room) {
      this.#device.print('warn', `inbound msg too big: (${length}, ${len})`);
      return false;
    }
    if (len > RPMSG_PAYLOAD_MAX)
      this.system.findings.report('rpmsg-read-beyond-buffer', `${this.#device.name} sent ${length} bytes that claim to be ${len}`);
    const endpoint = this.#addresses.find(dst);
    if (endpoint === undefined) this.#strangers.run(() => this.#device.print('warn', 'msg received with no recipient'));
    else yield* this.#deliver(endpoint, this.#buffers.payload(buffer, len), src);
    return !this.#isGone && this.#offer(buffer);
  }

  *#deliver(endpoint: Endpoint, data: Uint8Array, src: number): Kernel<void> {
    if (!endpoint.callbackLock.tryLock()) yield* endpoint.callbackLock.lock();
    try {
      const answer = endpoint.callback?.(endpoint, data, src);
      if (answer !== undefined) yield* answer;
    } finally {
      endpoint.callbackLock.unlock();
    }
  }

  /** Gives the remote a buffer to write a message into. */
  #offer(buffer: number): boolean {
    try {
      this.#rx.addInbuf(this.#buffers.segment(buffer, RPMSG_BUFFER_SIZE), buffer);
      return true;
    } catch (error) {
      if (!isErrno(error)) throw error;
      this.#device.print('err', `failed to add a virtqueue buffer: ${-error.errno}`);
      return false;
    }
  }
}

/** The driver of virtio devices that speak rpmsg. @returns what takes it away */
export function addVirtioRpmsgDriver(system: System): () => void {
  return registerVirtioDriver(system, {
    name: 'virtio_rpmsg_bus',
    idTable: [{ device: VIRTIO_ID_RPMSG, vendor: VIRTIO_DEV_ANY_ID }],
    featureTable: [VIRTIO_RPMSG_F_NS],
    *probe(device) {
      const bus = new VirtioRpmsgBus(device);
      device.driverData = bus;
      yield* bus.start();
    },
    *remove(device) {
      yield* (device.driverData as VirtioRpmsgBus).remove();
    },
  });
}
