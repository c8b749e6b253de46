import { ANON_INODE_FS_MAGIC } from '../abi/uapi/index.ts';
import { File, type FileOperations } from './file.ts';
import { type FileSystem, Inode } from './inode.ts';
import type { System } from './system.ts';

/**
 * The one inode that all files without a name of their own share (fs/anon_inodes.c): sync files, eventfds and the like. What
 * fchmod or flock does to one of them shows on all.
 */
export class AnonymousFiles implements FileSystem {
  readonly type = 'anon_inodefs';
  readonly magic = ANON_INODE_FS_MAGIC;
  readonly dev = 14;
  readonly inode: Inode;
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
    this.inode = new Inode(this, { ino: 1, mode: 0o600 });
  }

  now() {
    return this.#system.realtime();
  }

  /** anon_inode_getfile. @param name as /proc/self/fd shows it behind `anon_inode:` */
  open<P>(name: string, ops: FileOperations<P>, priv: P, flags: number): File<P> {
    return new File(this.#system, { ops, inode: this.inode, flags, private: priv, path: () => `anon_inode:${name}` });
  }
}
