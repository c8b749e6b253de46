/** include/linux/usb/composite.h and drivers/usb/gadget/functions.c: what a device with several functions is made of. */
import { Errno } from '../../abi/index.ts';
import type { UsbCtrlRequest } from '../../abi/uapi/index.ts';
import type { MaybeKernel, System } from '../../kernel/index.ts';
import { ConfigGroup } from '../../vfs/pseudo/index.ts';
import type { UsbConfiguration } from './usb-configuration.ts';

/** A string with the number by which descriptors name it: struct usb_string. */
export interface UsbString {
  id: number;
  /** Its bytes, UTF-8. */
  readonly s: string;
}

/** The same strings in one language: struct usb_gadget_strings. */
export interface UsbGadgetStrings {
  readonly language: number;
  readonly strings: readonly UsbString[];
}

/** struct usb_os_desc_ext_prop: a registry value for one operating system. Its texts are bytes, widened to 16 bits on the wire. */
export interface UsbOsProperty {
  /** USB_EXT_PROP_: 1 to 7. */
  readonly type: number;
  readonly name: Uint8Array;
  readonly data: Uint8Array;
}

/** struct usb_os_desc_table: what one operating system wants to know of an interface. */
export interface UsbOsDescTable {
  /** The interface's number in the configuration. */
  ifId: number;
  /** CompatibleID and SubCompatibleID: 16 bytes. */
  readonly extCompatId: Uint8Array;
  readonly properties: readonly UsbOsProperty[];
}

/**
 * One function in one configuration, as struct usb_function. `bind` and `unbind` may wait; the others are called by events of the bus
 * and must not.
 */
export abstract class UsbFunction {
  readonly name: string;
  readonly instance: UsbFunctionInstance;
  /** Where it was added; undefined before. */
  config: UsbConfiguration | undefined;
  /**
   * Its descriptors at each speed, in order, each with its header; made by {@link bind}. Without them the function is not there at that
   * speed.
   */
  fsDescriptors: readonly Uint8Array[] | undefined;
  hsDescriptors: readonly Uint8Array[] | undefined;
  ssDescriptors: readonly Uint8Array[] | undefined;
  sspDescriptors: readonly Uint8Array[] | undefined;
  /** Looked up by the numbers that its descriptors name. */
  strings: readonly UsbGadgetStrings[] = [];
  osDescTable: readonly UsbOsDescTable[] = [];
  /** Kept by the composite layer: addresses of its endpoints while the configuration is chosen; what the host said of the function alone. */
  readonly endpoints = new Set<number>();
  funcSuspended = false;
  funcWakeupArmed = false;

  constructor(name: string, instance: UsbFunctionInstance) {
    this.name = name;
    this.instance = instance;
  }

  /**
   * The function joins the configuration: it takes numbers of interfaces ({@link UsbConfiguration.interfaceId}) and of strings
   * ({@link UsbCompositeDev.stringIds}), endpoints by autoconfig, and makes its descriptors.
   *
   * @throws Errno and then it has not joined
   */
  abstract bind(config: UsbConfiguration): MaybeKernel<void>;
  /** It leaves. What it queued has ended. */
  abstract unbind(config: UsbConfiguration): MaybeKernel<void>;
  /**
   * The host chose the configuration (`alt` is 0) or a setting of one of its interfaces: its endpoints work from now on.
   *
   * @param intf the interface's number in the configuration
   * @returns USB_GADGET_DELAYED_STATUS when the status stage is to wait for {@link UsbCompositeDev.setupContinue}
   * @throws Errno the host's request stalls
   */
  abstract setAlt(intf: number, alt: number): number | void;
  /** The configuration is left: its endpoints work no more. */
  abstract disable(): void;
  /** The setting of an interface. Without it only setting 0 is allowed. @throws Errno */
  getAlt?(intf: number): number;
  /** A request that is none of the composite layer's. It queues its answer on ep0. @returns as setAlt @throws Errno it stalls */
  setup?(request: UsbCtrlRequest): number | void;
  /** Whether such a request is for this function. @param config0 no configuration is chosen */
  reqMatch?(request: UsbCtrlRequest, config0: boolean): boolean;
  /** The bus is suspended, or comes back, while the configuration is chosen. */
  suspend?(): void;
  resume?(): void;
  /** Of super speed: the status of its first interface, and suspending it. @param options the high byte of wIndex @throws Errno */
  getStatus?(): number;
  funcSuspend?(options: number): number | void;
  /** free_func: it was taken out of the configuration for good. */
  free?(): void;
}

/**
 * A folder `functions/NAME.INSTANCE` of a gadget, as struct usb_function_instance: what its functions, one for each link into a
 * configuration, have in common. `type.release` of the item ends it.
 */
export abstract class UsbFunctionInstance extends ConfigGroup {
  /** alloc_func. @throws Errno what symlink(2) fails with */
  abstract makeFunction(): MaybeKernel<UsbFunction>;
}

/** A kind of function, as struct usb_function_driver. */
export interface UsbFunctionDriver {
  /** Before the dot in the folder's name: `ffs`. */
  readonly name: string;
  /**
   * alloc_inst, and set_inst_name where there is one.
   *
   * @param folder the whole name, for the item
   * @param instance what stands behind the dot
   * @throws Errno what mkdir(2) fails with
   */
  makeInstance(system: System, folder: string, instance: string): MaybeKernel<UsbFunctionInstance>;
}

const drivers = (_system: System) => new Map<string, UsbFunctionDriver>();

/** usb_function_register. @returns usb_function_unregister @throws Errno EEXIST */
export function registerUsbFunction(system: System, driver: UsbFunctionDriver): () => void {
  const known = system.single(drivers);
  if (known.has(driver.name)) throw new Errno('EEXIST', `there is a function driver ${driver.name} already`);
  known.set(driver.name, driver);
  return () => void known.delete(driver.name);
}

/** try_get_usb_function_instance. @throws Errno ENOENT for an unknown kind; the driver's */
export function getUsbFunctionInstance(system: System, name: string, folder: string, instance: string): MaybeKernel<UsbFunctionInstance> {
  const driver = system.single(drivers).get(name);
  if (driver === undefined) throw new Errno('ENOENT', `there is no function driver ${name}`);
  return driver.makeInstance(system, folder, instance);
}
