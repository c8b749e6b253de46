/** What drivers, hardware models and boards are written with: `import { ... } from 'ioctopus/driver'`. */
export * from './abi/index.ts';
export * from './abi/uapi/index.ts';
export { generic } from './boards/index.ts';
export * from './dma-buf/index.ts';
export {
  type CharacterRegion,
  copyFromUser,
  copyStringFromUser,
  copyStructFromUser,
  copyStructToUser,
  copyToUser,
  type Descriptors,
  type File,
  type FileOperations,
  type IoctlEntry,
  type IoctlHandler,
  ioctls,
  type Kernel,
  type MaybeKernel,
  type MemoryObject,
  type MemoryRange,
  type MiscDevice,
  Mutex,
  on,
  onRaw,
  type PollTable,
  type Position,
  Random,
  type RawIoctlHandler,
  type ScheduledEvent,
  type System,
  sleep,
  sliceRanges,
  type Task,
  takeStruct,
  type UserBuffer,
  type Vma,
  WaitQueue,
  wait,
  waitOn,
  waitOrAgain,
} from './kernel/index.ts';
export type { Board, Machine } from './machine/index.ts';
export { PhysicalMemory } from './memory/index.ts';
