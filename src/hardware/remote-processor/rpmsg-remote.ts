/** rpmsg as firmware of a remote processor speaks it: section 21 of docs/reference/remoteproc.md, seen from the other end. */
import { type Decoded, Errno } from '../../abi/index.ts';
import { RPMSG_ADDR_ANY } from '../../abi/uapi/index.ts';
import {
  RPMSG_NS_ADDR,
  RPMSG_NS_CREATE,
  RPMSG_NS_DESTROY,
  RPMSG_PAYLOAD_MAX,
  RX_QUEUE,
  rpmsg_hdr,
  rpmsg_ns_msg,
  TX_QUEUE,
} from '../../ports/rpmsg/index.ts';
import type { DeviceBuffer, DeviceMemory, DeviceRing } from '../../virtio/index.ts';

export interface RpmsgRemoteDescription {
  /** As the processor sees it. */
  readonly memory: DeviceMemory;
  /** Queue 0 of the device, by which Linux receives. */
  readonly rx: DeviceRing;
  /** Queue 1, by which Linux sends. */
  readonly tx: DeviceRing;
  /** Interrupts Linux for a queue. */
  readonly interrupt: (queue: number) => void;
}

/** Takes a message. @param data the receiver's own @param source who sent it, and gets what {@link RpmsgRemote.send} answers */
export type RemoteCallback = (data: Uint8Array, source: number) => void;

/** A message that waits until Linux gives a buffer for it. */
interface Outgoing {
  readonly source: number;
  readonly destination: number;
  readonly data: Uint8Array;
}

/** Addresses below are for services that are known beforehand, as Linux has it. */
const FIRST_DYNAMIC = 1024;

/**
 * Endpoints of a remote processor. It has no time of its own: it works when it is told that Linux has kicked a queue, and when it sends.
 *
 * Invariants: (1) messages go out in the order they were sent; (2) while one waits for a buffer no other is taken in, so Linux feels it:
 * the buffers that it sends from stay with the processor.
 */
export class RpmsgRemote {
  readonly #description: RpmsgRemoteDescription;
  readonly #endpoints = new Map<number, RemoteCallback>();
  readonly #waiting: Outgoing[] = [];
  #isPaused = false;
  #isReceiving = false;
  /** Messages that came for an address that nobody has. */
  strays = 0;
  /** Told of services that Linux announces. */
  onAnnouncement: ((name: string, address: number, isGoing: boolean) => void) | undefined;

