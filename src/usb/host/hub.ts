/** drivers/usb/core/hub.c: a root hub's ports: devices come, are reset, sleep and go. */
import { Errno, isErrno } from '../../abi/index.ts';
import {
  USB_DIR_IN,
  USB_PORT_FEAT_C_CONNECTION,
  USB_PORT_FEAT_C_RESET,
  USB_PORT_FEAT_C_SUSPEND,
  USB_PORT_FEAT_POWER,
  USB_PORT_FEAT_RESET,
  USB_PORT_FEAT_SUSPEND,
  USB_PORT_STAT_C_CONNECTION,
  USB_PORT_STAT_C_SUSPEND,
  USB_PORT_STAT_CONNECTION,
  USB_PORT_STAT_ENABLE,
  USB_PORT_STAT_HIGH_SPEED,
  USB_PORT_STAT_LOW_SPEED,
  USB_PORT_STAT_RESET,
  USB_RECIP_OTHER,
  USB_REQ_CLEAR_FEATURE,
  USB_REQ_GET_STATUS,
  USB_REQ_SET_FEATURE,
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_LOW,
  USB_SPEED_SUPER,
  USB_TYPE_CLASS,
  usb_speed_string,
} from '../../abi/uapi/index.ts';
import { type Device, type Kernel, sleep } from '../../kernel/index.ts';
import { enumerate, initialize } from './enumerate.ts';
import type { Hcd } from './hcd.ts';
import { addPort } from './port-device.ts';
import { UsbDevice } from './usb-device.ts';

const MS = 1e6;
/** From a port's change to the hub's work. */
const WORK_NS = 130_000;
const DEBOUNCE_STEP_MS = 25;
const DEBOUNCE_STABLE_MS = 100;
const DEBOUNCE_TIMEOUT_MS = 2000;
/** HUB_ROOT_RESET_TIME, and TRSTRCY with some extra. */
const RESET_MS = 60;
const RESET_RECOVERY_MS = 50;
/** PORT_INIT_TRIES. */
const TRIES = 4;

const CLASS_PORT = (USB_TYPE_CLASS | USB_RECIP_OTHER) << 8;
const SPEED_WORDS = ['unknown', 'low-speed', 'full-speed', 'high-speed', 'wireless', 'SuperSpeed', 'SuperSpeed Plus'];

interface PortStatus {
  readonly status: number;
  readonly change: number;
}

/** What happens to devices as a whole; in another file. */
export interface HubActions {
  /** usb_new_device: it is known from now on. */
  add(device: UsbDevice): Kernel<void>;
  /** usb_disconnect. */
  remove(device: UsbDevice): Kernel<void>;
}

/** The ports of a root hub. Its work is a coroutine that runs only while there is something to see to. */
export class RootHub {
  readonly hcd: Hcd;
  readonly #actions: HubActions;
  readonly #children = new Map<number, UsbDevice>();
  readonly #shown = new Map<number, Device>();
  #isWorking = false;
  #hasNews = false;

  constructor(hcd: Hcd, actions: HubActions) {
    this.hcd = hcd;
    this.#actions = actions;
    const hub = this;
    for (let port = 1; port <= hcd.driver.ports; port++) {
      const state = {
        get child() {
          return hub.child(port);
        },
        setPower: (isOn: boolean) => this.power(port, isOn),
      };
      this.#shown.set(port, addPort(hcd, port, state));
      this.#set(port, USB_PORT_FEAT_POWER);
    }
    hcd.onPortChange = () => this.#kick();
    this.#kick();
  }

  child(port: number): UsbDevice | undefined {
    return this.#children.get(port);
  }

  /** kick_hub_wq. */
  #kick(): void {
    this.#hasNews = true;
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.hcd.system.scheduler.spawn(`hub ${this.hcd.busnum}-0:1.0`, undefined, this.#work());
  }

