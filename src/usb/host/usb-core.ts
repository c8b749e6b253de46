/** drivers/usb/core/usb.c: the buses of a machine and the devices on them. */
import { Errno } from '../../abi/index.ts';
import {
  USB_DIR_OUT,
  USB_RECIP_INTERFACE,
  USB_REQ_SET_CONFIGURATION,
  USB_REQ_SET_INTERFACE,
  USB_STATE_ADDRESS,
  USB_STATE_CONFIGURED,
  USB_STATE_NOTATTACHED,
} from '../../abi/uapi/index.ts';
import {
  type CharacterRegion,
  type Device,
  type FileOperations,
  finish,
  type Kernel,
  type MaybeKernel,
  type System,
  sleep,
} from '../../kernel/index.ts';
import { describe, enumerate, isUnchanged } from './enumerate.ts';
import { type HcDriver, Hcd } from './hcd.ts';
import { RootHub } from './hub.ts';
import { controlMessage, setInterface } from './message.ts';
import { chooseConfiguration, hideSetting, removeInterfaces, setConfiguration, showSetting } from './set-configuration.ts';
import { addEndpoint, deviceGroups } from './sysfs.ts';
import { UsbDevice, type UsbInterface } from './usb-device.ts';
import { driverOf, registerUsbDriver, releaseInterface, type UsbDriver, usbBus } from './usb-driver.ts';

/** USB_DEVICE_MAJOR. */
const USB_DEVICE_MAJOR = 189;
const MINORS_PER_BUS = 128;
/** What device_del of a device takes, about. */
const REMOVAL_NS = 50e6;

/** usb_generic_driver: it serves devices as a whole. */
const GENERIC_DRIVER = 'usb';

/** The hub driver has a root hub's interface; what it does is {@link RootHub}'s. */
const hubDriver: UsbDriver = { name: 'hub', match: ({ current }) => current.desc.bInterfaceClass === 9 };

const digits = (number: number) => `${number}`.padStart(3, '0');

/** What serves the nodes of devices: usbfs. */
export type NodeOperations = (device: UsbDevice) => FileOperations;

/** All of USB's host side in a machine. */
class UsbCore {
  readonly hcds: Hcd[] = [];
  readonly hubs = new Map<Hcd, RootHub>();
  readonly #system: System;
  readonly #region: CharacterRegion;
  readonly #removeNode = new Map<UsbDevice, () => void>();
  readonly #ep0 = new Map<UsbDevice, Device>();
  /** Set by usbfs. */
  nodeOperations: NodeOperations = () => ({});

  constructor(system: System) {
    this.#system = system;
    this.#region = system.devices.registerRegion(USB_DEVICE_MAJOR, 'usb_device');
    const bus = usbBus(system);
    bus.onResetSetting = (intf) => this.#resetSetting(intf);
    bus.addDeviceDriver({
      name: GENERIC_DRIVER,
      probe: (device) => this.#probe(device),
      remove: (device) => this.#leave(device),
    });
    registerUsbDriver(system, hubDriver);
  }

  /** usb_add_hcd. */
  add(controller: Device, driver: HcDriver): Hcd {
    const hcd = new Hcd(this.#system, controller, this.hcds.length + 1, driver);
    this.hcds.push(hcd);
    // It answers at once, so nothing here waits.
    this.#system.scheduler.start(`root hub of USB bus ${hcd.busnum}`, undefined, this.#addRootHub(hcd));
    return hcd;
  }

  /** register_root_hub. */
  *#addRootHub(hcd: Hcd): Kernel<void> {
    const device = new UsbDevice(hcd, undefined, 0, hcd.driver.speed);
    hcd.rootHub = device;
    hcd.chooseDevnum(device);
    yield* describe(device);
    yield* enumerate(device);
    yield* this.#register(device, hcd.controller);
    this.hubs.set(
      hcd,
      new RootHub(hcd, { add: (child) => this.#register(child, device.device), remove: (child) => this.disconnect(child) }),
    );
  }

  /** usb_new_device: it is shown, and its driver chooses a configuration. */
  *#register(device: UsbDevice, parent: Device): Kernel<void> {
    const system = this.#system;
    const { hcd } = device;
    this.#announce(device);
    const bus = usbBus(system);
    bus.name(device.name, { kind: 'device', usb: device });
    const actions = {
      setConfiguration: (usb: UsbDevice, value: number) => setConfiguration(usb, value),
      remove: (usb: UsbDevice) => this.disconnect(usb),
    };
    const path = `bus/usb/${digits(hcd.busnum)}/${digits(device.devnum)}`;
    const minor = (hcd.busnum - 1) * MINORS_PER_BUS + device.devnum - 1;
    const remove = system.devices.add(this.#region, minor, path, this.nodeOperations(device), undefined, {
      bus: bus.bus,
      parent,
      name: device.name,
      groups: deviceGroups(device, actions),
      devtype: 'usb_device',
    });
    this.#removeNode.set(device, remove);
    this.#ep0.set(device, addEndpoint(device.device, device, device.ep0.desc));
  }

