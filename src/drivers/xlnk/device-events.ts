import { isErrno } from '../../abi/index.ts';
import { X_LINK_ERROR, X_LINK_SUCCESS } from '../../abi/uapi/index.ts';
import type { SysfsDirectory, System } from '../../kernel/index.ts';
import { IPC_INTERFACE, interfaceOf, type XlinkHandle } from './multiplexer.ts';
import type { XlinkIpc } from './xlink-ipc.ts';

const FOLDER = 'xlink-core-events';
/** Connects, disconnects and both watchdogs: files for each. */
const EVENTS = [0, 1, 2, 3];

/** What programs are told of devices, by files of sysfs that they poll: 16.4 of docs/reference/keembay-ipc.md. */
export class DeviceEvents {
  readonly #system: System;
  readonly #ipc: XlinkIpc;
  readonly #folder: SysfsDirectory;
  #registered: { readonly device: number; readonly event: number }[] = [];
  /** What the files say. */
  readonly #last = EVENTS.map(() => ({ device: 0, value: 0 }));

  constructor(system: System, ipc: XlinkIpc) {
    this.#system = system;
    this.#ipc = ipc;
    this.#folder = system.deviceModel.sysfs.createDirectory(FOLDER);
    for (const [event, last] of this.#last.entries())
      this.#folder.createFile({
        name: `event${event}`,
        mode: 0o644,
        show: () => `0x${last.device.toString(16)} 0x${last.value.toString(16)}\n`,
      });
  }

  /** One registration serves all programs. Events that there are not are kept, and never come. */
  register(handle: XlinkHandle, events: readonly number[]): number {
    const device = handle.sw_device_id;
    for (const event of events)
      if (!this.#registered.some((one) => one.device === device && one.event === event)) this.#registered.push({ device, event });
    if (events.length > 0) return this.#listen(handle);
    return X_LINK_SUCCESS;
  }

  /** Those before the first one that was not registered go all the same. */
  unregister(handle: XlinkHandle, events: readonly number[]): number {
    const device = handle.sw_device_id;
    for (const event of events) {
      const at = this.#registered.findIndex((one) => one.device === device && one.event === event);
      if (at < 0) return X_LINK_ERROR;
      this.#registered.splice(at, 1);
    }
    if (this.#registered.some((one) => one.device === device)) return X_LINK_SUCCESS;
    if (interfaceOf(handle) === IPC_INTERFACE && this.#serves(device)) this.#ipc.vpu.unregisterForEvents();
    return interfaceOf(handle) > 3 ? X_LINK_ERROR : X_LINK_SUCCESS;
  }

  remove(): void {
    if (this.#registered.length > 0) this.#ipc.vpu.unregisterForEvents();
    this.#registered = [];
    this.#system.deviceModel.sysfs.remove(FOLDER);
  }

  /** What becomes of listening is not asked: the interface is all that counts. */
  #listen(handle: XlinkHandle): number {
    if (interfaceOf(handle) > 3) return X_LINK_ERROR;
    if (interfaceOf(handle) !== IPC_INTERFACE || !this.#serves(handle.sw_device_id)) return X_LINK_SUCCESS;
    try {
      this.#ipc.vpu.registerForEvents((event) => this.#came(event));
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    return X_LINK_SUCCESS;
  }

  #serves(device: number): boolean {
    try {
      this.#ipc.assertServes(device);
      return true;
    } catch (error) {
      if (!isErrno(error, 'ENODEV')) throw error;
      return false;
    }
  }

  #came(event: number): void {
    const device = this.#ipc.swDeviceId;
    const last = this.#last[event];
    if (last === undefined || !this.#registered.some((one) => one.device === device && one.event === event)) return;
    Object.assign(last, { device, value: event });
    this.#folder.notify(`event${event}`);
  }
}
