/**
 * What a storage keeps under names: a regular file, a directory or a symlink. One object each, whatever the number of its names,
 * so it can be compared and be a key. Only the storage looks inside.
 */
export interface StorageNode {
  readonly [storageNode]: never;
}
declare const storageNode: unique symbol;

export interface NameCount {
  readonly names: number;
  readonly directories: number;
}

/** What somebody did to the storage itself instead of through the tree. */
export interface ForeignChange {
  /** The directory whose names changed, or the file whose bytes did. */
  readonly node: StorageNode;
  readonly what: 'names' | 'bytes';
  /** A node that has a name only since then. */
  readonly born?: StorageNode;
}

/**
 * Keeps names, bytes and symlink targets, and nothing else: no mode, owner, time or check. Whoever calls has made all checks, so
 * nothing here fails, except where said.
 */
export interface Storage {
  /** The top directory. Another one after the storage was emptied from outside. */
  readonly root: StorageNode;
  /** Told of each change from outside, after it for what appears and before it for what goes. */
  onForeignChange: ((change: ForeignChange) => void) | undefined;

  /** S_IFREG, S_IFDIR or S_IFLNK. */
  typeOf(node: StorageNode): number;
  lookup(directory: StorageNode, name: string): StorageNode | undefined;
  /** Oldest first; `.` and `..` are not among them. */
  names(directory: StorageNode): Iterable<string>;
  /** How many names there are, and how many of them lead to directories. */
  count(directory: StorageNode): NameCount;
  /** Names of a file or symlink. */
  linkCount(node: StorageNode): number;
  /** Adds a name, which is free. A directory has no other. */
  link(directory: StorageNode, name: string, node: StorageNode): void;
  /** Takes a name away. What was behind it stays usable. */
  unlink(directory: StorageNode, name: string): void;

  // New nodes have no name yet.
  createFile(): StorageNode;
  createDirectory(): StorageNode;
  createSymlink(target: string): StorageNode;

  target(symlink: StorageNode): string;
  /** Of a file, in bytes. */
  size(file: StorageNode): number;
  /** All bytes of a file, as a window that holds until the file changes. */
  bytes(file: StorageNode): Uint8Array;
  /** Between the old end and `at` come zeros. The end must not lie beyond {@link FILE_SIZE_MAX}. */
  write(file: StorageNode, at: number, bytes: Uint8Array): void;
  /** Cuts off, or fills up with zeros to at most {@link FILE_SIZE_MAX}. */
  resize(file: StorageNode, length: number): void;
}

/** s_maxbytes, in bytes: holes take memory here, so it is far less than Linux's 2^63 - 1. */
export const FILE_SIZE_MAX = 2 ** 31;
