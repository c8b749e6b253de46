/** Remote processors: firmware, memory regions, states, recovery. docs/reference/remoteproc.md. */
export { attach, detach } from './attach.ts';
export { boot, shutdown } from './boot.ts';
export { addCarveout } from './carveouts.ts';
export { addDumpSegment, DUMP_MODES, type DumpMode, type DumpSegment, rprocCoredump, rprocCoredumpUsingSections } from './coredump.ts';
export { elfLoader, type FirmwareLoader } from './elf-loader.ts';
export { KernelAddress, linearAddress, type MappedArea } from './kernel-address.ts';
export { checkCarveoutDa, MemEntry, type MemEntryDescription } from './mem-entry.ts';
export type { Decision, Lifetime, Observer, RegionReport } from './observation.ts';
export type { AllocGrant, AllocRequest, RprocOps, RprocParent, Translated } from './ops.ts';
export { type Overlap, overlapsOf, type Placed } from './overlaps.ts';
export { addPlatformRproc, type PlatformRprocDescription } from './platform-driver.ts';
export { POLICIES, type PolicyName, policies, type RegionRequest } from './policies.ts';
export { entryOf, type Provider, type RegionProfile } from './providers.ts';
export { reportCrash, triggerRecovery } from './recovery.ts';
export { addRproc, panicDelay_ms, remoteprocs } from './register.ts';
export { RSC_HANDLED, RSC_IGNORED } from './resources.ts';
export {
  type BootStep,
  CRASH_FATAL_ERROR,
  CRASH_MMUFAULT,
  CRASH_TYPES,
  CRASH_WATCHDOG,
  Rproc,
  type RprocDescription,
  type RprocState,
  STATES,
} from './rproc.ts';
export type { Subdevice } from './subdevices.ts';
export { liveTable, privateTable, type ResourceTable } from './table.ts';
export { vqInterrupt } from './virtio-transport.ts';
