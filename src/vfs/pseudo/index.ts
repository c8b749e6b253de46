/** File systems that the kernel and drivers fill: procfs, debugfs, configfs, and what their files are made of. */
export { registerSubsystem } from './configfs.ts';
export { type ConfigAttribute, ConfigGroup, ConfigItem, type ConfigItemType, ConfigSubsystem } from './configfs-item.ts';
export { type DebugfsDirectory, debugfs } from './debugfs.ts';
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
} from './debugfs-values.ts';
export { devicesLines, fileSystemLines, miscLines } from './proc-kernel.ts';
export { type ProcDirectory, procfs } from './procfs.ts';
export { type ShowRecord, seqOperations, single } from './seq-file.ts';
export { registerSysctl, type Sysctl } from './sysctl.ts';
export { addTaint, addTaints, TAINT_SOFTLOCKUP } from './tainted.ts';
