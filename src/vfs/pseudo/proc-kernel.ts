/** Files of /proc that tell what the kernel has: fs/proc/devices.c, drivers/char/misc.c, fs/filesystems.c. */
import type { System } from '../../kernel/index.ts';
import { fileSystemTypes } from '../file-system-types.ts';
import { procfs } from './procfs.ts';
import { addSysctlRoot } from './sysctl.ts';

const numbered = (number: number, name: string) => `${number.toString().padStart(3)} ${name}\n`;

export const devicesLines = ({ devices }: System): readonly string[] => [
  'Character devices:\n',
  ...devices.majors.map(([major, name]) => numbered(major, name)),
  '\nBlock devices:\n',
];

export const miscLines = ({ devices }: System): readonly string[] => devices.misc.map(({ minor, name }) => numbered(minor, name));

export const fileSystemLines = (system: System): readonly string[] =>
  fileSystemTypes(system)
    .all()
    .map(({ name, requiresDevice }) => `${requiresDevice === true ? '' : 'nodev'}\t${name}\n`);

/** Fills /proc. */
export function addKernelFiles(system: System): void {
  const root = procfs(system);
  root.createLines('devices', 0o444, () => devicesLines(system));
  root.createLines('misc', 0o444, () => miscLines(system));
  root.createLines('filesystems', 0o444, () => fileSystemLines(system));
  root.createSymlink('mounts', 'self/mounts');
  addSysctlRoot(system);
}
