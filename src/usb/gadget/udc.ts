/** drivers/usb/gadget/udc/core.c: device controllers, the drivers that make devices of them, and /sys/class/udc. */
import { Errno } from '../../abi/index.ts';
import { type Bus, type Device, type DeviceDriver, finish, type Kernel, type System } from '../../kernel/index.ts';
import { udcAttributes } from './udc-attributes.ts';
import type { UsbGadget, UsbGadgetDriver } from './usb-gadget.ts';

/** A device controller that is registered: /sys/class/udc/NAME. */
export class Udc {
  readonly system: System;
  readonly gadget: UsbGadget;
  readonly device: Device;
  /** Who has made a device of it. */
  driver: UsbGadgetDriver | undefined;
  /** Whether the driver may be shown to the host. */
  allowConnect = false;
  started = false;

  constructor(system: System, gadget: UsbGadget, parent: Device) {
    this.system = system;
    this.gadget = gadget;
    gadget.onState = () => this.device.notify('state');
    this.device = system.deviceModel.register({
      name: parent.name,
      class: system.deviceModel.class('udc'),
      parent,
      groups: [{ attributes: udcAttributes(this) }],
      uevent: () => [
        ['USB_UDC_NAME', gadget.name],
        ...(this.driver === undefined ? [] : ([['USB_UDC_DRIVER', this.driver.function]] as const)),
      ],
    });
  }

  get name(): string {
    return this.device.name;
  }

  /** usb_gadget_connect: the pull-up goes on. @throws Errno EOPNOTSUPP and the controller's */
  connect(): void {
    const { gadget } = this;
    const { ops } = gadget;
    if (ops.pullup === undefined) throw new Errno('EOPNOTSUPP', `${this.name} has no pull-up`);
    if (gadget.deactivated || !this.allowConnect || !this.started) {
      // It is done once that changes.
      gadget.connected = true;
      return;
    }
    ops.pullup(gadget, true);
    gadget.connected = true;
  }

  /** usb_gadget_disconnect: the pull-up goes off, and the driver hears that the host has gone. @throws Errno EOPNOTSUPP */
  disconnect(): void {
    const { gadget } = this;
    const { ops } = gadget;
    if (ops.pullup === undefined) throw new Errno('EOPNOTSUPP', `${this.name} has no pull-up`);
    if (!gadget.connected) return;
    if (gadget.deactivated || !this.started) {
      gadget.connected = false;
      return;
    }
    ops.pullup(gadget, false);
    gadget.connected = false;
    this.driver?.disconnect(gadget);
  }

  start(driver: UsbGadgetDriver): void {
    if (this.started) return;
    this.gadget.ops.udcStart(this.gadget, driver);
    this.started = true;
  }

  stop(): void {
    if (!this.started) return;
    this.gadget.ops.udcStop(this.gadget);
    this.started = false;
  }

  /** gadget_bind_driver. @throws Errno */
  *bind(driver: UsbGadgetDriver): Kernel<void> {
    const { gadget } = this;
    this.driver = driver;
    try {
      gadget.ops.udcSetSpeed?.(gadget, Math.min(driver.maxSpeed, gadget.maxSpeed));
      yield* finish(driver.bind(gadget));
      try {
        this.start(driver);
        gadget.ops.udcAsyncCallbacks?.(gadget, true);
        this.allowConnect = true;
        this.connect();
      } catch (error) {
        this.allowConnect = false;
        gadget.ops.udcAsyncCallbacks?.(gadget, false);
        this.stop();
        yield* finish(driver.unbind(gadget));
        throw error;
      }
    } catch (error) {
      this.driver = undefined;
      throw error;
    }
    this.system.deviceModel.uevents.publish('change', this.device);
  }

  /** gadget_unbind_driver. */
  *unbind(): Kernel<void> {
    const { driver, gadget } = this;
    if (driver === undefined) return;
    this.system.deviceModel.uevents.publish('change', this.device);
    this.allowConnect = false;
    this.disconnect();
    gadget.ops.udcAsyncCallbacks?.(gadget, false);
    yield* finish(driver.unbind(gadget));
    this.stop();
    this.driver = undefined;
  }
}

/** The controllers of a machine, and the gadget bus. */
class UdcCore {
  readonly bus: Bus;
  readonly udcs: Udc[] = [];
  readonly drivers = new Map<UsbGadgetDriver, { udc: Udc; remove: () => void }>();
  readonly #system: System;
  #gadgets = 0;

