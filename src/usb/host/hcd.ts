/** drivers/usb/core/hcd.c: host controllers. Each has a bus with a root hub. */
import { Errno, errno } from '../../abi/index.ts';
import { USB_SPEED_SUPER } from '../../abi/uapi/index.ts';
import { type Device, type System, WaitQueue } from '../../kernel/index.ts';
import { rootHubControl } from './root-hub.ts';
import type { Urb } from './urb.ts';
import type { UsbDevice } from './usb-device.ts';

/** What a controller's driver does, as struct hc_driver. None of it waits. */
export interface HcDriver {
  /** As in `new high-speed USB device number 2 using dummy_hcd`. */
  readonly name: string;
  readonly productDescription: string;
  /** USB_SPEED_HIGH or USB_SPEED_SUPER. */
  readonly speed: number;
  readonly ports: number;
  /** A transfer comes; `urb.giveBack` ends it, later. @throws Errno */
  urbEnqueue(urb: Urb): void;
  /** It is taken back (`urb.unlinked` says why): the driver gives it back soon. */
  urbDequeue(urb: Urb): void;
  /**
   * hub_control: requests of hub class to the root hub.
   *
   * @param request bRequestType in its high byte, bRequest in its low one
   * @param buffer for the answer
   * @throws Errno EPIPE for what it does not know
   */
  hubControl(request: number, wValue: number, wIndex: number, buffer: Uint8Array): void;
  readonly busSuspend?: () => void;
  readonly busResume?: () => void;
}

/** A host controller and its bus, as struct usb_hcd. */
export class Hcd {
  readonly system: System;
  readonly driver: HcDriver;
  /** The controller's device: the root hub's parent. */
  readonly controller: Device;
  readonly busnum: number;
  /** Set when it is registered. */
  rootHub!: UsbDevice;
  /** Devices by number; 1 is the root hub. */
  readonly devices = new Map<number, UsbDevice>();
  /** Woken whenever a urb has ended. */
  readonly idle: WaitQueue;
  /** Told by the controller that a port has changed: usb_hcd_poll_rh_status. */
  onPortChange: (() => void) | undefined;
  readonly #statusUrbs = new Set<Urb>();
  #nextDevnum = 1;

  constructor(system: System, controller: Device, busnum: number, driver: HcDriver) {
    this.system = system;
    this.controller = controller;
    this.busnum = busnum;
    this.driver = driver;
    this.idle = new WaitQueue(`transfers of USB bus ${busnum}`);
  }

  get isSuperSpeed(): boolean {
    return this.driver.speed >= USB_SPEED_SUPER;
  }

  /** choose_devnum: numbers go round. */
  chooseDevnum(device: UsbDevice): number {
    let devnum = this.#nextDevnum;
    while (this.devices.has(devnum)) devnum = devnum >= 127 ? 1 : devnum + 1;
    this.#nextDevnum = devnum >= 127 ? 1 : devnum + 1;
    this.devices.set(devnum, device);
    device.devnum = devnum;
    return devnum;
  }

  /** usb_hcd_submit_urb. @throws Errno */
  enqueue(urb: Urb): void {
    if (urb.device === this.rootHub) this.#enqueueAtRootHub(urb);
    else this.driver.urbEnqueue(urb);
  }

  dequeue(urb: Urb): void {
    if (urb.device !== this.rootHub) {
      this.driver.urbDequeue(urb);
    } else if (this.#statusUrbs.delete(urb)) {
      urb.giveBack(0);
    }
  }

  /** The controller saw a port change. */
  pollRootHubStatus(): void {
    for (const urb of [...this.#statusUrbs]) {
      this.#statusUrbs.delete(urb);
      // Port 1 is bit 1.
      urb.buffer.fill(0);
      urb.buffer[0] = 2;
      urb.actualLength = Math.min(1, urb.length);
      urb.giveBack(0);
    }
    this.onPortChange?.();
  }

  /** rh_urb_enqueue: a root hub answers at once. */
  #enqueueAtRootHub(urb: Urb): void {
    if (urb.isControl) {
      let status = 0;
      try {
        urb.actualLength = rootHubControl(this, urb.setup as Uint8Array, urb.buffer);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        status = -errno[error.code];
      }
      urb.giveBack(status);
    } else {
      // The status endpoint, which answers when something changes.
      this.#statusUrbs.add(urb);
    }
  }
}
