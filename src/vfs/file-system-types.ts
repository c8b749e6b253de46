import { Errno } from '../abi/index.ts';
import type { MaybeKernel, System, Task } from '../kernel/index.ts';
import type { Directory } from './tree-inode.ts';

/** What mount(2) says about what it mounts. */
export interface MountRequest {
  /** The first argument: a device, or any text. */
  readonly source: string;
  /** Options of the file system itself, `a,b=c`. */
  readonly data: string;
  readonly task: Task;
}

/** A kind of file system that programs can mount, as `struct file_system_type`. */
export interface FileSystemType {
  /** As in /proc/filesystems. */
  readonly name: string;
  /** FS_REQUIRES_DEV; false when left out. */
  readonly requiresDevice?: boolean;
  /** @returns the root: a new one, or one that all mounts share @throws Errno */
  mount(request: MountRequest): MaybeKernel<Directory>;
  /** The last mount of that root is gone: kill_sb. */
  release?(root: Directory): void;
}

/** The types that a machine knows, in the order they were registered. */
class FileSystemTypes {
  readonly #types = new Map<string, FileSystemType>();

  add(type: FileSystemType): () => void {
    if (this.#types.has(type.name)) throw new Errno('EBUSY', `there is a file system type ${type.name} already`);
    this.#types.set(type.name, type);
    return () => void this.#types.delete(type.name);
  }

  get(name: string): FileSystemType | undefined {
    return this.#types.get(name);
  }

  all(): readonly FileSystemType[] {
    return [...this.#types.values()];
  }
}

/** The types of a machine. */
export const fileSystemTypes = (system: System): FileSystemTypes => system.single(makeTypes);
const makeTypes = () => new FileSystemTypes();

/** register_filesystem. @returns unregister_filesystem @throws Errno EBUSY when the name is taken */
export function registerFileSystem(system: System, type: FileSystemType): () => void {
  return fileSystemTypes(system).add(type);
}
