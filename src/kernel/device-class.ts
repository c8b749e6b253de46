import type { Device } from './device.ts';
import type { DeviceModel } from './device-model.ts';
import type { Attribute, SysfsDirectory } from './sysfs.ts';

/** Devices of one kind, as `struct class`: /sys/class/NAME holds a link to each. */
export class DeviceClass {
  readonly name: string;
  readonly directory: SysfsDirectory;
  readonly #devices = new Set<Device>();

  /** class_register. @throws Errno EEXIST */
  constructor(model: DeviceModel, name: string, attributes: readonly Attribute[] = []) {
    this.name = name;
    this.directory = model.classes.createDirectory(name);
    for (const attribute of attributes) this.directory.createFile(attribute);
  }

  get devices(): readonly Device[] {
    return [...this.#devices];
  }

  /** For {@link Device}. */
  add(device: Device): void {
    this.directory.createLink(device.name, device.directory);
    this.#devices.add(device);
  }

  /** The same as {@link forget} for a device that may not have come so far. */
  drop(device: Device): void {
    if (this.#devices.has(device)) this.forget(device);
  }

  forget(device: Device): void {
    this.#devices.delete(device);
    this.directory.remove(device.name);
  }
}
