/** The file system `functionfs`: a folder with ep0, and an endpoint's file for each that the daemon has described. */
import { Errno } from '../../abi/index.ts';
import { FUNCTIONFS_MAGIC } from '../../abi/uapi/index.ts';
import { type FileOperations, type Kernel, MemoryFileSystem, type Stat, type System } from '../../kernel/index.ts';
import { Directory, directoryOperations, type FileSystemType, type MountRequest, TreeInode } from '../../vfs/index.ts';
import type { FfsEndpoint } from './endpoint.ts';
import { endpointOperations } from './endpoint-file.ts';
import { ep0Operations } from './ep0-file.ts';
import { type EndpointFolder, Ffs } from './ffs.ts';
import { instanceOf } from './instances.ts';
import { type MountOptions, parseOptions } from './mount-options.ts';

class FunctionFs extends MemoryFileSystem {
  readonly type = 'functionfs';
  readonly magic = FUNCTIONFS_MAGIC;
}

/** A file of the mount: `of` is what its operations find in `i_private`. Its length is what truncate(2) made it, and means nothing. */
export class FfsFile<T extends Ffs | FfsEndpoint> extends TreeInode {
  readonly operations: FileOperations;
  readonly of: T;
  #size = 0;

  constructor(fs: FunctionFs, { fileMode, uid, gid }: MountOptions, of: T, operations: FileOperations) {
    super(fs, { ino: fs.takeIno(), mode: fileMode, uid, gid });
    this.of = of;
    this.operations = { ...operations, truncate: (_file, length) => this.truncate(length) };
  }

  override get size(): number {
    return this.#size;
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: 0 };
  }

  override truncate(length: number): void {
    this.#size = length;
  }
}

/** The folder. Programs make nothing in it, and remove nothing. */
class FfsRoot extends Directory implements EndpointFolder {
  readonly operations: FileOperations = directoryOperations;
  readonly ffs: Ffs;
  readonly #fs: FunctionFs;
  readonly #options: MountOptions;
  readonly #names = new Map<string, TreeInode>();

  constructor(fs: FunctionFs, options: MountOptions, ffs: Ffs) {
    const { rootMode, uid, gid } = options;
    super(fs, { ino: fs.takeIno(), mode: rootMode, uid, gid });
    this.#fs = fs;
    this.#options = options;
    this.ffs = ffs;
    this.#names.set('ep0', new FfsFile(fs, options, ffs, ep0Operations));
  }

  add(name: string, endpoint: FfsEndpoint): void {
    this.#names.set(name, new FfsFile(this.#fs, this.#options, endpoint, endpointOperations));
  }

  remove(name: string): void {
    this.#names.delete(name);
  }

  lookup(name: string): TreeInode | undefined {
    return this.#names.get(name);
  }

  /** The newest first, as the directory cache has them. */
  entries(): Iterable<readonly [string, TreeInode]> {
    return [...this.#names].reverse();
  }
}

/** ffs_fs_get_tree. @throws Errno EINVAL for options; ENOENT no such instance; EBUSY it is mounted already */
function mount(system: System, { source, data }: MountRequest): Directory {
  const options = parseOptions(data);
  const instance = instanceOf(system, source);
  if (instance === undefined) throw new Errno('ENOENT', `there is no function ffs.${source}`);
  if (instance.ffs !== undefined) throw new Errno('EBUSY', `ffs.${source} is mounted already`);
  const ffs = new Ffs(system, instance, options.noDisconnect);
  instance.ffs = ffs;
  const root = new FfsRoot(new FunctionFs(system, system.vfs.takeDev()), options, ffs);
  ffs.folder = root;
  return root;
}

/** ffs_fs_kill_sb: no file is open any more. What the last one's release does may still be under way. */
function* end(ffs: Ffs): Kernel<void> {
  const { instance } = ffs;
  yield* ffs.reset();
  ffs.instance = undefined;
  if (instance !== undefined) instance.ffs = undefined;
}

/** To be registered. */
export const functionFsType = (system: System): FileSystemType => ({
  name: 'functionfs',
  mount: (request) => mount(system, request),
  release(root) {
    const { ffs } = root as FfsRoot;
    system.defer(`the end of the mount of ${ffs.instance?.name ?? 'a removed function'}`, end(ffs));
  },
});
