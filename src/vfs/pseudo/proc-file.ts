/** fs/proc/inode.c: files of /proc, and what all its inodes have in common. */
import { Errno } from '../../abi/index.ts';
import { DEFAULT_POLLMASK, S_IFLNK, S_IFREG } from '../../abi/uapi/index.ts';
import { type Credentials, type FileOperations, isCapable, type Stat, type Task } from '../../kernel/index.ts';
import { directoryOperations } from '../directory-file.ts';
import { Symlink, TreeInode } from '../tree-inode.ts';
import type { Procfs } from './procfs.ts';
import { type Gone, proxied } from './removable-file.ts';
import { genericSeek } from './seek.ts';
import { seqOperations } from './seq-file.ts';

/** Inodes of /proc count in blocks of 1 KiB, of which they have none. */
export const procStat = (stat: Stat): Stat => ({ ...stat, blksize: 1024, blocks: 0 });

const nothing = () => {
  throw new Errno('EIO', 'the file does not do that');
};

export class ProcFile extends TreeInode {
  readonly operations: FileOperations;

  constructor(fs: Procfs, mode: number, operations: FileOperations) {
    super(fs, { ino: fs.takeIno(), mode: S_IFREG | mode });
    this.operations = { truncate() {}, ...operations };
  }

  override stat(): Stat {
    return procStat(super.stat());
  }
}

const GONE: Gone = { llseek: 'EINVAL', ioctl: 'ENOTTY', poll: DEFAULT_POLLMASK };

/** A file of the kernel or of a driver (proc_reg_file_ops): what it leaves out is EIO, and it may be taken away while it is open. */
export class RegisteredFile extends ProcFile {
  constructor(fs: Procfs, mode: number, operations: FileOperations) {
    const real = { read: nothing, write: nothing, mmap: nothing, ...operations };
    super(
      fs,
      mode,
      proxied(real, () => this.nlink === 0, GONE),
    );
  }
}

/** Lines made anew for each record that is read: what comes and goes meanwhile shifts those behind it, as on Linux. */
export const linesOperations = (lines: () => readonly string[]): FileOperations => seqOperations(() => (index) => lines()[index]);

export class ProcSymlink extends Symlink {
  readonly #target: (task: Task) => string;
  readonly #size: number;

  /** @param size in bytes; 0 where the target depends on who asks */
  constructor(fs: Procfs, target: (task: Task) => string, size = 0) {
    super(fs, { ino: fs.takeIno(), mode: S_IFLNK | 0o777 });
    this.#target = target;
    this.#size = size;
  }

  override get size(): number {
    return this.#size;
  }

  override stat(): Stat {
    return procStat(super.stat());
  }

  target(task: Task): string {
    return this.#target(task);
  }
}

/** One of the files of a task: nobody changes its mode, and it ends with the task. */
export class TaskFile extends ProcFile {
  override chmod(_credentials: Credentials, _mode: number): void {
    throw new Errno('EPERM', 'modes in /proc/PID are fixed');
  }
}

export const procDirectoryOperations: FileOperations = {
  ...directoryOperations,
  llseek: (file, offset, whence) => genericSeek(file, offset, whence, Number.MAX_SAFE_INTEGER),
};

/** ptrace_may_access: whose insides one may see. @throws Errno EACCES */
export function assertMayLookInto(credentials: Credentials, owner: Task): void {
  if (!isCapable(credentials) && credentials.uid !== owner.credentials.uid)
    throw new Errno('EACCES', `${owner.describe()} is another user's`);
}
