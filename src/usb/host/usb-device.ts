/** include/linux/usb.h: a device on a bus, its interfaces and its endpoints, as the host has them. */
import {
  USB_DIR_IN,
  USB_DT_ENDPOINT,
  USB_DT_ENDPOINT_SIZE,
  USB_ENDPOINT_NUMBER_MASK,
  USB_SPEED_SUPER,
  USB_STATE_ATTACHED,
  USB_STATE_NOTATTACHED,
  type UsbDeviceDescriptor,
  type UsbEndpointDescriptor,
  type UsbSsEpCompDescriptor,
} from '../../abi/uapi/index.ts';
import { type Device, type Kernel, Mutex, wait } from '../../kernel/index.ts';
import type { AltSetting, Configuration } from './configuration.ts';
import type { Hcd } from './hcd.ts';
import type { Urb } from './urb.ts';

/** struct usb_host_endpoint. */
export class UsbHostEndpoint {
  readonly device: UsbDevice;
  readonly desc: UsbEndpointDescriptor;
  readonly ssComp: UsbSsEpCompDescriptor | undefined;
  isEnabled = true;
  /** Those that were submitted and have not ended. */
  readonly urbs = new Set<Urb>();

  constructor(device: UsbDevice, desc: UsbEndpointDescriptor, ssComp?: UsbSsEpCompDescriptor) {
    this.device = device;
    this.desc = desc;
    this.ssComp = ssComp;
  }

  get isIn(): boolean {
    return (this.desc.bEndpointAddress & USB_DIR_IN) !== 0;
  }

  /** usb_disable_endpoint: what is queued ends with ESHUTDOWN. */
  *disable(): Kernel<void> {
    this.isEnabled = false;
    for (const urb of [...this.urbs]) urb.unlink('ESHUTDOWN');
    yield* wait(this.device.hcd.idle, () => this.urbs.size === 0, { mode: 'uninterruptible', what: 'urbs to end' });
  }
}

/** struct usb_interface: an interface of the active configuration, with a device in sysfs that drivers bind to. */
export class UsbInterface {
  readonly usbDevice: UsbDevice;
  readonly number: number;
  readonly settings: readonly AltSetting[];
  current: AltSetting;
  /** Its iInterface, if the device has such a string. */
  string: string | undefined;
  isAuthorized = true;
  /** Set when it is registered. */
  device!: Device;

  constructor(usbDevice: UsbDevice, number: number, settings: readonly AltSetting[]) {
    this.usbDevice = usbDevice;
    this.number = number;
    this.settings = settings;
    // Setting 0 if there is one: usb_set_configuration.
    this.current = settings.find(({ desc }) => desc.bAlternateSetting === 0) ?? (settings[0] as AltSetting);
  }

  setting(alternate: number): AltSetting | undefined {
    return this.settings.find(({ desc }) => desc.bAlternateSetting === alternate);
  }
}

/** struct usb_device. */
export class UsbDevice {
  readonly hcd: Hcd;
  /** Undefined for a root hub. */
  readonly parent: UsbDevice | undefined;
  /** Which port of its parent; 0 for a root hub. */
  readonly port: number;
  readonly speed: number;
  /** usb_lock_device. */
  readonly lock: Mutex;
  devnum = 0;
  /** USB_STATE_. */
  state = USB_STATE_ATTACHED;
  canSubmit = true;
  descriptor!: UsbDeviceDescriptor;
  /** Its bytes, as they came. */
  descriptorBytes: Uint8Array = new Uint8Array(0);
  bos: Uint8Array | undefined;
  configurations: readonly Configuration[] = [];
  active: Configuration | undefined;
  interfaces: readonly UsbInterface[] = [];
  readonly ep0: UsbHostEndpoint;
  /** Of the settings that are active, by address. */
  readonly endpoints = new Map<number, UsbHostEndpoint>();
  product: string | undefined;
  manufacturer: string | undefined;
  serial: string | undefined;
  /** Of the active configuration. */
  configurationString: string | undefined;
  /** The language its strings are asked in; undefined until it was asked, -1 when it has none. */
  language: number | undefined;
  urbnum = 0;
  quirkAvoidReset = false;
  isAuthorized = true;
  /** Whether the host has put it to sleep. */
  isSuspended = false;
  /** Set when it is registered. */
  device!: Device;
  /** Files of usbfs and others that must hear when it goes. */
  readonly onGone = new Set<() => void>();
  /** Told when it has woken up. */
  readonly onResume = new Set<() => void>();
  /** Of a hub: who keeps the kernel from using its ports. */
  readonly portOwners = new Map<number, unknown>();

  constructor(hcd: Hcd, parent: UsbDevice | undefined, port: number, speed: number) {
    this.hcd = hcd;
    this.parent = parent;
    this.port = port;
    this.speed = speed;
    const lockClass = hcd.system.lockdep.lockClass(parent === undefined ? 'usb root hub' : 'usb device');
    this.lock = new Mutex(`the USB device ${this.name}`, lockClass);
    this.ep0 = new UsbHostEndpoint(this, {
      bLength: USB_DT_ENDPOINT_SIZE,
      bDescriptorType: USB_DT_ENDPOINT,
      bEndpointAddress: 0,
      bmAttributes: 0,
      wMaxPacketSize: speed >= USB_SPEED_SUPER ? 512 : 64,
      bInterval: 0,
      bRefresh: 0,
      bSynchAddress: 0,
    });
  }

  /** `usb1`, `1-1`: its name in sysfs. */
  get name(): string {
    return this.parent === undefined ? `usb${this.hcd.busnum}` : `${this.hcd.busnum}-${this.devpath}`;
  }

  /** Ports on the way from the root hub; `0` for that itself. */
  get devpath(): string {
    if (this.parent === undefined) return '0';
    return this.parent.parent === undefined ? `${this.port}` : `${this.parent.devpath}.${this.port}`;
  }

  get isGone(): boolean {
    return this.state === USB_STATE_NOTATTACHED;
  }

  /** ep_in and ep_out: an endpoint that is in use. ep0 has no direction. */
  endpoint(address: number): UsbHostEndpoint | undefined {
    return (address & USB_ENDPOINT_NUMBER_MASK) === 0 ? this.ep0 : this.endpoints.get(address);
  }

  /** usb_ifnum_to_if. */
  interface(number: number): UsbInterface | undefined {
    return this.interfaces.find((candidate) => candidate.number === number);
  }

  /** usb_enable_interface. */
  enable(setting: AltSetting): void {
    for (const { desc, ssComp } of setting.endpoints) this.endpoints.set(desc.bEndpointAddress, new UsbHostEndpoint(this, desc, ssComp));
  }

  /** usb_disable_interface. */
  *disable(setting: AltSetting): Kernel<void> {
    for (const { desc } of setting.endpoints) {
      const endpoint = this.endpoints.get(desc.bEndpointAddress);
      if (endpoint === undefined) continue;
      yield* endpoint.disable();
      this.endpoints.delete(desc.bEndpointAddress);
    }
  }
}
