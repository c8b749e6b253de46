import { S_IFDIR } from '../abi/uapi/index.ts';
import type { System } from '../kernel/index.ts';
import type { Storage } from './storage.ts';
import { MemoryDirectory, Tmpfs } from './tmpfs.ts';
import type { NewInode } from './tree-inode.ts';

/** A tmpfs that a program has mounted: empty, and gone with its mount. Everybody may make names in it, and remove their own. */
export class MemoryTmpfs extends Tmpfs {
  readonly type = 'tmpfs';
  readonly root: MemoryDirectory;

  constructor(system: System, storage: Storage, dev: number) {
    super(system, storage, dev);
    this.root = this.newDirectory({ mode: S_IFDIR | 0o1777, uid: 0, gid: 0 });
  }

  newDirectory(attributes: NewInode): MemoryDirectory {
    return new MemoryDirectory(this, attributes);
  }
}
