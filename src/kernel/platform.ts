/** drivers/base/platform.c: devices that nothing enumerates: they are simply there. */
import type { Bus, DeviceDriver } from './bus.ts';
import type { Device, DeviceDescription } from './device.ts';
import { sysfsStreq } from './parse.ts';
import type { AttributeGroup } from './sysfs.ts';
import type { System } from './system.ts';

export interface PlatformDeviceDescription {
  /** Drivers of this name serve it. */
  readonly name: string;
  /** Tells several of one name apart: `name.id`, or `name.N.auto` with the lowest N that is free. Left out, there is one. */
  readonly id?: number | 'auto';
  /** /sys/devices/platform when left out. */
  readonly parent?: Device;
  readonly groups?: readonly AttributeGroup[];
  readonly uevent?: DeviceDescription['uevent'];
  readonly platformData?: unknown;
}

/** What the bus keeps of each device. */
interface PlatformDevice {
  readonly name: string;
  /** The only driver that may serve it. */
  override: string | undefined;
}

class Platform {
  readonly bus: Bus;
  readonly #system: System;
  /** /sys/devices/platform. */
  readonly #root: Device;
  readonly #devices = new Map<string, PlatformDevice>();

  constructor(system: System) {
    this.#system = system;
    this.#root = system.deviceModel.register({ name: 'platform' });
    this.bus = system.deviceModel.addBus({
      name: 'platform',
      match: (device, driver) => this.#matches(device, driver),
      uevent: (device) => [['MODALIAS', `platform:${this.#of(device).name}`]],
      deviceGroups: (device) => [this.#attributes(device)],
    });
  }

  add({ name, id, parent, groups, uevent, platformData }: PlatformDeviceDescription): Device {
    const device = id === undefined ? name : `${name}.${id === 'auto' ? this.#freeId() : id}`;
    this.#devices.set(device, { name, override: undefined });
    return this.#system.deviceModel.register({
      name: device,
      parent: parent ?? this.#root,
      bus: this.bus,
      ...(groups === undefined ? {} : { groups }),
      ...(uevent === undefined ? {} : { uevent }),
      platformData,
    });
  }

  /** platform_devid_ida gives its numbers to devices of any name. */
  #freeId(): string {
    const taken = new Set(this.bus.devices.map(({ name }) => /\.(\d+)\.auto$/.exec(name)?.[1]));
    let id = 0;
    while (taken.has(`${id}`)) id++;
    return `${id}.auto`;
  }

  #of(device: Device): PlatformDevice {
    return this.#devices.get(device.name) as PlatformDevice;
  }

  #matches(device: Device, driver: DeviceDriver): boolean {
    const { name, override } = this.#of(device);
    return driver.name === (override ?? name);
  }

  #attributes(device: Device): AttributeGroup {
    const own = this.#of(device);
    return {
      attributes: [
        { name: 'modalias', mode: 0o444, show: () => `platform:${own.name}\n` },
        {
          name: 'driver_override',
          mode: 0o644,
          show: () => `${own.override ?? '(null)'}\n`,
          store: (text) => {
            own.override = sysfsStreq(text, '') ? undefined : text.replace(/\n.*$/s, '');
          },
        },
      ],
    };
  }
}

const makePlatform = (system: System) => new Platform(system);

/** The platform bus of a machine: drivers are added to it. */
export const platformBus = (system: System): Bus => system.single(makePlatform).bus;

/** platform_device_register: /sys/devices/platform/NAME.ID. @throws Errno EEXIST */
export const addPlatformDevice = (system: System, description: PlatformDeviceDescription): Device =>
  system.single(makePlatform).add(description);