  constructor(system: System) {
    this.#system = system;
    system.deviceModel.class('udc');
    this.bus = system.deviceModel.addBus({ name: 'gadget', match: () => false });
  }

  add(parent: Device, gadget: UsbGadget): Udc {
    const { deviceModel } = this.#system;
    gadget.device = deviceModel.register({ name: `gadget.${this.#gadgets++}`, parent, bus: this.bus, groups: gadget.groups });
    const udc = new Udc(this.#system, gadget, parent);
    udc.device.directory.createLink('gadget', gadget.device.directory);
    this.udcs.push(udc);
    return udc;
  }

  *register(driver: UsbGadgetDriver): Kernel<Udc> {
    const udc = this.#choose(driver);
    // The gadget bus knows the driver only while it serves: a configfs gadget never waits for a controller to come.
    const onBus: DeviceDriver = {
      name: driver.name,
      probe: () => udc.bind(driver),
      remove: () => udc.unbind(),
      deviceGroups: [{ attributes: [{ name: 'suspended', mode: 0o444, show: () => `${udc.gadget.suspended ? 1 : 0}\n` }] }],
    };
    const remove = this.bus.addDriver(onBus);
    this.drivers.set(driver, { udc, remove });
    try {
      yield* this.bus.bind(udc.gadget.device, onBus);
    } catch (error) {
      this.drivers.delete(driver);
      remove();
      throw error;
    }
    return udc;
  }

  *unregister(driver: UsbGadgetDriver): Kernel<void> {
    const known = this.drivers.get(driver);
    if (known === undefined) throw new Errno('ENODEV', `${driver.name} is not registered`);
    this.drivers.delete(driver);
    yield* this.bus.unbind(known.udc.gadget.device);
    known.remove();
  }

  #choose({ udcName, name }: UsbGadgetDriver): Udc {
    const fits = this.udcs.filter((udc) => udcName === undefined || udc.name === udcName);
    if (fits.length === 0) throw new Errno('ENODEV', `there is no controller ${udcName ?? ''} for ${name}`);
    const free = fits.find((udc) => udc.driver === undefined && udc.gadget.device.driver === undefined);
    if (free === undefined) throw new Errno('EBUSY', `${udcName ?? 'every controller'} has a driver already`);
    return free;
  }
}

const udcCore = (system: System) => new UdcCore(system);

/** usb_add_gadget_udc: /sys/class/udc/NAME, named after its device. @param parent the controller's device */
export const addUdc = (system: System, parent: Device, gadget: UsbGadget): Udc => system.single(udcCore).add(parent, gadget);

/** Controllers, in the order in which they were added. */
export const udcs = (system: System): readonly Udc[] => system.single(udcCore).udcs;

/**
 * usb_gadget_register_driver: binds the driver to the controller that it names, or to the first free one, and connects. With
 * `match_existing_only`: it does not wait for a controller that may come.
 *
 * @throws Errno ENODEV no such controller; EBUSY it has a driver; what the driver's `bind` and the controller say
 */
export const registerGadgetDriver = (system: System, driver: UsbGadgetDriver): Kernel<Udc> => system.single(udcCore).register(driver);

/** usb_gadget_unregister_driver: disconnects, and the driver lets go of the controller. @throws Errno ENODEV it is not registered */
export const unregisterGadgetDriver = (system: System, driver: UsbGadgetDriver): Kernel<void> => system.single(udcCore).unregister(driver);

const udcOf = (gadget: UsbGadget): Udc => udcs(gadget.system).find((udc) => udc.gadget === gadget) as Udc;

/** usb_gadget_connect, for drivers. */
export const connectGadget = (gadget: UsbGadget): void => udcOf(gadget).connect();

/** usb_gadget_disconnect, for drivers. */
export const disconnectGadget = (gadget: UsbGadget): void => udcOf(gadget).disconnect();

/** usb_gadget_deactivate: the host does not see it until {@link activateGadget}. */
export function deactivateGadget(gadget: UsbGadget): void {
  if (gadget.deactivated) return;
  const wasConnected = gadget.connected;
  if (wasConnected) disconnectGadget(gadget);
  gadget.deactivated = true;
  // It comes back by itself.
  gadget.connected = wasConnected;
}

/** usb_gadget_activate. */
export function activateGadget(gadget: UsbGadget): void {
  if (!gadget.deactivated) return;
  gadget.deactivated = false;
  if (!gadget.connected) return;
  gadget.connected = false;
  connectGadget(gadget);
}
