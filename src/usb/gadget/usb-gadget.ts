/** include/linux/usb/gadget.h: struct usb_gadget and struct usb_gadget_driver. */
import { Errno } from '../../abi/index.ts';
import {
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_STATE_NOTATTACHED,
  type UsbCtrlRequest,
  type UsbEndpointDescriptor,
  type UsbSsEpCompDescriptor,
} from '../../abi/uapi/index.ts';
import type { AttributeGroup, Device, MaybeKernel, System } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import type { UsbEp } from './usb-ep.ts';

/** What {@link UsbGadgetDriver.setup} returns when the status stage is to wait until the driver queues a request of 0 bytes on ep0. */
export const USB_GADGET_DELAYED_STATUS = 0x7fff;

/** What a controller does for the gadget as a whole, as struct usb_gadget_ops. None of it waits. */
export interface UsbGadgetOps {
  /** A driver came; the pull-up is still off. @throws Errno */
  udcStart(gadget: UsbGadget, driver: UsbGadgetDriver): void;
  udcStop(gadget: UsbGadget): void;
  /** Shows the device to the host, or takes it away. @throws Errno */
  readonly pullup?: (gadget: UsbGadget, isOn: boolean) => void;
  /** Lets the controller call its driver, or keeps it from that. */
  readonly udcAsyncCallbacks?: ((gadget: UsbGadget, areEnabled: boolean) => void) | undefined;
  /** The fastest that the next connection may be: USB_SPEED_. */
  readonly udcSetSpeed?: (gadget: UsbGadget, speed: number) => void;
  /** The number of the frame that is under way. */
  readonly getFrame?: (gadget: UsbGadget) => number;
  /** @throws Errno EINVAL when the host has not allowed it, ENOLINK when not connected, EIO when not suspended */
  readonly wakeup?: (gadget: UsbGadget) => void;
  readonly setSelfpowered?: (gadget: UsbGadget, value: boolean) => void;
  readonly vbusDraw?: (gadget: UsbGadget, mA: number) => void;
  /** An endpoint of the controller's own choice for autoconfig; undefined lets the core choose. */
  readonly matchEp?: (gadget: UsbGadget, desc: UsbEndpointDescriptor, compDesc: UsbSsEpCompDescriptor | undefined) => UsbEp | undefined;
  /** What FunctionFS passes on of its ep0. @throws Errno ENOTTY for what it does not know */
  readonly ioctl?: (gadget: UsbGadget, request: number, argument: number) => number;
}

export interface UsbGadgetDescription {
  /** The controller's, as `dummy_udc`. */
  readonly name: string;
  /** USB_SPEED_: the fastest that the controller does. */
  readonly maxSpeed: number;
  readonly ops: UsbGadgetOps;
  readonly ep0: UsbEp;
  /** All others, in the order in which autoconfig looks. */
  readonly epList: readonly UsbEp[];
  /** The controller, as far as it reads and writes memory by itself: with it, requests may have `sg`. */
  readonly dma?: DmaDevice;
  /** What its gadget.N of sysfs shows more. */
  readonly groups?: readonly AttributeGroup[];
  readonly isSelfpowered?: boolean;
  readonly lpmCapable?: boolean;
  /** quirk_ep_out_aligned_size: requests from the host must be a multiple of the packets. */
  readonly quirkEpOutAlignedSize?: boolean;
}

/**
 * The device end of a controller, as struct usb_gadget: what a gadget's driver has to do with. The controller fills in what happens on
 * the bus (`speed`, `state`); the core keeps the rest.
 */
export class UsbGadget {
  readonly system: System;
  readonly name: string;
  readonly maxSpeed: number;
  readonly ops: UsbGadgetOps;
  readonly ep0: UsbEp;
  readonly epList: readonly UsbEp[];
  readonly dma: DmaDevice | undefined;
  readonly groups: readonly AttributeGroup[];
  readonly isOtg = false;
  readonly lpmCapable: boolean;
  readonly quirkEpOutAlignedSize: boolean;
  isSelfpowered: boolean;
  /** USB_SPEED_ of the connection. */
  speed = 0;
  /** USB_STATE_; set by {@link setState}. */
  state = USB_STATE_NOTATTACHED;
  /** Whether the pull-up is on. */
  connected = false;
  /** Whether the driver wants it off: usb_gadget_deactivate. */
  deactivated = false;
  /** Whether the host let it wake the bus up. */
  remoteWakeup = false;
  /** What the host said of on-the-go. */
  bHnpEnable = false;
  aHnpSupport = false;
  aAltHnpSupport = false;
  /** Numbers that autoconfig has given, by direction. */
  inEpnum = 0;
  outEpnum = 0;
  /** The gadget.N of sysfs; set when the controller is registered. */
  device!: Device;
  /** Whether its driver was told that the bus sleeps: the composite layer's, shown as `suspended`. */
  suspended = false;
  /** The driver's own: set_gadget_data. */
  driverData: unknown;
  /** Told of each {@link setState}. */
  onState: (() => void) | undefined;

