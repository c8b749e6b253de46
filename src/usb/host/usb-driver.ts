/** drivers/usb/core/driver.c: the bus where USB devices and drivers of their interfaces meet. */
import { Errno } from '../../abi/index.ts';
import {
  type Bus,
  type Device,
  type DeviceDriver,
  finish,
  type Kernel,
  type MaybeKernel,
  type System,
  type UeventVariable,
} from '../../kernel/index.ts';
import { modalias } from './sysfs-text.ts';
import type { UsbDevice, UsbInterface } from './usb-device.ts';

/** Who serves interfaces, as struct usb_driver. */
export interface UsbDriver {
  readonly name: string;
  /** Whether it wants an interface: its id_table. */
  readonly match: (intf: UsbInterface) => boolean;
  /** @throws Errno it does not take this one */
  readonly probe?: (intf: UsbInterface) => MaybeKernel<void>;
  /** Its transfers have ended, or end now. */
  readonly disconnect?: (intf: UsbInterface) => MaybeKernel<void>;
  /** True when left out. */
  readonly supportsAutosuspend?: boolean;
  /** Both, or it is unbound while the device is reset. */
  readonly preReset?: (intf: UsbInterface) => MaybeKernel<void>;
  readonly postReset?: (intf: UsbInterface) => MaybeKernel<void>;
  /** Requests of USBDEVFS_IOCTL that usbfs does not know. @throws Errno ENOTTY */
  readonly ioctl?: (intf: UsbInterface, code: number, data: Uint8Array) => MaybeKernel<number>;
}

/** What a device on the bus is. */
type Served = { readonly kind: 'device'; readonly usb: UsbDevice } | { readonly kind: 'interface'; readonly usb: UsbInterface };

/** The bus `usb` of a machine: /sys/bus/usb. */
class UsbBus {
  readonly bus: Bus;
  readonly #served = new Map<string, Served>();
  readonly #drivers = new Map<DeviceDriver, UsbDriver>();
  readonly #deviceDrivers = new Map<UsbDriver, DeviceDriver>();
  #unregister = new Map<UsbDriver, () => void>();

  constructor(system: System) {
    this.bus = system.deviceModel.addBus({
      name: 'usb',
      match: (device, driver) => this.#matches(device, driver),
      uevent: (device) => this.#uevent(device),
    });
  }

  /** To be told of before it is registered: its events want to know. */
  name(name: string, served: Served): void {
    this.#served.set(name, served);
  }

  forget(name: string): void {
    this.#served.delete(name);
  }

  of(device: Device): Served | undefined {
    return this.#served.get(device.name);
  }

  /** The driver of devices as a whole. */
  addDeviceDriver(driver: DeviceDriver): void {
    this.bus.addDriver(driver);
  }

