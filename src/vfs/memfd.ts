/** memfd_create(2): mm/memfd.c. */
import {
  F_SEAL_EXEC,
  F_SEAL_SEAL,
  MFD_ALLOW_SEALING,
  MFD_NOEXEC_SEAL,
  O_LARGEFILE,
  O_RDWR,
  S_IFREG,
  TMPFS_MAGIC,
} from '../abi/uapi/index.ts';
import { File, FMODE_PREAD, FMODE_PWRITE, MemoryFileSystem, type System, type Task } from '../kernel/index.ts';
import type { PhysicalMemory } from '../memory/index.ts';
import { Dentry, setDentry } from './dentry.ts';
import { MemfdFile } from './memfd-file.ts';
import { MemfdMemory } from './memfd-memory.ts';
import type { TreeInode } from './tree-inode.ts';

/** The tmpfs that nobody has mounted: shm_mnt. */
const SHM_DEV = 1;

/** A name in no directory, for people only. */
class NamelessDentry extends Dentry {
  readonly #path: string;

  constructor(inode: TreeInode, name: string) {
    super(inode, undefined, name);
    this.#path = `/memfd:${name} (deleted)`;
  }

  override get path(): string {
    return this.#path;
  }
}

/** Where memory files live. */
export class Memfds extends MemoryFileSystem {
  readonly type = 'tmpfs';
  readonly magic = TMPFS_MAGIC;
  readonly keepsBirth = true;
  readonly xattrs = ['trusted.', 'security.', 'user.'];
  readonly #ram: PhysicalMemory;

  constructor(system: System, ram: PhysicalMemory) {
    super(system, SHM_DEV);
    this.#ram = ram;
  }

  /** A new file, open for reading and writing. @param flags MFD_ bits that have been checked */
  create(task: Task, name: string, flags: number): File {
    const { uid, gid } = task.credentials;
    const isSealedExec = (flags & MFD_NOEXEC_SEAL) !== 0;
    const seals = isSealedExec ? F_SEAL_EXEC : (flags & MFD_ALLOW_SEALING) !== 0 ? 0 : F_SEAL_SEAL;
    const mode = S_IFREG | (isSealedExec ? 0o666 : 0o777);
    const memory = new MemfdMemory(this.system.memory, `memory file "${name}"`);
    const inode = new MemfdFile(this, { ino: this.takeIno(), mode, uid, gid, seals }, this.#ram, memory);
    const dentry = new NamelessDentry(inode, name);
    const file = new File(task.system, {
      ops: inode.operations,
      inode,
      flags: O_RDWR | O_LARGEFILE,
      mode: FMODE_PREAD | FMODE_PWRITE,
      path: () => dentry.path,
    });
    inode.opened();
    setDentry(file, dentry);
    return file;
  }
}
