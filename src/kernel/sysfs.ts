import type { MaybeKernel } from './colour.ts';
import type { Task } from './task.ts';
import type { Vma } from './vma.ts';

/**
 * A file of sysfs that holds one value as text. One character is one byte. Whoever opens it needs the right in the mode and the
 * operation behind it, root too (EACCES).
 */
export interface Attribute {
  readonly name: string;
  /** Permissions. */
  readonly mode: number;
  /** At most PAGE_SIZE - 1 bytes, its newline included. Called when a program reads from position 0. @throws Errno */
  readonly show?: (task: Task) => MaybeKernel<string>;
  /**
   * Takes one whole write, at most PAGE_SIZE bytes of it, wherever it was made. The next read from position 0 shows again.
   *
   * @returns how many bytes were taken; all of them when nothing is returned
   * @throws Errno
   */
  readonly store?: (text: string, task: Task) => MaybeKernel<number | void>;
}

/** A file of sysfs with bytes at offsets, as `struct bin_attribute`. */
export interface BinaryAttribute {
  readonly name: string;
  readonly mode: number;
  /** In bytes; 0 or left out when not known: then offsets are not checked. */
  readonly size?: number;
  /** @returns at most `length` bytes, none at the end */
  readonly read?: (offset: number, length: number, task: Task) => MaybeKernel<Uint8Array>;
  /** @returns how many bytes were taken; all of them when nothing is returned */
  readonly write?: (bytes: Uint8Array, offset: number, task: Task) => MaybeKernel<number | void>;
  /** Fills in `vma.backing`. */
  readonly mmap?: (vma: Vma, task: Task) => MaybeKernel<void>;
}

/** Attributes that come and go together, as `struct attribute_group`. */
export interface AttributeGroup {
  /** Of the folder they are in; the device's own when left out. */
  readonly name?: string;
  readonly attributes?: readonly Attribute[];
  readonly binaryAttributes?: readonly BinaryAttribute[];
}

/** A folder of sysfs, as the kernel's side has it. Names that are taken are EEXIST. */
export interface SysfsDirectory {
  /** Below the mount: `/devices/virtual/misc/test`. */
  readonly path: string;
  /** @param fill makes what is in it when somebody first looks, for folders of which there are thousands */
  createDirectory(name: string, fill?: (directory: SysfsDirectory) => void): SysfsDirectory;
  createFile(attribute: Attribute): void;
  createBinaryFile(attribute: BinaryAttribute): void;
  /** A relative symlink to another folder of sysfs. */
  createLink(name: string, target: SysfsDirectory): void;
  createGroup(group: AttributeGroup): void;
  removeGroup(group: AttributeGroup): void;
  /** A folder without rights to write, for a file system to be mounted at: sysfs_create_mount_point. */
  createMountPoint(name: string): void;
  /**
   * Takes a file, a link, or a folder with all that is in it away. Who has a file of it open gets ENODEV from now on; a show or
   * store that is waiting goes on.
   */
  remove(name: string): void;
  /** sysfs_notify: whoever polls the file is told to read it again. */
  notify(name: string): void;
  has(name: string): boolean;
}
