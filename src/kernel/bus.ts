/** drivers/base/bus.c and dd.c: a bus brings devices and drivers together. */
import { Errno } from '../abi/index.ts';
import { finish, isKernel, type Kernel, type MaybeKernel } from './colour.ts';
import type { Device } from './device.ts';
import type { DeviceModel } from './device-model.ts';
import { sysfsStreq } from './parse.ts';
import type { Attribute, AttributeGroup, SysfsDirectory } from './sysfs.ts';
import type { UeventVariable } from './uevents.ts';
import type { Wait } from './wait.ts';

/** What serves devices of a bus, as `struct device_driver`. */
export interface DeviceDriver {
  readonly name: string;
  /** Takes a device on. May be a generator. @throws Errno what is wrong with it: it stays without a driver */
  readonly probe?: (device: Device) => MaybeKernel<void>;
  /** Lets go of it. */
  readonly remove?: (device: Device) => MaybeKernel<void>;
  /** In the driver's own folder. */
  readonly attributes?: readonly Attribute[];
  /** On each device that it serves. */
  readonly deviceGroups?: readonly AttributeGroup[];
}

export interface BusDescription {
  readonly name: string;
  /** Whether a driver can serve a device; every one can when left out. */
  readonly match?: (device: Device, driver: DeviceDriver) => boolean;
  readonly uevent?: (device: Device) => readonly UeventVariable[];
  /** On each device of the bus. */
  readonly deviceGroups?: (device: Device) => readonly AttributeGroup[];
  readonly attributes?: readonly Attribute[];
}

interface Registered {
  readonly driver: DeviceDriver;
  readonly directory: SysfsDirectory;
}

/** A bus, as `struct bus_type`: /sys/bus/NAME. */
export class Bus {
  readonly name: string;
  readonly directory: SysfsDirectory;
  readonly uevent: BusDescription['uevent'];
  readonly #model: DeviceModel;
  readonly #description: BusDescription;
  readonly #deviceLinks: SysfsDirectory;
  readonly #driverFolders: SysfsDirectory;
  readonly #devices = new Map<string, Device>();
  readonly #drivers = new Map<string, Registered>();
  #autoprobe = true;