  add(driver: UsbDriver): void {
    const onBus: DeviceDriver = {
      name: driver.name,
      ...(driver.probe === undefined ? {} : { probe: (device) => driver.probe?.(this.#interface(device)) }),
      remove: (device) => this.#disconnect(driver, this.#interface(device)),
    };
    this.#drivers.set(onBus, driver);
    this.#deviceDrivers.set(driver, onBus);
    this.#unregister.set(driver, this.bus.addDriver(onBus));
  }

  remove(driver: UsbDriver): void {
    this.#unregister.get(driver)?.();
    this.#unregister.delete(driver);
    this.#drivers.delete(this.#deviceDrivers.get(driver) as DeviceDriver);
    this.#deviceDrivers.delete(driver);
  }

  driverOf(intf: UsbInterface): UsbDriver | undefined {
    const { driver } = intf.device;
    return driver === undefined ? undefined : this.#drivers.get(driver);
  }

  *claim(driver: UsbDriver, intf: UsbInterface, isQuiet: boolean): Kernel<void> {
    if (intf.device.driver !== undefined) throw new Errno('EBUSY', `${intf.device.name} is ${intf.device.driver.name}'s`);
    if (!intf.isAuthorized) throw new Errno('ENODEV', `${intf.device.name} is not authorized`);
    // Whoever claims has seen to it: nothing is probed.
    yield* this.bus.bind(intf.device, this.#deviceDrivers.get(driver) as DeviceDriver, isQuiet);
  }

  *release(intf: UsbInterface, isQuiet = false): Kernel<void> {
    yield* this.bus.unbind(intf.device, isQuiet);
  }

  /** usb_unbind_interface: nothing is left queued, and the alternate setting goes back to 0. */
  *#disconnect(driver: UsbDriver, intf: UsbInterface): Kernel<void> {
    const { usbDevice } = intf;
    for (const { desc } of intf.current.endpoints) {
      const endpoint = usbDevice.endpoints.get(desc.bEndpointAddress);
      if (endpoint === undefined) continue;
      yield* endpoint.disable();
      endpoint.isEnabled = !usbDevice.isGone;
    }
    yield* finish(driver.disconnect?.(intf) as MaybeKernel<void>);
    if (intf.current.desc.bAlternateSetting !== 0 && !usbDevice.isGone) yield* this.onResetSetting?.(intf) ?? noWork();
  }

  /** Puts an interface back to setting 0; set by who can. */
  onResetSetting: ((intf: UsbInterface) => Kernel<void>) | undefined;

  #interface(device: Device): UsbInterface {
    return (this.of(device) as Served & { kind: 'interface' }).usb;
  }

  #matches(device: Device, driver: DeviceDriver): boolean {
    const served = this.of(device);
    const interfaceDriver = this.#drivers.get(driver);
    if (served === undefined) return false;
    if (served.kind === 'device') return interfaceDriver === undefined;
    return served.usb.isAuthorized && (interfaceDriver?.match(served.usb) ?? false);
  }

  /** usb_uevent, usb_dev_uevent and usb_if_uevent. */
  #uevent(device: Device): readonly UeventVariable[] {
    const served = this.of(device);
    if (served === undefined) return [];
    const usb = served.kind === 'device' ? served.usb : served.usb.usbDevice;
    const { idVendor, idProduct, bcdDevice, bDeviceClass, bDeviceSubClass, bDeviceProtocol } = usb.descriptor;
    const common: UeventVariable[] = [
      ['PRODUCT', `${idVendor.toString(16)}/${idProduct.toString(16)}/${bcdDevice.toString(16)}`],
      ['TYPE', `${bDeviceClass}/${bDeviceSubClass}/${bDeviceProtocol}`],
    ];
    if (served.kind === 'device') return [...common, ['BUSNUM', digits(usb.hcd.busnum)], ['DEVNUM', digits(usb.devnum)]];
    const { bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol } = served.usb.current.desc;
    return [...common, ['INTERFACE', `${bInterfaceClass}/${bInterfaceSubClass}/${bInterfaceProtocol}`], ['MODALIAS', modalias(served.usb)]];
  }
}

function* noWork(): Kernel<void> {}

const digits = (number: number) => `${number}`.padStart(3, '0');

const makeUsbBus = (system: System) => new UsbBus(system);

/** For this folder. */
export const usbBus = (system: System): UsbBus => system.single(makeUsbBus);

/** usb_register: it is given the interfaces that it wants and nobody has. */
export const registerUsbDriver = (system: System, driver: UsbDriver): void => usbBus(system).add(driver);

/** usb_deregister. */
export const deregisterUsbDriver = (system: System, driver: UsbDriver): void => usbBus(system).remove(driver);

/**
 * usb_driver_claim_interface.
 *
 * @param isQuiet whether no event tells of it
 * @throws Errno EBUSY another driver has it; ENODEV it is not authorized
 */
export const claimInterface = (driver: UsbDriver, intf: UsbInterface, isQuiet = false): Kernel<void> =>
  usbBus(intf.usbDevice.hcd.system).claim(driver, intf, isQuiet);

/** usb_driver_release_interface. */
export const releaseInterface = (intf: UsbInterface, isQuiet = false): Kernel<void> =>
  usbBus(intf.usbDevice.hcd.system).release(intf, isQuiet);

/** Who serves an interface now. */
export const driverOf = (intf: UsbInterface): UsbDriver | undefined => usbBus(intf.usbDevice.hcd.system).driverOf(intf);