  constructor(description: RpmsgRemoteDescription) {
    this.#description = description;
    this.createEndpoint(RPMSG_NS_ADDR, (data) => this.#announced(data));
  }

  /** Messages that wait until Linux gives a buffer. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param wanted RPMSG_ADDR_ANY for the lowest dynamic one that is free @returns its address @throws Errno EADDRINUSE */
  createEndpoint(wanted: number, callback: RemoteCallback): number {
    let address = wanted;
    if (wanted === RPMSG_ADDR_ANY) for (address = FIRST_DYNAMIC; this.#endpoints.has(address); ) address++;
    if (this.#endpoints.has(address)) throw new Errno('EADDRINUSE', `the remote processor has an endpoint ${address}`);
    this.#endpoints.set(address, callback);
    return address;
  }

  destroyEndpoint(address: number): void {
    this.#endpoints.delete(address);
  }

  /** Tells Linux of a service that it has, or has no more. */
  announce(name: string, address: number, isGoing = false): void {
    const data = new Uint8Array(rpmsg_ns_msg.size);
    const flags = isGoing ? RPMSG_NS_DESTROY : RPMSG_NS_CREATE;
    rpmsg_ns_msg.encode(new DataView(data.buffer), 0, { name, addr: address, flags });
    this.send(address, RPMSG_NS_ADDR, data);
  }

  /** Sends a message, at once or as soon as there is a buffer. @throws Errno EMSGSIZE */
  send(source: number, destination: number, data: Uint8Array): void {
    if (data.length > RPMSG_PAYLOAD_MAX)
      throw new Errno('EMSGSIZE', `a message has at most ${RPMSG_PAYLOAD_MAX} bytes, not ${data.length}`);
    this.#waiting.push({ source, destination, data });
    this.#flush();
  }

  /** Linux has kicked a queue. */
  kicked(queue: number): void {
    if (queue === RX_QUEUE) this.#flush();
    if (queue === RX_QUEUE || queue === TX_QUEUE) this.#receive();
  }

  /** Stops taking messages in, as firmware that is busy. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flush();
    this.#receive();
  }

  /** Sends what waits, as far as there are buffers, and asks for a kick if there are too few. */
  #flush(): void {
    const { rx, interrupt } = this.#description;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const buffer = rx.pop();
      if (buffer !== undefined) {
        this.#waiting.shift();
        rx.push(buffer, this.#fill(buffer, next));
      } else if (rx.enableKicks()) break;
    }
    if (this.#waiting.length === 0) rx.disableKicks();
    if (rx.needsInterrupt()) interrupt(RX_QUEUE);
  }

  #fill({ writable: [segment] }: DeviceBuffer, { source, destination, data }: Outgoing): number {
    const message = new Uint8Array(rpmsg_hdr.size + data.length);
    const header = { src: source, dst: destination, reserved: 0, len: data.length, flags: 0 };
    rpmsg_hdr.encode(new DataView(message.buffer), 0, header);
    message.set(data, rpmsg_hdr.size);
    if (segment === undefined || segment.length < message.length) return 0;
    this.#description.memory.write(segment.address, message);
    return message.length;
  }

  #receive(): void {
    // A callback that sends may come back here by way of a queue that has room again.
    if (this.#isReceiving) return;
    this.#isReceiving = true;
    const { tx, interrupt } = this.#description;
    tx.disableKicks();
    while (!this.#isPaused && this.#waiting.length === 0) {
      const buffer = tx.pop();
      if (buffer === undefined) {
        if (tx.enableKicks()) break;
        tx.disableKicks();
        continue;
      }
      const message = this.#message(buffer);
      tx.push(buffer, 0);
      this.#dispatch(message);
    }
    this.#isReceiving = false;
    if (tx.needsInterrupt()) interrupt(TX_QUEUE);
  }

  #message({ readable: [segment] }: DeviceBuffer): Uint8Array {
    const bytes = new Uint8Array(segment?.length ?? 0);
    if (segment !== undefined) this.#description.memory.readInto(segment.address, bytes);
    return bytes;
  }

  #dispatch(message: Uint8Array): void {
    if (message.length < rpmsg_hdr.size) return;
    const { src, dst, len } = rpmsg_hdr.decode(new DataView(message.buffer), 0);
    const callback = this.#endpoints.get(dst);
    if (callback === undefined) this.strays++;
    else callback(message.subarray(rpmsg_hdr.size, rpmsg_hdr.size + len), src);
  }

  #announced(data: Uint8Array): void {
    if (data.length !== rpmsg_ns_msg.size) return;
    const { name, addr, flags }: Decoded<typeof rpmsg_ns_msg> = rpmsg_ns_msg.decode(new DataView(data.buffer, data.byteOffset), 0);
    this.onAnnouncement?.(name, addr, (flags & RPMSG_NS_DESTROY) !== 0);
  }
}

/**
 * A service that sends back what comes to it, to whoever sent it.
 *
 * @param name as it is announced: `rpmsg-raw` becomes a file
 * @param wanted its address
 */
export function addEchoService(remote: RpmsgRemote, name = 'rpmsg-raw', wanted = RPMSG_ADDR_ANY): number {
  const address = remote.createEndpoint(wanted, (data, source) => remote.send(address, source, data));
  remote.announce(name, address);
  return address;
}