  /** bus_register. @throws Errno EEXIST */
  constructor(model: DeviceModel, description: BusDescription) {
    this.#model = model;
    this.#description = description;
    this.name = description.name;
    this.uevent = description.uevent;
    this.directory = model.buses.createDirectory(this.name);
    this.directory.createFile(this.#ueventFile(this.directory.path));
    this.#deviceLinks = this.directory.createDirectory('devices');
    this.#driverFolders = this.directory.createDirectory('drivers');
    this.directory.createFile({ name: 'drivers_probe', mode: 0o200, store: (text) => this.#rescan(text) });
    this.directory.createFile({
      name: 'drivers_autoprobe',
      mode: 0o644,
      show: () => `${this.#autoprobe ? 1 : 0}\n`,
      store: (text) => {
        this.#autoprobe = !text.startsWith('0');
      },
    });
    for (const attribute of description.attributes ?? []) this.directory.createFile(attribute);
  }

  get devices(): readonly Device[] {
    return [...this.#devices.values()];
  }

  /** For {@link Device}: what a device of this bus shows more. */
  add(device: Device): void {
    for (const group of this.#description.deviceGroups?.(device) ?? []) device.directory.createGroup(group);
    this.#deviceLinks.createLink(device.name, device.directory);
    this.#devices.set(device.name, device);
  }

  /** The same as {@link forget} for a device that may not have come so far. */
  drop(device: Device): void {
    if (this.#devices.get(device.name) === device) this.forget(device);
  }

  forget(device: Device): void {
    if (device.driver !== undefined) this.#start(`release of ${device.name}`, this.unbind(device));
    this.#deviceLinks.remove(device.name);
    this.#devices.delete(device.name);
  }

  /** driver_register: it is given the devices that have none. @returns driver_unregister @throws Errno EBUSY */
  addDriver(driver: DeviceDriver): () => void {
    const { name, attributes = [] } = driver;
    if (this.#drivers.has(name)) throw new Errno('EBUSY', `there is a driver ${name} on ${this.name} already`);
    const directory = this.#driverFolders.createDirectory(name);
    this.#drivers.set(name, { driver, directory });
    directory.createFile(this.#ueventFile(directory.path));
    directory.createFile({ name: 'bind', mode: 0o200, store: (text) => this.#bindByName(driver, text) });
    directory.createFile({ name: 'unbind', mode: 0o200, store: (text) => this.#unbindByName(driver, text) });
    for (const attribute of attributes) directory.createFile(attribute);
    if (this.#autoprobe) for (const device of this.devices) this.#start(`probe of ${device.name}`, this.#attach(device, [driver]));
    return () => {
      for (const device of this.devices) if (device.driver === driver) this.#start(`removal of ${name}`, this.unbind(device));
      this.#drivers.delete(name);
      this.#driverFolders.remove(name);
    };
  }

  /** bus_probe_device: looks for a driver, unless the bus waits to be told. */
  probe(device: Device): void {
    if (this.#autoprobe) this.#start(`probe of ${device.name}`, this.#attach(device, this.#all()));
  }

  /** The same for who may wait: until the driver has taken the device, or none will. */
  *probeAndWait(device: Device): Kernel<void> {
    if (this.#autoprobe) yield* this.#attach(device, this.#all());
  }

  /**
   * device_driver_attach.
   *
   * @param isQuiet whether nobody is told: dev_set_uevent_suppress
   * @throws Errno EBUSY when it has a driver, what probe says
   */
  *bind(device: Device, driver: DeviceDriver, isQuiet = false): Kernel<void> {
    if (device.driver !== undefined) throw new Errno('EBUSY', `${device.name} has the driver ${device.driver.name}`);
    const { directory } = this.#drivers.get(driver.name) as Registered;
    device.driver = driver;
    directory.createLink(device.name, device.directory);
    device.directory.createLink('driver', directory);
    try {
      const probing = driver.probe?.(device);
      if (isKernel(probing as MaybeKernel<void>)) yield* probing as Kernel<void>;
      for (const group of driver.deviceGroups ?? []) device.directory.createGroup(group);
    } catch (error) {
      this.#detach(device, directory);
      throw error;
    }
    if (!isQuiet) this.#model.uevents.publish('bind', device);
  }

  /** device_release_driver. @param isQuiet whether nobody is told */
  *unbind(device: Device, isQuiet = false): Kernel<void> {
    const { driver } = device;
    if (driver === undefined) return;
    for (const group of driver.deviceGroups ?? []) device.directory.removeGroup(group);
    yield* finish(driver.remove?.(device) as MaybeKernel<void>);
    this.#detach(device, (this.#drivers.get(driver.name) as Registered).directory);
    if (!isQuiet) this.#model.uevents.publish('unbind', device);
  }

  #detach(device: Device, directory: SysfsDirectory): void {
    directory.remove(device.name);
    device.directory.remove('driver');
    device.driver = undefined;
  }

  #all(): DeviceDriver[] {
    return [...this.#drivers.values()].map(({ driver }) => driver);
  }

  /** The first driver that matches and takes the device. What a probe refuses is a line in the log. */
  *#attach(device: Device, drivers: readonly DeviceDriver[]): Kernel<void> {
    for (const driver of drivers) {
      if (device.driver !== undefined || !this.#matches(device, driver)) continue;
      try {
        yield* this.bind(device, driver);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        this.#model.system.log.print('warn', `${driver.name} ${device.name}: probe failed with ${error.code}`);
      }
    }
  }

  #matches(device: Device, driver: DeviceDriver): boolean {
    return this.#description.match?.(device, driver) ?? true;
  }

  /** What need not wait is done at once; the rest goes on by itself. */
  #start(name: string, work: Kernel<void>): void {
    const first = work.next('woken');
    if (first.done !== true) this.#model.system.scheduler.spawn(name, undefined, continued(first.value, work));
  }

  #named(text: string): Device | undefined {
    return this.devices.find(({ name }) => sysfsStreq(text, name));
  }

  *#bindByName(driver: DeviceDriver, text: string): Kernel<void> {
    const device = this.#named(text);
    if (device === undefined || !this.#matches(device, driver)) throw new Errno('ENODEV', `${driver.name} has no such device`);
    yield* this.bind(device, driver);
  }

  *#unbindByName(driver: DeviceDriver, text: string): Kernel<void> {
    const device = this.#named(text);
    if (device === undefined || device.driver !== driver) throw new Errno('ENODEV', `${driver.name} serves no such device`);
    yield* this.unbind(device);
  }

  *#rescan(text: string): Kernel<void> {
    const device = this.#named(text);
    if (device === undefined) throw new Errno('ENODEV', `${this.name} has no such device`);
    yield* this.#attach(device, this.#all());
  }

  #ueventFile(path: string): Attribute {
    const source = { path, subsystem: path.includes('/drivers/') ? 'drivers' : 'bus', ueventVariables: () => [] };
    return { name: 'uevent', mode: 0o200, store: (text) => this.#model.uevents.synthesize(text, source) };
  }
}

/** A generator from its first wait on. */
function* continued(first: Wait, work: Kernel<void>): Kernel<void> {
  for (let wait = first; ; ) {
    const step = work.next(yield wait);
    if (step.done === true) return;
    wait = step.value;
  }
}
