/** fs/proc/proc_sysctl.c and kernel/sysctl.c: values of the kernel's and of drivers, at /proc/sys. */
import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE, S_IFDIR } from '../../abi/uapi/index.ts';
import {
  type Credentials,
  type FileOperations,
  finish,
  inGroup,
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
  type MaybeKernel,
  type Stat,
  type System,
  type Task,
} from '../../kernel/index.ts';
import { ListedDirectory } from './listed-directory.ts';
import { ProcFile, procDirectoryOperations, procStat } from './proc-file.ts';
import { type Procfs, procfs } from './procfs.ts';
import { defaultSeek } from './seek.ts';

/** A value, as `struct ctl_table`. */
export interface Sysctl {
  readonly name: string;
  /** Permissions. They hold for root, too. */
  readonly mode: number;
  /** Without the newline. */
  readonly show: (task: Task) => MaybeKernel<string>;
  readonly store?: (text: string, task: Task) => MaybeKernel<void>;
  /** proc_dostring: can be read in pieces, which numbers cannot: they are at position 0 and nowhere else. */
  readonly isString?: boolean;
}

/** test_perm: root has the owner's rights and no others. @throws Errno EACCES */
function permit(mode: number, credentials: Credentials, mask: number): void {
  const shift = credentials.uid === 0 ? 6 : inGroup(credentials, 0) ? 3 : 0;
  if ((mask & (MAY_READ | MAY_WRITE | MAY_EXEC) & ~(mode >> shift)) !== 0)
    throw new Errno('EACCES', 'the mode of the value does not allow it');
}

const operationsOf = ({ show, store, isString = false }: Sysctl): FileOperations => ({
  readIter: true,
  writeIter: true,

  *read(_file, to, at, task) {
    if (!isString && at.position > 0) return 0;
    const bytes = Buffer.from(`${yield* finish(show(task))}\n`, 'latin1').subarray(at.position);
    const done = bytes.length === 0 ? 0 : yield* to.put(bytes);
    at.position += done;
    return done;
  },

  *write(_file, from, at, task) {
    if (store === undefined) throw new Errno('EPERM', 'the value cannot be set');
    const length = from.remaining;
    const bytes = yield* from.take(Math.min(length, PAGE_SIZE - 1));
    // sysctl_writes_strict: a number that is not written at the beginning is ignored.
    if (at.position === 0) yield* finish(store(Buffer.from(bytes).toString('latin1'), task));
    at.position += length;
    return length;
  },

  llseek: defaultSeek,
});

class SysctlFile extends ProcFile {
  constructor(fs: Procfs, sysctl: Sysctl) {
    super(fs, sysctl.mode, operationsOf(sysctl));
  }

  override permit(credentials: Credentials, mask: number): void {
    permit(this.mode, credentials, mask);
  }

  override chmod(): never {
    throw fixed();
  }

  override chown(): never {
    throw fixed();
  }
}

const fixed = () => new Errno('EPERM', 'mode and owner of a value are fixed');

/** A folder of values. */
class SysctlFolder extends ListedDirectory {
  readonly operations: FileOperations = procDirectoryOperations;
  override readonly isFixed = true;
  readonly #fs: Procfs;

  constructor(fs: Procfs) {
    super(fs, fs.takeIno(), 0o555);
    this.mode = S_IFDIR | 0o555;
    this.#fs = fs;
  }

  /** Links of such folders are not counted. */
  override stat(): Stat {
    return { ...procStat(super.stat()), nlink: this.nlink };
  }

  override permit(credentials: Credentials, mask: number): void {
    permit(this.mode, credentials, mask);
  }

  /** The folder of that name, made if need be. */
  folder(name: string): SysctlFolder {
    const known = this.names.get(name);
    if (known instanceof SysctlFolder) return known;
    if (known !== undefined) throw new Errno('EEXIST', `${name} is a value`);
    const made = new SysctlFolder(this.#fs);
    this.names.set(name, made);
    return made;
  }

  add(sysctl: Sysctl): void {
    if (this.names.has(sysctl.name)) throw new Errno('EEXIST', `there is a value ${sysctl.name} already`);
    this.names.set(sysctl.name, new SysctlFile(this.#fs, sysctl));
  }

  remove({ name }: Sysctl): void {
    const node = this.names.get(name);
    if (node !== undefined) node.nlink = 0;
    this.names.delete(name);
  }
}

function makeRoot(system: System): SysctlFolder {
  const proc = procfs(system);
  return proc.add('sys', new SysctlFolder(proc.fs as Procfs));
}

/** Makes /proc/sys. */
export const addSysctlRoot = (system: System): SysctlFolder => system.single(makeRoot);

/**
 * register_sysctl.
 *
 * @param path below /proc/sys: `kernel`, `dev/scsi`
 * @returns unregister_sysctl_table
 * @throws Errno EEXIST when a name is taken
 */
export function registerSysctl(system: System, path: string, table: readonly Sysctl[]): () => void {
  let folder = addSysctlRoot(system);
  for (const name of path.split('/')) folder = folder.folder(name);
  for (const sysctl of table) folder.add(sysctl);
  system.vfs.onChange?.();
  return () => {
    for (const sysctl of table) folder.remove(sysctl);
    system.vfs.onChange?.();
  };
}
