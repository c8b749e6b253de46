/** `struct rpmsg_endpoint`: an address of Linux's, and what becomes of messages that come to it. */
import { type MaybeKernel, Mutex } from '../../kernel/index.ts';
import type { RpmsgDevice } from './rpmsg-device.ts';

/**
 * Takes a message. Called from the thread of the interrupt.
 *
 * @param data only valid until it returns: the buffer goes back to the remote
 * @param source address of who sent it
 */
export type ReceiveCallback = (endpoint: Endpoint, data: Uint8Array, source: number) => MaybeKernel<void>;

/** The remote wants Linux to send less, or as before. No transport over virtio says so. */
export type FlowCallback = (endpoint: Endpoint, isRestricted: boolean) => void;

export class Endpoint {
  readonly kind = 'object';
  readonly device: RpmsgDevice;
  readonly address: number;
  /** Undefined once it has been destroyed. */
  callback: ReceiveCallback | undefined;
  flowCallback: FlowCallback | undefined;
  /** What the callback's owner keeps with it. */
  priv: unknown;
  /** Held while the callback runs. */
  readonly callbackLock: Mutex;

  constructor(device: RpmsgDevice, address: number, callback: ReceiveCallback, priv: unknown) {
    this.device = device;
    this.address = address;
    this.callback = callback;
    this.priv = priv;
    this.callbackLock = new Mutex(`the callback of rpmsg address ${address}`);
  }

  describe(): string {
    return `rpmsg endpoint ${this.address} of ${this.device.path}`;
  }
}
