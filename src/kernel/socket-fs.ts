import { O_RDWR, S_IFSOCK, SOCKFS_MAGIC } from '../abi/uapi/index.ts';
import { File, type FileOperations } from './file.ts';
import { type FileSystem, Inode } from './inode.ts';
import { SocketsInFlight } from './sockets-in-flight.ts';
import type { System } from './system.ts';

/** The file system of sockets, one a machine. */
export class SocketFs implements FileSystem {
  readonly type = 'sockfs';
  readonly magic = SOCKFS_MAGIC;
  readonly dev = 8;
  readonly inFlight = new SocketsInFlight();
  readonly #system: System;
  #nextIno = 1;

  constructor(system: System) {
    this.#system = system;
  }

  now() {
    return this.#system.realtime();
  }

  /** sock_alloc_file. @param flags O_NONBLOCK or 0 */
  open<P>(ops: FileOperations<P>, priv: P, flags: number): File<P> {
    const inode = new Inode(this, { ino: this.#nextIno++, mode: S_IFSOCK | 0o777 });
    return new File(this.#system, { ops, inode, flags: O_RDWR | flags, private: priv, path: () => `socket:[${inode.ino}]` });
  }
}