  /** hub_event. */
  *#work(): Kernel<void> {
    while (this.#hasNews) {
      this.#hasNews = false;
      // A work queue is not that fast: a frame, in which the bus fails what is under way, comes first.
      yield* sleep(WORK_NS);
      for (let port = 1; port <= this.hcd.driver.ports; port++) yield* this.#portEvent(port);
    }
    this.#isWorking = false;
  }

  *#portEvent(port: number): Kernel<void> {
    const { status, change } = this.#status(port);
    if ((change & USB_PORT_STAT_C_SUSPEND) !== 0) this.#clear(port, USB_PORT_FEAT_C_SUSPEND);
    const child = this.#children.get(port);
    if ((change & USB_PORT_STAT_C_SUSPEND) !== 0 && child?.isSuspended === true) yield* this.#finishResume(child);
    if ((change & USB_PORT_STAT_C_CONNECTION) === 0) return;
    this.#clear(port, USB_PORT_FEAT_C_CONNECTION);
    if (child !== undefined) {
      this.#children.delete(port);
      this.#shown.get(port)?.directory.remove('device');
      yield* this.#actions.remove(child);
    }
    if ((status & USB_PORT_STAT_CONNECTION) === 0 && child === undefined) return;
    if (yield* this.#debounce(port)) yield* this.#connect(port);
  }

  /** hub_port_debounce. @returns whether something is there once the port is quiet */
  *#debounce(port: number): Kernel<boolean> {
    let was: number | undefined;
    let stable_ms = 0;
    for (let total_ms = 0; total_ms < DEBOUNCE_TIMEOUT_MS; total_ms += DEBOUNCE_STEP_MS) {
      const { status, change } = this.#status(port);
      const now = status & USB_PORT_STAT_CONNECTION;
      if ((change & USB_PORT_STAT_C_CONNECTION) === 0 && now === was) {
        stable_ms += DEBOUNCE_STEP_MS;
        if (stable_ms >= DEBOUNCE_STABLE_MS) return now !== 0;
      } else {
        stable_ms = 0;
        was = now;
      }
      if ((change & USB_PORT_STAT_C_CONNECTION) !== 0) this.#clear(port, USB_PORT_FEAT_C_CONNECTION);
      yield* sleep(DEBOUNCE_STEP_MS * MS);
    }
    return false;
  }

  /** hub_port_connect. */
  *#connect(port: number): Kernel<void> {
    const { hcd } = this;
    const { log } = hcd.system;
    for (let tries = 0; tries < TRIES; tries++) {
      let device: UsbDevice | undefined;
      try {
        const speed = yield* this.#reset(port);
        device = new UsbDevice(hcd, hcd.rootHub, port, speed);
        hcd.chooseDevnum(device);
        log.print('info', `usb ${device.name}: new ${SPEED_WORDS[speed]} USB device number ${device.devnum} using ${hcd.driver.name}`);
        yield* initialize(device, () => this.#resetAgain(port));
        yield* enumerate(device);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        if (device !== undefined) hcd.devices.delete(device.devnum);
        if ((this.#status(port).status & USB_PORT_STAT_CONNECTION) === 0) return;
        log.print('err', `usb ${hcd.busnum}-${port}: device not accepting its address, error ${error.code}`);
        continue;
      }
      this.#children.set(port, device);
      yield* this.#actions.add(device);
      device.device.directory.createLink('port', (this.#shown.get(port) as Device).directory);
      this.#shown.get(port)?.directory.createLink('device', device.device.directory);
      return;
    }
    log.print('err', `usb usb${hcd.busnum}-port${port}: unable to enumerate USB device`);
  }

  /** hub_port_reset. @returns the speed @throws Errno ENOTCONN nothing is there any more; EBUSY the reset did not end */
  *#reset(port: number): Kernel<number> {
    this.#set(port, USB_PORT_FEAT_RESET);
    yield* sleep(RESET_MS * MS);
    const { status } = this.#status(port);
    if ((status & USB_PORT_STAT_CONNECTION) === 0) throw new Errno('ENOTCONN', `nothing is at port ${port}`);
    if ((status & USB_PORT_STAT_RESET) !== 0 || (status & USB_PORT_STAT_ENABLE) === 0)
      throw new Errno('EBUSY', `port ${port} is not enabled after its reset`);
    yield* sleep(RESET_RECOVERY_MS * MS);
    this.#clear(port, USB_PORT_FEAT_C_RESET);
    if (this.hcd.isSuperSpeed) return USB_SPEED_SUPER;
    if ((status & USB_PORT_STAT_HIGH_SPEED) !== 0) return USB_SPEED_HIGH;
    return (status & USB_PORT_STAT_LOW_SPEED) !== 0 ? USB_SPEED_LOW : USB_SPEED_FULL;
  }

  *#resetAgain(port: number): Kernel<void> {
    yield* this.#reset(port);
  }

  /**
   * hub_port_init for a device that is known: it is reset and gets its address again.
   *
   * @throws Errno ENODEV it does not come back as it was
   */
  *resetDevice(device: UsbDevice): Kernel<void> {
    const { port } = device;
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        const speed = yield* this.#reset(port);
        if (speed !== device.speed) throw new Errno('ENODEV', `it came back as a ${usb_speed_string(speed)} device`);
        const words = `${SPEED_WORDS[speed]} USB device number ${device.devnum} using ${this.hcd.driver.name}`;
        this.hcd.system.log.print('info', `usb ${device.name}: reset ${words}`);
        yield* initialize(device, () => this.#resetAgain(port));
        return;
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        if (isErrno(error, 'ENOTCONN') || isErrno(error, 'ENODEV') || device.isGone) break;
      }
    }
    throw new Errno('ENODEV', `${device.name} did not come back`);
  }

  /** hub_port_logical_disconnect: the device is treated as one that went and a new one that came. */
  *reconnect(device: UsbDevice): Kernel<void> {
    this.#children.delete(device.port);
    this.#shown.get(device.port)?.directory.remove('device');
    yield* this.#actions.remove(device);
    yield* this.#connect(device.port);
  }

  /** usb_port_suspend: the device sleeps. */
  suspend(device: UsbDevice): void {
    if (device.isSuspended) return;
    device.canSubmit = false;
    device.isSuspended = true;
    this.#set(device.port, USB_PORT_FEAT_SUSPEND);
  }

  /** usb_port_resume. */
  *resume(device: UsbDevice): Kernel<void> {
    if (!device.isSuspended) return;
    this.#clear(device.port, USB_PORT_FEAT_SUSPEND);
    yield* sleep(40 * MS);
    this.#status(device.port);
    this.#clear(device.port, USB_PORT_FEAT_C_SUSPEND);
    yield* this.#finishResume(device);
  }

  *#finishResume(device: UsbDevice): Kernel<void> {
    // TRSMRCY.
    yield* sleep(10 * MS);
    device.isSuspended = false;
    device.canSubmit = !device.isGone;
    for (const resumed of device.onResume) resumed();
  }

  /** Switches a port's power off or on. */
  power(port: number, isOn: boolean): void {
    if (isOn) this.#set(port, USB_PORT_FEAT_POWER);
    else this.#clear(port, USB_PORT_FEAT_POWER);
    this.#kick();
  }

  #set(port: number, feature: number): void {
    this.hcd.driver.hubControl(CLASS_PORT | USB_REQ_SET_FEATURE, feature, port, new Uint8Array(0));
  }

  #clear(port: number, feature: number): void {
    this.hcd.driver.hubControl(CLASS_PORT | USB_REQ_CLEAR_FEATURE, feature, port, new Uint8Array(0));
  }

  #status(port: number): PortStatus {
    const buffer = new Uint8Array(4);
    this.hcd.driver.hubControl((USB_DIR_IN << 8) | CLASS_PORT | USB_REQ_GET_STATUS, 0, port, buffer);
    const view = new DataView(buffer.buffer);
    return { status: view.getUint16(0, true), change: view.getUint16(2, true) };
  }
}
