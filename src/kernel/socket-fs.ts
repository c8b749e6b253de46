import { Errno } from '../abi/index.ts';
import { O_RDWR, S_IFSOCK, SOCKFS_MAGIC } from '../abi/uapi/index.ts';
import { File, type FileOperations } from './file.ts';
import { Inode } from './inode.ts';
import type { AsyncTransfer } from './kiocb.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { SocketsInFlight } from './sockets-in-flight.ts';
import type { System } from './system.ts';

/** The file system of sockets, one a machine. */
export class SocketFs extends MemoryFileSystem {
  readonly type = 'sockfs';
  readonly magic = SOCKFS_MAGIC;
  readonly inFlight = new SocketsInFlight();

  constructor(system: System) {
    super(system, 8);
  }

  /** sock_alloc_file. @param flags O_NONBLOCK or 0 @throws Errno ENFILE, ENOMEM by a fault plan */
  open<P>(ops: FileOperations<P>, priv: P, flags: number): File<P> {
    // __sock_create takes a socket that cannot be had for too many files.
    if (this.system.faults.fails('alloc', 'struct socket') !== undefined) throw new Errno('ENFILE', 'no memory for a socket');
    this.system.kmalloc('struct sock');
    const inode = new Inode(this, { ino: this.takeIno(), mode: S_IFSOCK | 0o777 });
    return new File(this.system, { ops, inode, flags: O_RDWR | flags, private: priv, path: () => `socket:[${inode.ino}]` });
  }
}

/** sock_read_iter and sock_write_iter: a socket has no positions. @throws Errno ESPIPE */
export const socketReadIter: AsyncTransfer = (file, to, { position }, task) => {
  if (position !== 0) throw new Errno('ESPIPE', 'a socket has no positions');
  return file.ops.read?.(file, to, { position }, task) ?? 0;
};

export const socketWriteIter: AsyncTransfer = (file, from, { position }, task) => {
  if (position !== 0) throw new Errno('ESPIPE', 'a socket has no positions');
  return file.ops.write?.(file, from, { position }, task) ?? 0;
};