  constructor(system: System, description: UsbGadgetDescription) {
    this.system = system;
    this.name = description.name;
    this.maxSpeed = description.maxSpeed;
    this.ops = description.ops;
    this.ep0 = description.ep0;
    this.epList = description.epList;
    this.dma = description.dma;
    this.groups = description.groups ?? [];
    this.isSelfpowered = description.isSelfpowered ?? false;
    this.lpmCapable = description.lpmCapable ?? false;
    this.quirkEpOutAlignedSize = description.quirkEpOutAlignedSize ?? false;
  }

  /** sg_supported: whether the controller's hardware reads and writes memory by itself. */
  get sgSupported(): boolean {
    return this.dma !== undefined;
  }

  /** gadget_is_dualspeed. */
  get isDualspeed(): boolean {
    return this.maxSpeed >= USB_SPEED_HIGH;
  }

  /** gadget_is_superspeed. */
  get isSuperspeed(): boolean {
    return this.maxSpeed >= USB_SPEED_SUPER;
  }

  get isFullSpeedOnly(): boolean {
    return this.maxSpeed <= USB_SPEED_FULL;
  }

  /** usb_gadget_set_state: shown in /sys/class/udc/NAME/state. @param state USB_STATE_ */
  setState(state: number): void {
    this.state = state;
    this.onState?.();
  }

  /** usb_gadget_frame_number. @throws Errno EOPNOTSUPP */
  frameNumber(): number {
    if (this.ops.getFrame === undefined) throw new Errno('EOPNOTSUPP', `${this.name} does not count frames`);
    return this.ops.getFrame(this);
  }

  /** usb_gadget_wakeup. @throws Errno EOPNOTSUPP and the controller's */
  wakeup(): void {
    if (this.ops.wakeup === undefined) throw new Errno('EOPNOTSUPP', `${this.name} cannot wake the host up`);
    this.ops.wakeup(this);
  }

  /** usb_gadget_set_selfpowered. @throws Errno EOPNOTSUPP */
  setSelfpowered(value: boolean): void {
    if (this.ops.setSelfpowered === undefined) throw new Errno('EOPNOTSUPP', `${this.name} does not tell how it is powered`);
    this.ops.setSelfpowered(this, value);
  }

  /** usb_gadget_vbus_draw: up to so much is drawn from the bus. @throws Errno EOPNOTSUPP */
  vbusDraw(mA: number): void {
    if (this.ops.vbusDraw === undefined) throw new Errno('EOPNOTSUPP', `${this.name} does not care what is drawn`);
    this.ops.vbusDraw(this, mA);
  }
}

/**
 * Who makes a device of a controller, as struct usb_gadget_driver. `bind` and `unbind` may wait; everything else is called by events of
 * the bus and must not.
 */
export interface UsbGadgetDriver {
  /** What the device is, as /sys/class/udc/NAME/function shows it: the gadget's folder. */
  readonly function: string;
  /** Its driver's name on the gadget bus: `configfs-gadget.g1`. */
  readonly name: string;
  /** USB_SPEED_: the fastest that it has descriptors for. */
  readonly maxSpeed: number;
  /** The controller that it wants; the first free one when left out. */
  readonly udcName?: string;
  /** A controller is there for it. @throws Errno it will not do */
  bind(gadget: UsbGadget): MaybeKernel<void>;
  /** After `disconnect`, if there was a connection: what was queued has ended. */
  unbind(gadget: UsbGadget): MaybeKernel<void>;
  /**
   * A request on ep0 that the controller does not answer itself. The driver queues one on `gadget.ep0` for the data stage, or for the
   * status stage when there are no data.
   *
   * @returns {@link USB_GADGET_DELAYED_STATUS} when that will come later; nothing otherwise
   * @throws Errno ep0 stalls
   */
  setup(gadget: UsbGadget, request: UsbCtrlRequest): number | void;
  /** The host has gone. */
  disconnect(gadget: UsbGadget): void;
  readonly suspend?: (gadget: UsbGadget) => void;
  readonly resume?: (gadget: UsbGadget) => void;
  /** The host resets the bus; `disconnect` when left out. */
  readonly reset?: (gadget: UsbGadget) => void;
}