  /** announce_device. */
  #announce(device: UsbDevice): void {
    const { log } = this.#system;
    const { descriptor: d, name } = device;
    const hex = (value: number) => value.toString(16).padStart(4, '0');
    const bcd = `${(d.bcdDevice >> 8).toString(16).padStart(2)}.${(d.bcdDevice & 0xff).toString(16).padStart(2, '0')}`;
    log.print('info', `usb ${name}: New USB device found, idVendor=${hex(d.idVendor)}, idProduct=${hex(d.idProduct)}, bcdDevice=${bcd}`);
    log.print(
      'info',
      `usb ${name}: New USB device strings: Mfr=${d.iManufacturer}, Product=${d.iProduct}, SerialNumber=${d.iSerialNumber}`,
    );
    if (device.product !== undefined) log.print('info', `usb ${name}: Product: ${device.product}`);
    if (device.manufacturer !== undefined) log.print('info', `usb ${name}: Manufacturer: ${device.manufacturer}`);
    if (device.serial !== undefined) log.print('info', `usb ${name}: SerialNumber: ${device.serial}`);
  }

  /** usb_generic_driver_probe. What fails is a line in the log: the device stays without a configuration. */
  *#probe(shown: Device): Kernel<void> {
    const device = this.#of(shown);
    device.device = shown;
    const value = chooseConfiguration(device);
    if (value < 0) return;
    yield* device.lock.lock();
    try {
      yield* setConfiguration(device, value);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      this.#system.log.print('err', `usb ${device.name}: can't set config #${value}, error ${error.code}`);
    } finally {
      device.lock.unlock();
    }
  }

  /** usb_generic_driver_disconnect: an unbound device has no configuration, unless it is gone anyway. */
  *#leave(shown: Device): Kernel<void> {
    const device = this.#of(shown);
    if (!device.isGone) yield* setConfiguration(device, -1);
  }

  #of(shown: Device): UsbDevice {
    const served = usbBus(this.#system).of(shown);
    if (served?.kind !== 'device') throw new Error(`${shown.name} is no USB device`);
    return served.usb;
  }

  /** usb_disconnect. */
  *disconnect(device: UsbDevice): Kernel<void> {
    if (device.isGone) return;
    device.state = USB_STATE_NOTATTACHED;
    device.canSubmit = false;
    this.#system.log.print('info', `usb ${device.name}: USB disconnect, device number ${device.devnum}`);
    for (const endpoint of [device.ep0, ...device.endpoints.values()]) for (const urb of [...endpoint.urbs]) urb.unlink('ESHUTDOWN');
    yield* device.lock.lock();
    try {
      yield* removeInterfaces(device);
      yield* device.ep0.disable();
    } finally {
      device.lock.unlock();
    }
    // Until the files of sysfs are gone. Programs see a device that has hung up and is still known.
    yield* sleep(REMOVAL_NS);
    this.#ep0.get(device)?.unregister();
    this.#ep0.delete(device);
    for (const gone of [...device.onGone]) gone();
    this.#removeNode.get(device)?.();
    this.#removeNode.delete(device);
    usbBus(this.#system).forget(device.name);
    device.hcd.devices.delete(device.devnum);
  }

  /** A driver left an interface at another setting. */
  *#resetSetting(intf: UsbInterface): Kernel<void> {
    hideSetting(intf);
    try {
      yield* setInterface(intf, 0);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
    yield* showSetting(intf);
  }

  /** usb_set_interface, and what sysfs shows of it. */
  *setInterface(intf: UsbInterface, alternate: number): Kernel<void> {
    if (intf.setting(alternate) === undefined) throw new Errno('EINVAL', `interface ${intf.number} has no setting ${alternate}`);
    hideSetting(intf);
    try {
      yield* setInterface(intf, alternate);
    } finally {
      yield* showSetting(intf);
    }
  }

  /** usb_reset_device. */
  *reset(device: UsbDevice): Kernel<void> {
    const hub = this.hubs.get(device.hcd);
    if (device.isGone || device.isSuspended || hub === undefined) throw new Errno('EINVAL', `${device.name} cannot be reset now`);
    if (device.parent === undefined) throw new Errno('EISDIR', `${device.name} is a root hub`);
    const unbound: UsbInterface[] = [];
    for (const intf of device.interfaces) {
      const driver = driverOf(intf);
      if (driver === undefined) continue;
      if (driver.preReset !== undefined && driver.postReset !== undefined) {
        yield* finish(driver.preReset(intf) as MaybeKernel<void>);
      } else {
        unbound.push(intf);
        yield* releaseInterface(intf);
      }
    }
    yield* this.#resetAndVerify(device, hub);
    for (const intf of device.interfaces) {
      const driver = driverOf(intf);
      if (driver?.postReset !== undefined) yield* finish(driver.postReset(intf) as MaybeKernel<void>);
    }
    // Whoever matches gets it back; who had claimed it does not.
    for (const intf of unbound) if (device.interfaces.includes(intf)) intf.device.bus?.probe(intf.device);
  }

  /** usb_reset_and_verify_device. @throws Errno ENODEV it is not what it was: it went, and maybe another came */
  *#resetAndVerify(device: UsbDevice, hub: RootHub): Kernel<void> {
    const before = device.descriptorBytes;
    const { active } = device;
    for (const endpoint of device.endpoints.values()) yield* endpoint.disable();
    try {
      yield* hub.resetDevice(device);
      if (!(yield* isUnchanged(device, before))) throw new Errno('ENODEV', `${device.name} came back as another`);
      if (active !== undefined) {
        const wValue = active.desc.bConfigurationValue;
        yield* controlMessage(device, { bRequestType: USB_DIR_OUT, bRequest: USB_REQ_SET_CONFIGURATION, wValue });
        device.state = USB_STATE_CONFIGURED;
        for (const intf of device.interfaces) {
          const alternate = intf.current.desc.bAlternateSetting;
          if (alternate !== 0) {
            const bRequestType = USB_RECIP_INTERFACE;
            yield* controlMessage(device, { bRequestType, bRequest: USB_REQ_SET_INTERFACE, wValue: alternate, wIndex: intf.number });
          }
          device.enable(intf.current);
        }
      }
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      this.#system.scheduler.spawn(`reconnection of ${device.name}`, undefined, hub.reconnect(device));
      throw new Errno('ENODEV', `${device.name} was lost in a reset`);
    }
  }
}

const makeUsbCore = (system: System) => new UsbCore(system);

/** For this folder. */
export const usbCore = (system: System): UsbCore => system.single(makeUsbCore);

/** Devices that are known, root hubs included, by bus and number. */
export const usbDevices = (system: System): readonly UsbDevice[] =>
  usbCore(system).hcds.flatMap(({ devices }) => [...devices.values()].filter(({ state }) => state >= USB_STATE_ADDRESS));

/** The root hub of a bus, whose ports can be put to sleep and switched off. */
export const rootHubOf = (hcd: Hcd): RootHub => usbCore(hcd.system).hubs.get(hcd) as RootHub;

/**
 * usb_reset_device. The caller holds the device's lock. Drivers of its interfaces without hooks for that are unbound.
 *
 * @throws Errno EINVAL it is gone or sleeps; EISDIR a root hub; ENODEV it was lost
 */
export const resetDevice = (device: UsbDevice): Kernel<void> => usbCore(device.hcd.system).reset(device);

/** usb_set_interface. @throws Errno EINVAL no such setting; what the device says */
export const chooseSetting = (intf: UsbInterface, alternate: number): Kernel<void> =>
  usbCore(intf.usbDevice.hcd.system).setInterface(intf, alternate);
