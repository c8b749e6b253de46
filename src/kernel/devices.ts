import { Errno } from '../abi/index.ts';
import type { FileOperations } from './file.ts';
import { majorOf, makedev, minorOf } from './inode.ts';

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

/**
 * Character devices by number. Registration is a table and nothing else: a number taken twice is an error that names both, an
 * unknown one is ENXIO when it is opened.
 */
export class Devices {
  readonly #byNumber = new Map<number, DeviceRegistration>();
  readonly #majors = new Map<number, string>([[MISC_MAJOR, 'misc']]);
  readonly #nodes: NodeMaker;
  readonly #paths = new Map<number, string>();
  /** Told when a node came or went. */
  onChange: (() => void) | undefined;

  constructor(nodes: NodeMaker) {
    this.#nodes = nodes;
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

  releaseRegion(region: CharacterRegion): void {
    this.#majors.delete(region.major);
  }

  /**
   * cdev_add and device_create: serves a number and makes its node.
   *
   * @param path of the node below /dev
   * @returns a function that takes both away again
   * @throws Errno EBUSY when the number is taken
   */
  add(region: CharacterRegion, minor: number, path: string, ops: FileOperations, mode = 0o600): () => void {
    return this.#add({ name: region.name, major: region.major, minor, ops }, path, mode);
  }

  /** misc_register. @returns misc_deregister @throws Errno EBUSY when the minor is taken or none is free */
  addMisc(device: MiscDevice): () => void {
    let minor = device.minor ?? MISC_DYNAMIC_FIRST;
    if (device.minor === undefined) while (minor <= MINOR_MAX && this.#byNumber.has(makedev(MISC_MAJOR, minor))) minor++;
    if (minor > MINOR_MAX) throw new Errno('EBUSY', `no misc minor is free for ${device.name}`);
    return this.#add(
      { name: device.name, major: MISC_MAJOR, minor, ops: device.ops },
      device.nodename ?? device.name,
      device.mode ?? 0o600,
    );
  }

  /** Who serves a number. @throws Errno ENXIO */
  lookup(rdev: number): DeviceRegistration {
    const registration = this.#byNumber.get(rdev);
    if (registration === undefined) throw new Errno('ENXIO', `no driver serves character device ${majorOf(rdev)}:${minorOf(rdev)}`);
    return registration;
  }

  #add(registration: DeviceRegistration, path: string, mode: number): () => void {
    const rdev = makedev(registration.major, registration.minor);
    const taken = this.#byNumber.get(rdev);
    if (taken !== undefined) {
      throw new Errno('EBUSY', `${registration.name} wants ${registration.major}:${registration.minor}, which is ${taken.name}'s`);
    }
    this.#nodes.createNode(path, mode, rdev);
    this.#byNumber.set(rdev, registration);
    this.#paths.set(rdev, path);
    this.onChange?.();
    return () => {
      this.#nodes.removeNode(path, rdev);
      this.#byNumber.delete(rdev);
      this.#paths.delete(rdev);
      this.onChange?.();
    };
  }
}
