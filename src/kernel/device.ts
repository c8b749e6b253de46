/** drivers/base/core.c: a device, and the folder of sysfs that shows it. */

import type { Bus, DeviceDriver } from './bus.ts';
import type { DeviceClass } from './device-class.ts';
import type { DeviceModel } from './device-model.ts';
import { powerGroup } from './device-power.ts';
import { majorOf, minorOf } from './inode.ts';
import type { Attribute, AttributeGroup, SysfsDirectory } from './sysfs.ts';
import type { UeventSource, UeventVariable } from './uevents.ts';

export interface DeviceDescription {
  readonly name: string;
  /** Left out, a device of a class lies in /sys/devices/virtual/CLASS, another in /sys/devices. */
  readonly parent?: Device;
  /** A device belongs to a class or to a bus. */
  readonly class?: DeviceClass;
  readonly bus?: Bus;
  /** Of its node, as makedev packs it. */
  readonly devt?: number;
  /** The node's path below /dev; the name when left out. */
  readonly devname?: string;
  /** The node's permissions; 0600 when left out. */
  readonly devmode?: number;
  /** DEVTYPE of its events. */
  readonly devtype?: string;
  readonly groups?: readonly AttributeGroup[];
  /** Variables that its events add. */
  readonly uevent?: () => readonly UeventVariable[];
  /** What its driver is told: dev_get_platdata. */
  readonly platformData?: unknown;
}

const DEFAULT_MODE = 0o600;

/** A device, as `struct device`. Made by {@link DeviceModel.register}, and shown as long as it is registered. */
export class Device implements UeventSource {
  readonly name: string;
  readonly parent: Device | undefined;
  readonly class: DeviceClass | undefined;
  readonly bus: Bus | undefined;
  readonly devt: number | undefined;
  readonly directory: SysfsDirectory;
  /** Who serves it. */
  driver: DeviceDriver | undefined;
  readonly #model: DeviceModel;
  readonly #description: DeviceDescription;
  readonly #place: SysfsDirectory;
  /** What a bus or its driver keeps with it: dev_set_drvdata. */
  driverData: unknown;
  readonly platformData: unknown;

  /** device_add up to the event. @throws Errno EEXIST when the name is taken */
  constructor(model: DeviceModel, description: DeviceDescription) {
    this.#model = model;
    this.#description = description;
    this.name = description.name.replaceAll('/', '!');
    this.parent = description.parent;
    this.class = description.class;
    this.bus = description.bus;
    this.devt = description.devt;
    this.platformData = description.platformData;
    this.#place = this.#parentDirectory();
    this.directory = this.#place.createDirectory(this.name);
    try {
      this.#fill();
    } catch (error) {
      // A name is taken: nothing of the device stays.
      this.class?.drop(this);
      this.bus?.drop(this);
      this.#place.remove(this.name);
      this.#dropGlue();
      throw error;
    }
  }

  get path(): string {
    return this.directory.path;
  }

  get subsystem(): string {
    return this.class?.name ?? this.bus?.name ?? '';
  }

  /** Path of the node below /dev. */
  get devname(): string {
    return this.#description.devname ?? this.#description.name;
  }

  /** device_create_file. */
  createFile(attribute: Attribute): void {
    this.directory.createFile(attribute);
  }

  /** sysfs_notify: polls of an attribute are told to read again. */
  notify(attribute: string): void {
    this.directory.notify(attribute);
  }

  /** What its `uevent` file shows, and what its events add: dev_uevent. */
  ueventVariables(): readonly UeventVariable[] {
    const { devmode, devtype, uevent } = this.#description;
    const variables: UeventVariable[] = [];
    if (this.devt !== undefined) {
      variables.push(['MAJOR', `${majorOf(this.devt)}`], ['MINOR', `${minorOf(this.devt)}`], ['DEVNAME', this.devname]);
      if (devmode !== undefined) variables.push(['DEVMODE', `0${(devmode & 0o777).toString(8)}`]);
    }
    if (devtype !== undefined) variables.push(['DEVTYPE', devtype]);
    if (this.driver !== undefined) variables.push(['DRIVER', this.driver.name]);
    return [...variables, ...(this.bus?.uevent?.(this) ?? []), ...(uevent?.() ?? [])];
  }

  /** device_del. Its event comes while the folder is still there. */
  unregister(): void {
    if (this.devt !== undefined) {
      this.#model.nodes.removeNode(this.devname, this.devt);
      this.#model.numbers.remove(`${majorOf(this.devt)}:${minorOf(this.devt)}`);
    }
    this.class?.forget(this);
    this.bus?.forget(this);
    this.#model.uevents.publish('remove', this);
    this.#place.remove(this.name);
    this.#dropGlue();
  }

  #dropGlue(): void {
    if (this.class !== undefined) this.#model.dropGlue(this.class, this.parent, this.directory);
  }

  #parentDirectory(): SysfsDirectory {
    const { parent } = this;
    if (this.class === undefined) return parent?.directory ?? this.#model.root;
    if (parent?.class !== undefined) return parent.directory;
    return this.#model.glueDirectory(this.class, parent);
  }

  #fill(): void {
    const { directory, devt } = this;
    const { groups = [], devmode } = this.#description;
    directory.createFile({
      name: 'uevent',
      mode: 0o644,
      show: () =>
        this.ueventVariables()
          .map(([name, value]) => `${name}=${value}\n`)
          .join(''),
      store: (text) => this.#model.uevents.synthesize(text, this),
    });
    const subsystem = this.class?.directory ?? this.bus?.directory;
    if (subsystem !== undefined) directory.createLink('subsystem', subsystem);
    if (this.class !== undefined && this.parent !== undefined) directory.createLink('device', this.parent.directory);
    for (const group of groups) directory.createGroup(group);
    directory.createGroup(powerGroup());
    if (devt !== undefined) {
      const number = `${majorOf(devt)}:${minorOf(devt)}`;
      directory.createFile({ name: 'dev', mode: 0o444, show: () => `${number}\n` });
    }
    this.class?.add(this);
    this.bus?.add(this);
    if (devt === undefined) return;
    this.#model.numbers.createLink(`${majorOf(devt)}:${minorOf(devt)}`, directory);
    this.#model.nodes.createNode(this.devname, devmode ?? DEFAULT_MODE, devt);
  }
}
