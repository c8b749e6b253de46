import { isErrno } from '../../abi/index.ts';
import { X_LINK_ERROR, X_LINK_SUCCESS } from '../../abi/uapi/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import { DISCONNECT_KEEPS_CHANNELS } from './defects.ts';
import { DeviceEvents } from './device-events.ts';
import { IPC_INTERFACE, interfaceOf, type Link, Multiplexer, type XlinkHandle } from './multiplexer.ts';
import type { XlinkIpc } from './xlink-ipc.ts';

/** XLINK_MAX_CONNECTIONS. */
const LINKS = 24;
/** XLINK_INVALID_SW_DEVICE_ID: of links that are free. */
const NO_DEVICE = 0xdeadbeef;
/** XLINK_MAX_DEVICE_NAME_SIZE, and how much of it xlink-ipc fills. */
const NAME_MAX = 128;
const IPC_NAME_MAX = 12;

/** xlink-core, as far as the IPC interface goes: section 16 of docs/reference/keembay-ipc.md. Results are of enum xlink_error. */
export class XlinkCore {
  readonly system: System;
  readonly channels: Multiplexer;
  readonly events: DeviceEvents;
  readonly #ipc: XlinkIpc;
  readonly #links: Link[] = Array.from({ length: LINKS }, () => ({
    handle: { sw_device_id: NO_DEVICE, dev_type: 0 },
    references: 0,
    channels: new Map(),
  }));

  constructor(system: System, ipc: XlinkIpc, device: DmaDevice) {
    this.system = system;
    this.#ipc = ipc;
    this.channels = new Multiplexer(ipc, device);
    this.events = new DeviceEvents(system, ipc);
  }

  /** The link to a device. To the id that free ones have, a free one is as good as any. */
  linkTo({ sw_device_id }: XlinkHandle): Link | undefined {
    return this.#links.find(({ handle }) => handle.sw_device_id === sw_device_id);
  }

  /** @returns the handle of the link when there is one already, whatever type was asked for */
  connect(handle: XlinkHandle): { readonly result: number; readonly handle: XlinkHandle } {
    const known = this.linkTo(handle);
    if (known !== undefined) {
      known.references++;
      return { result: X_LINK_SUCCESS, handle: known.handle };
    }
    const free = this.#links.find((link) => link.handle.sw_device_id === NO_DEVICE);
    if (free === undefined || this.#serve(handle, () => {}) !== X_LINK_SUCCESS) return { result: X_LINK_ERROR, handle };
    free.handle = handle;
    free.references = 1;
    return { result: X_LINK_SUCCESS, handle };
  }

  *disconnect(handle: XlinkHandle): Kernel<number> {
    const link = this.linkTo(handle);
    if (link === undefined) return X_LINK_ERROR;
    if (--link.references > 0) return X_LINK_SUCCESS;
    const open = [...link.channels.keys()];
    if (open.length > 0 && this.system.findings.recreates(DISCONNECT_KEEPS_CHANNELS)) {
      this.system.findings.report('xlink-channels-lost', `a link went with channels that stay open: ${open.join(', ')}`);
      link.channels.clear();
    } else for (const chan of open) yield* this.channels.close(link, chan);
    link.handle = { sw_device_id: NO_DEVICE, dev_type: link.handle.dev_type };
    return X_LINK_SUCCESS;
  }

  /** Software ids of the devices that there are. */
  get devices(): readonly number[] {
    return [this.#ipc.swDeviceId];
  }

  /** @param size how many bytes the program wants */
  nameOf(handle: XlinkHandle, size: number, into: { name?: Uint8Array }): number {
    if (size === 0 || size > NAME_MAX) return X_LINK_ERROR;
    return this.#serve(handle, () => {
      into.name = new Uint8Array(size);
      into.name.set(new TextEncoder().encode(this.#ipc.name).subarray(0, Math.min(size, IPC_NAME_MAX)));
    });
  }

  /** The VPU's own states, though xlink counts them in another order. */
  statusOf(handle: XlinkHandle, into: { status?: number }): number {
    return this.#serve(handle, () => {
      into.status = this.#ipc.vpu.status;
    });
  }

  *boot(handle: XlinkHandle, name: string): Kernel<number> {
    return yield* this.#serveWaiting(handle, () => this.#ipc.boot(name));
  }

  reset(handle: XlinkHandle): number {
    return this.#serve(handle, () => this.#ipc.reset());
  }

  *powerMode(handle: XlinkHandle, into: { mode?: number }): Kernel<number> {
    const ipc = this.#ipc;
    return yield* this.#serveWaiting(handle, function* () {
      into.mode = yield* ipc.powerMode();
    });
  }

  *setPowerMode(handle: XlinkHandle, mode: number): Kernel<number> {
    return yield* this.#serveWaiting(handle, () => this.#ipc.setPowerMode(mode));
  }

  remove(): void {
    this.events.remove();
  }

  /** Runs what a device's interface does; whatever is wrong with it, the result is the same. */
  #serve(handle: XlinkHandle, work: () => void): number {
    try {
      if (!this.#hasDevice(handle)) return X_LINK_ERROR;
      work();
      return X_LINK_SUCCESS;
    } catch (error) {
      if (!isErrno(error)) throw error;
      return X_LINK_ERROR;
    }
  }

  *#serveWaiting(handle: XlinkHandle, work: () => Kernel<void>): Kernel<number> {
    try {
      if (!this.#hasDevice(handle)) return X_LINK_ERROR;
      yield* work();
      return X_LINK_SUCCESS;
    } catch (error) {
      if (!isErrno(error)) throw error;
      return X_LINK_ERROR;
    }
  }

  /** Whether it is on the one interface that there is. @throws Errno ENODEV when it is, and not there */
  #hasDevice(handle: XlinkHandle): boolean {
    if (interfaceOf(handle) !== IPC_INTERFACE) return false;
    this.#ipc.assertServes(handle.sw_device_id);
    return true;
  }
}
