/** fs/configfs: objects of the kernel that programs make and remove, at /sys/kernel/config. */
import { CONFIGFS_MAGIC } from '../../abi/uapi/index.ts';
import { MemoryFileSystem, type System } from '../../kernel/index.ts';
import { registerFileSystem } from '../file-system-types.ts';
import { ConfigDirectory } from './configfs-directory.ts';
import { ConfigGroup, type ConfigSubsystem } from './configfs-item.ts';

export class Configfs extends MemoryFileSystem {
  readonly type = 'configfs';
  readonly magic = CONFIGFS_MAGIC;
  readonly root: ConfigDirectory;

  constructor(system: System) {
    super(system, system.vfs.takeDev());
    this.root = new ConfigDirectory(this, new ConfigGroup('', {}), true);
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
