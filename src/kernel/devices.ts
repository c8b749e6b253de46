import { Errno } from '../abi/index.ts';
import type { Bus } from './bus.ts';
import type { Device } from './device.ts';
import type { DeviceModel } from './device-model.ts';
import type { FileOperations } from './file.ts';
import { majorOf, makedev, minorOf } from './inode.ts';
import type { AttributeGroup } from './sysfs.ts';

/** Who serves a device number. */
export interface DeviceRegistration {
  /** The driver or region name, as in /proc/devices or /proc/misc. */
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly ops: FileOperations;
}

/** A range of minors, as alloc_chrdev_region reserves. */
export interface CharacterRegion {
  readonly name: string;
  readonly major: number;
}

export interface MiscDevice {
  /** Name in /proc/misc and, unless `nodename` says otherwise, under /dev. */
  readonly name: string;
  readonly ops: FileOperations;
  /** Path below /dev. */
  readonly nodename?: string;
  /** Permissions of the node; 0600 when left out, as devtmpfs does. */
  readonly mode?: number;
  /** The device that it is a part of. */
  readonly parent?: Device;
  /** A fixed minor; a free one from 256 on when left out. */
  readonly minor?: number;
}

export const MISC_MAJOR = 10;
const MISC_DYNAMIC_FIRST = 256;
const MINOR_MAX = 0xfffff;
/** CHRDEV_MAJOR_DYN_END and CHRDEV_MAJOR_DYN_EXT_START/END of linux/fs.h: 254 down to 234, then 511 down to 384. */
const DYNAMIC_MAJORS = [...Array.from({ length: 21 }, (_, i) => 254 - i), ...Array.from({ length: 128 }, (_, i) => 511 - i)];

/** Where device nodes appear: devtmpfs. */
export interface NodeMaker {
  /** @param path below /dev; folders on the way are made */
  createNode(path: string, mode: number, rdev: number): void;
  removeNode(path: string, rdev: number): void;
}

/** What a character device is in the device model. */
export interface DevicePlace {
  /** Name of its class; the region's when left out, and there is no bus. */
  readonly class?: string;
  /** Its bus, instead of a class. */
  readonly bus?: Bus;
  /** The device that it is a part of; it is virtual when left out. */
  readonly parent?: Device;
  /** Its name in sysfs; the last one of the node's path when left out. */
  readonly name?: string;
  readonly groups?: readonly AttributeGroup[];
  /** DEVTYPE of its events. */
  readonly devtype?: string;
}

/**
 * Character devices by number. Registration is a table and nothing else: a number taken twice is an error that names both, an
 * unknown one is ENXIO when it is opened.
 */
export class Devices {
  readonly #byNumber = new Map<number, DeviceRegistration>();
  readonly #majors = new Map<number, string>([[MISC_MAJOR, 'misc']]);
  readonly #model: DeviceModel;
  readonly #paths = new Map<number, string>();
  /** Told when a node came or went. */
  onChange: (() => void) | undefined;

  constructor(model: DeviceModel) {
    this.#model = model;
    model.class('misc');
  }

  /** Major numbers and who has them, by number: /proc/devices. */
  get majors(): readonly (readonly [major: number, name: string])[] {
    return [...this.#majors].sort(([a], [b]) => a - b);
  }

  /** Misc devices, newest first: /proc/misc. */
  get misc(): readonly DeviceRegistration[] {
    return [...this.#byNumber.values()].filter(({ major }) => major === MISC_MAJOR).reverse();
  }

  /** Every node, as its path below /dev. */
  get nodePaths(): readonly string[] {
    return [...new Set(this.#paths.values())];
  }

  /** alloc_chrdev_region: a major of one's own. @throws Errno EBUSY when none is left */
  allocateRegion(name: string): CharacterRegion {
    const major = DYNAMIC_MAJORS.find((candidate) => !this.#majors.has(candidate));
    if (major === undefined) throw new Errno('EBUSY', `no device number is free for ${name}`);
    this.#majors.set(major, name);
    return { name, major };
  }

  /** register_chrdev: a major that is one's own since ever. @throws Errno EBUSY when another has it */
  registerRegion(major: number, name: string): CharacterRegion {
    const owner = this.#majors.get(major);
    if (owner !== undefined) throw new Errno('EBUSY', `${name} wants major ${major}, which is ${owner}'s`);
    this.#majors.set(major, name);
    return { name, major };
  }

  releaseRegion(region: CharacterRegion): void {
    this.#majors.delete(region.major);
  }

  /**
   * cdev_add and device_create: serves a number and makes the device with its node.
   *
   * @param path of the node below /dev
   * @param mode of the node; 0600 when left out
   * @returns a function that takes both away again
   * @throws Errno EBUSY when the number is taken, EEXIST when the device's name is
   */
  add(
    region: CharacterRegion,
    minor: number,
    path: string,
    ops: FileOperations,
    mode: number | undefined = undefined,
    place: DevicePlace = {},
  ): () => void {
    return this.#add({ name: region.name, major: region.major, minor, ops }, path, mode, place);
  }

  /** misc_register. @returns misc_deregister @throws Errno EBUSY when the minor is taken or none is free */
  addMisc(device: MiscDevice): () => void {
    let minor = device.minor ?? MISC_DYNAMIC_FIRST;
    if (device.minor === undefined) while (minor <= MINOR_MAX && this.#byNumber.has(makedev(MISC_MAJOR, minor))) minor++;
    if (minor > MINOR_MAX) throw new Errno('EBUSY', `no misc minor is free for ${device.name}`);
    return this.#add({ name: device.name, major: MISC_MAJOR, minor, ops: device.ops }, device.nodename ?? device.name, device.mode, {
      class: 'misc',
      name: device.name,
      ...(device.parent === undefined ? {} : { parent: device.parent }),
    });
  }

  /** Who serves a number. @throws Errno ENXIO */
  lookup(rdev: number): DeviceRegistration {
    const registration = this.#byNumber.get(rdev);
    if (registration === undefined) throw new Errno('ENXIO', `no driver serves character device ${majorOf(rdev)}:${minorOf(rdev)}`);
    return registration;
  }

  #add(registration: DeviceRegistration, path: string, mode: number | undefined, place: DevicePlace): () => void {
    const rdev = makedev(registration.major, registration.minor);
    const taken = this.#byNumber.get(rdev);
    if (taken !== undefined) {
      throw new Errno('EBUSY', `${registration.name} wants ${registration.major}:${registration.minor}, which is ${taken.name}'s`);
    }
    this.#byNumber.set(rdev, registration);
    let device: Device;
    try {
      device = this.#model.register({
        name: place.name ?? path.slice(path.lastIndexOf('/') + 1),
        ...(place.bus === undefined ? { class: this.#model.class(place.class ?? registration.name) } : { bus: place.bus }),
        devt: rdev,
        devname: path,
        ...(mode === undefined ? {} : { devmode: mode }),
        ...(place.parent === undefined ? {} : { parent: place.parent }),
        ...(place.groups === undefined ? {} : { groups: place.groups }),
        ...(place.devtype === undefined ? {} : { devtype: place.devtype }),
      });
    } catch (error) {
      this.#byNumber.delete(rdev);
      throw error;
    }
    this.#paths.set(rdev, path);
    this.onChange?.();
    return () => {
      device.unregister();
      this.#byNumber.delete(rdev);
      this.#paths.delete(rdev);
      this.onChange?.();
    };
  }
}
