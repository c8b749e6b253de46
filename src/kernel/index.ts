/** What every driver, file system and door stands on. */
export { AddressSpace } from './address-space.ts';
export { AioContext, AioContexts } from './aio-context.ts';
export { Bus, type BusDescription, type DeviceDriver } from './bus.ts';
export type { IoVector, MapRequest, ReceivedMessage } from './calls/index.ts';
export * as calls from './calls/index.ts';
export { Clock, type ScheduledEvent } from './clock.ts';
export { finish, isKernel, type Kernel, type MaybeKernel } from './colour.ts';
export type { CopyWatch } from './copy-watch.ts';
export { Counted } from './counted.ts';
export { type Credentials, inGroup, isCapable, ROOT } from './credentials.ts';
export { type Coredump, devCoredump, devcoredumps } from './devcoredump.ts';
export { Device, type DeviceDescription } from './device.ts';
export { DeviceClass } from './device-class.ts';
export { DeviceModel } from './device-model.ts';
export { type CharacterRegion, type DevicePlace, Devices, MISC_MAJOR, type MiscDevice, type NodeMaker } from './devices.ts';
export { createEpollFile, type EventPoll, eventPollOf } from './epoll.ts';
export type { EpollEvent } from './epoll-item.ts';
export { createEventfd, type EventfdContext, eventfdOf } from './eventfd.ts';
export { checkedFault, FAULT_SERVICES, type Fault, type FaultService } from './fault.ts';
export { formatFault, parseFault } from './fault-text.ts';
export { type FaultHit, Faults } from './faults.ts';
export { type Descriptors, FdTable } from './fd-table.ts';
export {
  type DirectoryEntry,
  File,
  type FileDescription,
  type FileOperations,
  FMODE_LSEEK,
  FMODE_OPENED,
  FMODE_PATH,
  FMODE_PREAD,
  FMODE_PWRITE,
  FMODE_READ,
  FMODE_WRITE,
  type Position,
  waitOrAgain,
} from './file.ts';
export { BrokenRules, type Defect, type Finding, Findings, formatFinding } from './findings.ts';
export { firmwareClass, requestFirmware } from './firmware.ts';
export { Idr } from './idr.ts';
export {
  type FileSystem,
  Inode,
  type InodeAttributes,
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
  majorOf,
  makedev,
  minorOf,
  type Stat,
  type Timespec,
} from './inode.ts';
export { complete, RawRestart, settle } from './invoke.ts';
export { type IoctlEntry, type IoctlHandler, ioctls, on, onRaw, type RawIoctlHandler } from './ioctl.ts';
export type { AsyncTransfer, Kiocb } from './kiocb.ts';
export { type Kind, Leak, Ledger, type Tracked } from './ledger.ts';
export { type Gfp, type HeldLock, LockClass, Lockdep } from './lockdep.ts';
export { Log, type LogLine } from './log.ts';
export type { Memfd, PinnedPages, SealableFile } from './memfd.ts';
export { MemoryFileSystem } from './memory-file-system.ts';
export type { MemoryObject, MemoryProvider, MemoryRange, PageRange } from './memory-object.ts';
export { addModule, type IntegerParameter } from './module.ts';
export { Mutex } from './mutex.ts';
export { kstrtobool, kstrtoint, kstrtoll, kstrtou8, kstrtou16, kstrtouint, kstrtoull, sysfsStreq } from './parse.ts';
export { addPlatformDevice, type PlatformDeviceDescription, platformBus } from './platform.ts';
export { type PollEntry, PollTable, pollFile, pollFiles, pollOnce } from './poll.ts';
export type { PortalStore, PortalStoreKind } from './portal.ts';
export { Random } from './random.ts';
export { Coroutine, Deadlock, formatTime, type Outcome, Scheduler } from './scheduler.ts';
export { Killed, type SignalAction, Signals } from './signal.ts';
export type { Attribute, AttributeGroup, BinaryAttribute, SysfsDirectory } from './sysfs.ts';
export { type Architecture, System, type SystemOptions } from './system.ts';
export { Task, type TaskDescription } from './task.ts';
export { type ExitStatus, TaskTable } from './task-table.ts';
export { type CallArguments, type TraceLine, Tracer } from './trace.ts';
export { type Uevent, type UeventAction, type UeventSource, Uevents, type UeventVariable, ueventMessage } from './uevents.ts';
export {
  copyFails,
  copyFromUser,
  copyStringFromUser,
  copyStructFromUser,
  copyStructToUser,
  copyToUser,
  type StructCopy,
  takeStruct,
  UserBuffer,
  type UserMemory,
} from './user-memory.ts';
export type { Base, FsContext, StatFs, Vfs } from './vfs.ts';
export { joinRanges, type MappedFile, sliceRanges, Vma, type VmaKind } from './vma.ts';
export {
  ALL_KEYS,
  type QueuedWait,
  sleep,
  type Wait,
  type Waiter,
  type WaitMode,
  type WaitOptions,
  WaitQueue,
  type Wake,
  wait,
  waitOn,
  yieldNow,
} from './wait.ts';
export { WwAcquireContext, WwClass } from './ww-acquire.ts';
export { type WwLockOptions, WwMutex } from './ww-mutex.ts';
