/** struct ffs_dev of u_fs.h: the folders functions/ffs.NAME of a machine, by which mounts find them. */
import { Errno } from '../../abi/index.ts';
import type { Kernel, System } from '../../kernel/index.ts';
import { registerFileSystem } from '../../vfs/index.ts';
import type { Ffs } from './ffs.ts';
import { functionFsType } from './file-system.ts';

/** An instance of the function, whether it is mounted or not. */
export interface FfsInstance {
  readonly name: string;
  /** Its mount. */
  ffs: Ffs | undefined;
  /** Whether a daemon has said what it needs: `ready`. */
  isReady: boolean;
  /** unregister_gadget_item: takes the gadget that has the function from its controller. */
  unbindGadget(): Kernel<void>;
}

/** The instances of a machine. */
class Instances {
  readonly #system: System;
  readonly #named = new Map<string, FfsInstance>();
  #unregister: (() => void) | undefined;

  constructor(system: System) {
    this.#system = system;
  }

  get(name: string): FfsInstance | undefined {
    return this.#named.get(name);
  }

  add(instance: FfsInstance): void {
    if (this.#named.has(instance.name)) throw new Errno('EBUSY', `there is a function ffs.${instance.name} already`);
    this.#named.set(instance.name, instance);
    this.#unregister ??= registerFileSystem(this.#system, functionFsType(this.#system));
  }

  remove(instance: FfsInstance): void {
    this.#named.delete(instance.name);
    if (instance.ffs !== undefined) instance.ffs.instance = undefined;
    instance.ffs = undefined;
    if (this.#named.size > 0) return;
    this.#unregister?.();
    this.#unregister = undefined;
  }
}

const makeInstances = (system: System) => new Instances(system);

/** The instance of that name. */
export const instanceOf = (system: System, name: string): FfsInstance | undefined => system.single(makeInstances).get(name);

/** ffs_name_dev: with the first instance the file system can be mounted. @throws Errno EBUSY when the name is taken */
export const addInstance = (system: System, instance: FfsInstance): void => system.single(makeInstances).add(instance);

/** _ffs_free_dev. A mount that it has stays, without it; with the last instance the file system goes. */
export const removeInstance = (system: System, instance: FfsInstance): void => system.single(makeInstances).remove(instance);
