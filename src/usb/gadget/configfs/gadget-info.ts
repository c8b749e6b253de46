/** drivers/usb/gadget/configfs.c: `usb_gadget/NAME`, a device that programs put together. */
import { Errno } from '../../../abi/index.ts';
import {
  USB_DT_DEVICE,
  USB_DT_DEVICE_SIZE,
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_LOW,
  USB_SPEED_SUPER,
  USB_SPEED_SUPER_PLUS,
  type UsbDeviceDescriptor,
  usb_speed_string,
} from '../../../abi/uapi/index.ts';
import { type Kernel, Mutex, type System } from '../../../kernel/index.ts';
import { type ConfigAttribute, ConfigGroup, type ConfigItem, type ConfigItemType } from '../../../vfs/pseudo/index.ts';
import { registerGadgetDriver, unregisterGadgetDriver } from '../udc.ts';
import type { UsbConfiguration } from '../usb-configuration.ts';
import type { UsbFunctionInstance } from '../usb-function.ts';
import { byte, checkedBcd, cString, RW, withoutNewline, word } from './attributes.ts';
import { configsType, functionsType, type GadgetConfig } from './configs.ts';
import { ConfigfsGadgetDriver } from './gadget-driver.ts';
import { OsDescGroup, WebUsbGroup } from './os-desc.ts';
import { StringsGroup } from './strings.ts';

/** The kernel's version, 6.12: what a device's is that nobody sets. */
const DEFAULT_BCD_DEVICE = 0x0612;

/** One gadget, as struct gadget_info. */
export class GadgetInfo extends ConfigGroup {
  readonly system: System;
  /** Held while it is put together, bound or unbound. */
  readonly lock: Mutex;
  readonly desc: UsbDeviceDescriptor = {
    bLength: USB_DT_DEVICE_SIZE,
    bDescriptorType: USB_DT_DEVICE,
    bcdUSB: 0,
    bDeviceClass: 0,
    bDeviceSubClass: 0,
    bDeviceProtocol: 0,
    bMaxPacketSize0: 0,
    idVendor: 0,
    idProduct: 0,
    bcdDevice: DEFAULT_BCD_DEVICE,
    iManufacturer: 0,
    iProduct: 0,
    iSerialNumber: 0,
    bNumConfigurations: 0,
  };
  maxSpeed = USB_SPEED_SUPER_PLUS;
  /** In the order in which they were made. */
  readonly instances: UsbFunctionInstance[] = [];
  readonly configs: GadgetConfig[] = [];
  readonly strings: StringsGroup;
  readonly osDesc: OsDescGroup;
  readonly webUsb: WebUsbGroup;
  osDescConfig: UsbConfiguration | undefined;
  usesOsDesc = false;
  #driver: ConfigfsGadgetDriver | undefined;

  constructor(system: System, name: string) {
    const self = (): GadgetInfo => this;
    const strings = new StringsGroup(['manufacturer', 'product', 'serialnumber'], true);
    const osDesc = new OsDescGroup(self);
    const webUsb = new WebUsbGroup();
    const functions = new ConfigGroup('functions', functionsType(self));
    super(name, gadgetType, [functions, new ConfigGroup('configs', configsType(self)), strings, osDesc, webUsb]);
    this.system = system;
    this.lock = new Mutex(`the gadget ${name}`, system.lockdep.lockClass('gadget_info'));
    this.strings = strings;
    this.osDesc = osDesc;
    this.webUsb = webUsb;
  }

  /** The controller that it is bound to. */
  get udcName(): string | undefined {
    return this.#driver?.udcName;
  }

  /** With the lock held. @throws Errno EBUSY when it is bound, and whatever keeps it from being bound */
  *register(udcName: string): Kernel<void> {
    if (this.#driver !== undefined) throw new Errno('EBUSY', `${this.name} is bound to ${this.#driver.udcName}`);
    const driver = new ConfigfsGadgetDriver(this, udcName);
    this.#driver = driver;
    try {
      yield* registerGadgetDriver(this.system, driver);
    } catch (error) {
      this.#driver = undefined;
      if (!(error instanceof Errno)) throw error;
      this.system.log.print('err', `UDC core: ${this.name}: couldn't find an available UDC or it's busy: ${error.message}`);
      throw new Errno('EBUSY', error.reason);
    }
  }

  /** unregister_gadget, with the lock held. @throws Errno ENODEV when it is not bound */
  *unregister(): Kernel<void> {
    const driver = this.#driver;
    if (driver === undefined) throw new Errno('ENODEV', `${this.name} is not bound`);
    yield* unregisterGadgetDriver(this.system, driver);
    this.#driver = undefined;
  }
}

const field = (make: typeof byte, name: keyof UsbDeviceDescriptor, check = (value: number) => value): ConfigAttribute<GadgetInfo> =>
  make<GadgetInfo>(name, {
    get: ({ desc }) => desc[name],
    set({ desc }, value) {
      desc[name] = check(value);
    },
  });

/** Words for max_speed; the first with which the text begins counts. */
const SPEEDS = [USB_SPEED_SUPER_PLUS, USB_SPEED_SUPER, USB_SPEED_HIGH, USB_SPEED_FULL, USB_SPEED_LOW];

const gadgetType: ConfigItemType<GadgetInfo> = {
  attributes: [
    field(byte, 'bDeviceClass'),
    field(byte, 'bDeviceSubClass'),
    field(byte, 'bDeviceProtocol'),
    field(byte, 'bMaxPacketSize0'),
    field(word, 'idVendor'),
    field(word, 'idProduct'),
    field(word, 'bcdDevice', checkedBcd),
    field(word, 'bcdUSB', checkedBcd),
    {
      name: 'UDC',
      mode: RW,
      show: ({ udcName }) => `${udcName ?? ''}\n`,
      *store(gadget, text) {
        if (cString(text).length < text.length) throw new Errno('EOVERFLOW', 'a NUL is no part of a name');
        const name = withoutNewline(text);
        yield* gadget.lock.lock();
        try {
          yield* name === '' ? gadget.unregister() : gadget.register(name);
        } finally {
          gadget.lock.unlock();
        }
      },
    },
    {
      name: 'max_speed',
      mode: RW,
      show: ({ maxSpeed }) => `${usb_speed_string(maxSpeed)}\n`,
      *store(gadget, text) {
        yield* gadget.lock.lock();
        try {
          if (gadget.udcName !== undefined) throw new Errno('EINVAL', `${gadget.name} is bound`);
          const speed = SPEEDS.find((one) => text.startsWith(usb_speed_string(one)));
          if (speed === undefined) throw new Errno('EINVAL', `${text} is no speed`);
          gadget.maxSpeed = speed;
        } finally {
          gadget.lock.unlock();
        }
      },
    },
  ],
};

/**
 * unregister_gadget_item: unbinds the gadget, for a function that cannot go on.
 *
 * @param item the gadget's folder: of an instance, its parent's parent
 * @throws Errno ENODEV when it is not bound
 */
export function* unregisterGadgetItem(item: ConfigItem): Kernel<void> {
  if (!(item instanceof GadgetInfo)) throw new Error(`${item.describe()} is no gadget`);
  yield* item.lock.lock();
  try {
    yield* item.unregister();
  } finally {
    item.lock.unlock();
  }
}
