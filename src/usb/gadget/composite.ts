/** drivers/usb/gadget/composite.c: a device with several configurations, each with several functions. */
import { Errno } from '../../abi/index.ts';
import {
  USB_CONFIG_ATT_SELFPOWER,
  USB_SPEED_SUPER,
  USB_STATE_CONFIGURED,
  type UsbCtrlRequest,
  type UsbDeviceDescriptor,
} from '../../abi/uapi/index.ts';
import { answerSetup } from './composite-setup.ts';
import { noteEndpoints, type UsbConfiguration } from './usb-configuration.ts';
import type { UsbGadgetStrings } from './usb-function.ts';
import { USB_GADGET_DELAYED_STATUS, type UsbGadget } from './usb-gadget.ts';
import { UsbRequest } from './usb-request.ts';

/** CONFIG_USB_GADGET_VBUS_DRAW, in mA: what a configuration draws that says 0. */
export const VBUS_DRAW = 2;
/** USB_SELF_POWER_VBUS_MAX_DRAW, in mA: who draws no more counts as self-powered. */
const SELF_POWER_MAX = 100;
/** What a device may draw before it is configured, in mA. */
const UNCONFIGURED_DRAW = 100;
/** Numbers of strings end here. */
const STRING_ID_MAX = 254;
/** USB_COMP_EP0_BUFSIZ. */
export const EP0_BUFFER_SIZE = 4096;

/** What one operating system asks of a device as a whole: the folder os_desc. */
export interface OsDescriptors {
  readonly vendorCode: number;
  /** The signature, 14 bytes. */
  readonly signature: Uint8Array;
}

/** What browsers ask: the folder webusb. */
export interface WebUsb {
  readonly version: number;
  readonly vendorCode: number;
  readonly landingPage: string;
}

/** What a device is made of, and what the host has chosen: struct usb_composite_dev. */
export class UsbCompositeDev {
  readonly gadget: UsbGadget;
  readonly configs: readonly UsbConfiguration[];
  /** The device descriptor. The host's asking for it fills in the rest. */
  readonly desc: UsbDeviceDescriptor;
  /** Tables that belong to the device: gstrings. */
  readonly strings: (readonly UsbGadgetStrings[])[] = [];
  osDescriptors: OsDescriptors | undefined;
  osDescConfig: UsbConfiguration | undefined;
  webUsb: WebUsb | undefined;
  /** The configuration that the host has chosen. */
  config: UsbConfiguration | undefined;
  /** Interfaces whose function has asked to be waited for. */
  delayedStatus = 0;
  readonly request = new UsbRequest();
  #lastStringId = 0;

  /** @param desc it is changed, and stays the maker's */
  constructor(gadget: UsbGadget, configs: readonly UsbConfiguration[], desc: UsbDeviceDescriptor) {
    this.gadget = gadget;
    this.configs = configs;
    this.desc = desc;
    gadget.suspended = false;
    this.request.buf = new Uint8Array(EP0_BUFFER_SIZE);
    for (const config of configs) config.cdev = this;
  }

  // ---- for functions ----------------------------------------------------------

