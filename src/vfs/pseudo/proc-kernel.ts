/** Files of /proc that tell what the kernel has: fs/proc/devices.c, drivers/char/misc.c, fs/filesystems.c. */
import type { System } from '../../kernel/index.ts';
import { fileSystemTypes } from '../file-system-types.ts';
import { procfs } from './procfs.ts';
import { addSysctlRoot } from './sysctl.ts';

const numbered = (number: number, name: string) => `${number.toString().padStart(3)} ${name}\n`;

/** Fills /proc. */
export function addKernelFiles(system: System): void {
  const root = procfs(system);
  const { devices } = system;
  root.createLines('devices', 0o444, () => [
    'Character devices:\n',
    ...devices.majors.map(([major, name]) => numbered(major, name)),
    '\nBlock devices:\n',
  ]);
  root.createLines('misc', 0o444, () => devices.misc.map(({ minor, name }) => numbered(minor, name)));
  root.createLines('filesystems', 0o444, () =>
    fileSystemTypes(system)
      .all()
      .map(({ name, requiresDevice }) => `${requiresDevice === true ? '' : 'nodev'}\t${name}\n`),
  );
  root.createSymlink('mounts', 'self/mounts');
  addSysctlRoot(system);
}
