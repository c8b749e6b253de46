import { ANON_INODE_FS_MAGIC } from '../abi/uapi/index.ts';
import { File, type FileOperations } from './file.ts';
import { Inode } from './inode.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import type { System } from './system.ts';

/**
 * The one inode that all files without a name of their own share (fs/anon_inodes.c): sync files, eventfds and the like. What
 * fchmod or flock does to one of them shows on all.
 */
export class AnonymousFiles extends MemoryFileSystem {
  readonly type = 'anon_inodefs';
  readonly magic = ANON_INODE_FS_MAGIC;
  readonly inode: Inode;

  constructor(system: System) {
    super(system, 14);
    this.inode = new Inode(this, { ino: this.takeIno(), mode: 0o600 });
  }

  /** anon_inode_getfile. @param name as /proc/self/fd shows it behind `anon_inode:` */
  open<P>(name: string, ops: FileOperations<P>, priv: P, flags: number): File<P> {
    return new File(this.system, { ops, inode: this.inode, flags, private: priv, path: () => `anon_inode:${name}` });
  }
}