  /** usb_string_ids_n: so many numbers for strings. @returns the first @throws Errno ENODEV when the device has too many */
  stringIds(count: number): number {
    if (this.#lastStringId + count > STRING_ID_MAX) throw new Errno('ENODEV', `a device has at most ${STRING_ID_MAX} strings`);
    const first = this.#lastStringId + 1;
    this.#lastStringId += count;
    return first;
  }

  /** usb_composite_setup_continue: a function that had the status stage wait is ready. It ends when all are. */
  setupContinue(): void {
    if (this.delayedStatus === 0) return;
    this.delayedStatus--;
    if (this.delayedStatus > 0) return;
    this.request.length = 0;
    this.queue();
  }

  /** composite_ep0_queue. @throws Errno the controller's */
  queue(): void {
    this.request.complete = () => undefined;
    this.gadget.ep0.queue(this.request);
  }

  // ---- what the host does -----------------------------------------------------

  /** composite_setup. @returns USB_GADGET_DELAYED_STATUS, or nothing @throws Errno ep0 stalls */
  setup(request: UsbCtrlRequest): number | void {
    return answerSetup(this, request);
  }

  /** set_config. @throws Errno EINVAL for one that is not there, and the old one stays; what a function says, and then none is chosen */
  setConfig(value: number): number {
    const { gadget } = this;
    try {
      const config = this.configs.find((one) => one.bConfigurationValue === value);
      if (value !== 0 && config === undefined) throw new Errno('EINVAL', `there is no configuration ${value}`);
      this.#leaveConfig();
      if (config === undefined) {
        this.#draw(UNCONFIGURED_DRAW);
        return 0;
      }
      gadget.setState(USB_STATE_CONFIGURED);
      this.config = config;
      this.#enableAll(config);
      this.#draw(this.#powerOf(config));
      return this.delayedStatus > 0 ? USB_GADGET_DELAYED_STATUS : 0;
    } catch (error) {
      this.#draw(UNCONFIGURED_DRAW);
      throw error;
    }
  }

  #enableAll(config: UsbConfiguration): void {
    for (const [intf, owner] of config.interfaces.entries()) {
      if (owner === undefined) break;
      noteEndpoints(owner, this.gadget.speed);
      try {
        if (owner.setAlt(intf, 0) === USB_GADGET_DELAYED_STATUS) this.delayedStatus++;
      } catch (error) {
        this.#leaveConfig();
        throw error;
      }
    }
  }

  /** reset_config. */
  #leaveConfig(): void {
    for (const left of this.config?.functions ?? []) {
      left.disable();
      left.endpoints.clear();
    }
    this.config = undefined;
    this.delayedStatus = 0;
  }

  #powerOf({ maxPower, bmAttributes }: UsbConfiguration): number {
    const wanted = maxPower !== 0 || (bmAttributes & USB_CONFIG_ATT_SELFPOWER) !== 0 ? maxPower : VBUS_DRAW;
    return Math.min(wanted, this.gadget.speed < USB_SPEED_SUPER ? 500 : 900);
  }

  /** As 6.12.95 has it: a configuration that draws little and does not say that it has power of its own is powered by the bus all the same. */
  #draw(power: number): void {
    const { config, gadget } = this;
    const saysSo = config === undefined || (config.bmAttributes & USB_CONFIG_ATT_SELFPOWER) !== 0;
    gadget.ops.setSelfpowered?.(gadget, saysSo && power <= SELF_POWER_MAX);
    gadget.ops.vbusDraw?.(gadget, power);
  }

  /** composite_disconnect. */
  disconnect(): void {
    this.gadget.ops.vbusDraw?.(this.gadget, 0);
    this.gadget.suspended = false;
    this.#leaveConfig();
  }

  /** composite_reset. */
  reset(): void {
    this.gadget.ops.vbusDraw?.(this.gadget, UNCONFIGURED_DRAW);
    this.gadget.suspended = false;
    this.#leaveConfig();
  }

  /** composite_suspend. */
  suspend(): void {
    for (const one of this.config?.functions ?? []) one.suspend?.();
    this.gadget.suspended = true;
    if (((this.config?.bmAttributes ?? 0) & USB_CONFIG_ATT_SELFPOWER) !== 0) this.gadget.ops.setSelfpowered?.(this.gadget, true);
    this.gadget.ops.vbusDraw?.(this.gadget, 2);
  }

  /** composite_resume: a function that was suspended by itself stays so. */
  resume(): void {
    for (const one of this.config?.functions ?? []) if (!one.funcSuspended) one.resume?.();
    if (this.config === undefined) this.gadget.ops.vbusDraw?.(this.gadget, VBUS_DRAW);
    else this.#draw(this.#powerOf(this.config));
    this.gadget.suspended = false;
  }
}
