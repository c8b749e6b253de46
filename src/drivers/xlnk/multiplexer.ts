import type { Decoded } from '../../abi/index.ts';
import { isErrno } from '../../abi/index.ts';
import {
  HOST_DEVICE,
  RXB_TXB,
  RXB_TXN,
  X_LINK_ALREADY_OPEN,
  X_LINK_ERROR,
  X_LINK_SUCCESS,
  type xlink_handle,
} from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import { type IpcMessage, KMB_IPC_MAX_CHANNELS, XLINK_CONTROL_CHANNEL } from '../../ports/keembay/index.ts';
import type { XlinkIpc } from './xlink-ipc.ts';

export type XlinkHandle = Decoded<typeof xlink_handle>;

/** A connection to a device. Those that are free have an id that no device has. */
export interface Link {
  handle: XlinkHandle;
  references: number;
  /** Those that are open, by number. */
  readonly channels: Map<number, { readonly mode: number; readonly timeout_ms: number }>;
}

/** 26:24 of a software device id; above 3 there is no interface. */
export const interfaceOf = ({ sw_device_id }: XlinkHandle) => (sw_device_id >>> 24) & 7;
export const IPC_INTERFACE = 0;

const FOREVER = 0xffffffff;

/**
 * Where requests about channels go: section 16.4 of docs/reference/keembay-ipc.md. Of the interfaces there is only IPC, which is for the
 * first 1024 channels of a link to a VPU. Results are of enum xlink_error, or a negative errno of the link below.
 */
export class Multiplexer {
  readonly #ipc: XlinkIpc;
  readonly #device: DmaDevice;

  /** @param device whose addresses the VPU has */
  constructor(ipc: XlinkIpc, device: DmaDevice) {
    this.#ipc = ipc;
    this.#device = device;
  }

  /** Whether a channel is one of a link, and for programs. */
  isFor({ handle }: Link, chan: number): boolean {
    if (chan >= KMB_IPC_MAX_CHANNELS || chan === XLINK_CONTROL_CHANNEL) return false;
    return handle.dev_type !== HOST_DEVICE && interfaceOf(handle) === IPC_INTERFACE;
  }

  open(link: Link, chan: number, mode: number, timeout_ms: number): number {
    if (!this.isFor(link, chan)) return X_LINK_ERROR;
    if (link.channels.has(chan)) return X_LINK_ALREADY_OPEN;
    try {
      this.#ipc.assertServes(link.handle.sw_device_id);
      this.#ipc.openChannel(chan);
    } catch (error) {
      if (!isErrno(error)) throw error;
      return X_LINK_ERROR;
    }
    link.channels.set(chan, { mode, timeout_ms });
    return X_LINK_SUCCESS;
  }

  *close(link: Link, chan: number): Kernel<number> {
    if (!this.isFor(link, chan) || !link.channels.has(chan)) return X_LINK_ERROR;
    yield* this.#ipc.closeChannel(chan);
    link.channels.delete(chan);
    return X_LINK_SUCCESS;
  }

  /** Sends an address, and nothing else. @param address of the CPU's */
  *write(link: Link, chan: number, address: number, size: number): Kernel<number> {
    if (!this.isFor(link, chan) || !link.channels.has(chan)) return X_LINK_ERROR;
    // phys_to_dma of what no range has is all ones, of which a packet takes 32.
    return yield* resultOf(this.#ipc.write(chan, (this.#device.physToDma(address) ?? 0xffffffff) >>> 0, size));
  }

  *writeVolatile(link: Link, chan: number, message: Uint8Array): Kernel<number> {
    if (!this.isFor(link, chan) || !link.channels.has(chan)) return X_LINK_ERROR;
    return yield* resultOf(this.#ipc.writeVolatile(chan, message));
  }

  /** @param into gets the message, its address one of the CPU's */
  *read(link: Link, chan: number, into: { message?: IpcMessage }): Kernel<number> {
    const timeout_ms = this.#timeout(link, chan);
    if (timeout_ms === undefined) return X_LINK_ERROR;
    const device = this.#device;
    const ipc = this.#ipc;
    function* receive(): Kernel<void> {
      const { vpuAddr, size } = yield* ipc.read(chan, timeout_ms as number);
      into.message = { vpuAddr: (device.dmaToPhys(vpuAddr) ?? 0xffffffff) >>> 0, size };
    }
    return yield* resultOf(receive());
  }

  /** Whatever is wrong, the result is the same. */
  *readToBuffer(link: Link, chan: number, into: { message?: Uint8Array }): Kernel<number> {
    const timeout_ms = this.#timeout(link, chan);
    if (timeout_ms === undefined) return X_LINK_ERROR;
    const ipc = this.#ipc;
    function* receive(): Kernel<void> {
      into.message = yield* ipc.readVolatile(chan, timeout_ms as number);
    }
    return (yield* resultOf(receive())) === X_LINK_SUCCESS ? X_LINK_SUCCESS : X_LINK_ERROR;
  }

  /** @returns undefined when nothing can be received on the channel */
  #timeout(link: Link, chan: number): number | undefined {
    if (!this.isFor(link, chan)) return undefined;
    const channel = link.channels.get(chan);
    if (channel === undefined) return undefined;
    return channel.mode === RXB_TXB || channel.mode === RXB_TXN ? FOREVER : channel.timeout_ms;
  }
}

/** A negative errno goes up as it is, and is no errno of the call. */
function* resultOf(work: Kernel<void>): Kernel<number> {
  try {
    yield* work;
    return X_LINK_SUCCESS;
  } catch (error) {
    if (!isErrno(error)) throw error;
    return -error.errno;
  }
}
