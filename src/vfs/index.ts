/** The file tree: the walk, inodes and permissions, and the file systems in it. */
export { directoryOperations } from './directory-file.ts';
export { type FileSystemType, type MountRequest, registerFileSystem } from './file-system-types.ts';
export { FileTree } from './file-tree.ts';
export { registerSubsystem } from './pseudo/configfs.ts';
export { type ConfigAttribute, ConfigGroup, ConfigItem, type ConfigItemType, ConfigSubsystem } from './pseudo/configfs-item.ts';
export { type DebugfsDirectory, debugfs } from './pseudo/debugfs.ts';
export {
  debugfsBlob,
  debugfsBool,
  debugfsU8,
  debugfsU16,
  debugfsU32,
  debugfsU64,
  debugfsX8,
  debugfsX16,
  debugfsX32,
  debugfsX64,
  type Value,
} from './pseudo/debugfs-values.ts';
export { devicesLines, fileSystemLines, miscLines } from './pseudo/proc-kernel.ts';
export { type ProcDirectory, procfs } from './pseudo/procfs.ts';
export { type ShowRecord, seqOperations, single } from './pseudo/seq-file.ts';
export { registerSysctl, type Sysctl } from './pseudo/sysctl.ts';
export { Directory, type NewInode, Symlink, TreeInode } from './tree-inode.ts';
