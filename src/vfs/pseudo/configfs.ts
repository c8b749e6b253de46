/** fs/configfs: objects of the kernel that programs make and remove, at /sys/kernel/config. */
import { CONFIGFS_MAGIC } from '../../abi/uapi/index.ts';
import type { FileSystem, System, Timespec } from '../../kernel/index.ts';
import { registerFileSystem } from '../file-system-types.ts';
import { ConfigDirectory } from './configfs-directory.ts';
import { ConfigGroup, type ConfigSubsystem } from './configfs-item.ts';

export class Configfs implements FileSystem {
  readonly type = 'configfs';
  readonly magic = CONFIGFS_MAGIC;
  readonly dev: number;
  readonly root: ConfigDirectory;
  readonly #system: System;
  #nextIno = 1;

  constructor(system: System) {
    this.#system = system;
    this.dev = system.vfs.takeDev();
    this.root = new ConfigDirectory(this, new ConfigGroup('', {}), true);
  }

  now(): Timespec {
    return this.#system.realtime();
  }

  takeIno(): number {
    return this.#nextIno++;
  }
}

function makeConfigfs(system: System): ConfigDirectory {
  const { root } = new Configfs(system);
  registerFileSystem(system, { name: 'configfs', mount: () => root });
  return root;
}

/** The top of a machine's configfs. */
export const configfs = (system: System): ConfigDirectory => system.single(makeConfigfs);

/**
 * configfs_register_subsystem: shows a driver's top group.
 *
 * @returns configfs_unregister_subsystem; an Error when programs have left something in it
 * @throws Errno EEXIST
 */
export function registerSubsystem(system: System, subsystem: ConfigSubsystem): () => void {
  const root = configfs(system);
  root.attach(subsystem, true);
  return () => root.detachSubsystem(subsystem);
}
