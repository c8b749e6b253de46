/** drivers/base: classes, buses and devices, and the folders of sysfs that show them. */
import { Bus, type BusDescription } from './bus.ts';
import type { Kernel } from './colour.ts';
import { Device, type DeviceDescription } from './device.ts';
import { DeviceClass } from './device-class.ts';
import type { NodeMaker } from './devices.ts';
import type { Attribute, SysfsDirectory } from './sysfs.ts';
import type { System } from './system.ts';
import { Uevents } from './uevents.ts';

/** All devices of a machine, by class and bus. */
export class DeviceModel {
  readonly system: System;
  readonly uevents = new Uevents();
  readonly nodes: NodeMaker;
  /** /sys itself: for a kobject without a parent. */
  readonly sysfs: SysfsDirectory;
  /** /sys/devices. */
  readonly root: SysfsDirectory;
  /** /sys/class, /sys/bus, /sys/dev/char, /sys/module, /sys/kernel. */
  readonly classes: SysfsDirectory;
  readonly buses: SysfsDirectory;
  readonly numbers: SysfsDirectory;
  readonly modules: SysfsDirectory;
  readonly kernel: SysfsDirectory;
  readonly #virtual: SysfsDirectory;
  readonly #classes = new Map<string, DeviceClass>();
  readonly #buses = new Map<string, Bus>();
  /** Folders between a device and those of its children that are of a class. */
  readonly #glue = new Map<string, SysfsDirectory>();

  constructor(system: System, sysfs: SysfsDirectory, nodes: NodeMaker) {
    this.system = system;
    this.nodes = nodes;
    this.sysfs = sysfs;
    this.root = sysfs.createDirectory('devices');
    this.#virtual = this.root.createDirectory('virtual');
    this.classes = sysfs.createDirectory('class');
    this.buses = sysfs.createDirectory('bus');
    const dev = sysfs.createDirectory('dev');
    this.numbers = dev.createDirectory('char');
    dev.createDirectory('block');
    sysfs.createDirectory('firmware');
    sysfs.createDirectory('fs');
    this.modules = sysfs.createDirectory('module');
    this.kernel = sysfs.createDirectory('kernel');
    this.kernel.createFile({ name: 'uevent_seqnum', mode: 0o444, show: () => `${this.uevents.seqnum}\n` });
    this.kernel.createFile({ name: 'cpu_byteorder', mode: 0o444, show: () => 'little\n' });
    this.kernel.createFile({ name: 'address_bits', mode: 0o444, show: () => '64\n' });
  }

  /** class_create, or the class that has that name. @param attributes of a class that is made */
  class(name: string, attributes: readonly Attribute[] = []): DeviceClass {
    let known = this.#classes.get(name);
    if (known === undefined) {
      known = new DeviceClass(this, name, attributes);
      this.#classes.set(name, known);
    }
    return known;
  }

  bus(name: string): Bus | undefined {
    return this.#buses.get(name);
  }

  /** bus_register. @throws Errno EEXIST */
  addBus(description: BusDescription): Bus {
    const bus = new Bus(this, description);
    this.#buses.set(bus.name, bus);
    return bus;
  }

  /**
   * device_register: shows the device, tells of it once it is complete, and looks for its driver.
   *
   * @param made told of the device before its driver is looked for
   * @throws Errno EEXIST when the name is taken
   */
  register(description: DeviceDescription, made?: (device: Device) => void): Device {
    const device = new Device(this, description);
    made?.(device);
    this.uevents.publish('add', device);
    device.bus?.probe(device);
    return device;
  }

  /**
   * The same as {@link register} for who may wait: until a driver has taken the device, or none will. A driver that refuses it is no
   * failure.
   *
   * @throws Errno EEXIST when the name is taken
   */
  *registerAndWait(description: DeviceDescription, made?: (device: Device) => void): Kernel<Device> {
    const device = new Device(this, description);
    made?.(device);
    this.uevents.publish('add', device);
    if (device.bus !== undefined) yield* device.bus.probeAndWait(device);
    return device;
  }

  /** For {@link Device}: where devices of a class lie whose parent has none. */
  glueDirectory(of: DeviceClass, parent: Device | undefined): SysfsDirectory {
    const above = parent?.directory ?? this.#virtual;
    const path = `${above.path}/${of.name}`;
    let folder = this.#glue.get(path);
    if (folder === undefined) {
      folder = above.createDirectory(of.name);
      this.#glue.set(path, folder);
    }
    return folder;
  }

  /** For {@link Device}: the folder of its class goes with its last device. */
  dropGlue(of: DeviceClass, parent: Device | undefined, gone: SysfsDirectory): void {
    const above = parent?.directory ?? this.#virtual;
    const path = `${above.path}/${of.name}`;
    const isEmpty = !of.devices.some((device) => device.path.startsWith(`${path}/`) && device.directory !== gone);
    if (!isEmpty || !this.#glue.delete(path)) return;
    above.remove(of.name);
  }
}
