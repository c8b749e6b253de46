import type { FileSystem, Timespec } from './inode.ts';
import type { System } from './system.ts';

/** A file system without a disk: it numbers inodes as they come, and its times are the machine's. */
export abstract class MemoryFileSystem implements FileSystem {
  abstract readonly type: string;
  abstract readonly magic: number;
  readonly dev: number;
  readonly system: System;
  #nextIno = 1;

  constructor(system: System, dev: number) {
    this.system = system;
    this.dev = dev;
  }

  now(): Timespec {
    return this.system.realtime();
  }

  takeIno(): number {
    return this.#nextIno++;
  }
}
