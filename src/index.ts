/** ioctopus: Linux device nodes without the hardware and without the kernel. */
export { Errno, type ErrnoName } from './abi/index.ts';
export * from './boards/index.ts';
export { BootedMachine, boot } from './doors/boot.ts';
export { connect, FailedCall, type RemoteMachine, type RemoteMemory, type RemoteSys } from './doors/connect/index.ts';
export type {
  AioEvent,
  AioRequest,
  Data,
  Datagram,
  MapOptions,
  Mapping,
  NetlinkName,
  PollQuestion,
  Program,
  ProgramOptions,
  Running,
  Sys,
} from './doors/in-process/index.ts';
export {
  BrokenRules,
  type Credentials,
  Deadlock,
  type Defect,
  type Fault,
  type FaultHit,
  type FaultService,
  type Finding,
  type Kernel,
  Killed,
  Leak,
  type Stat,
  type TraceLine,
} from './kernel/index.ts';
export type { Board, Machine, MachineOptions } from './machine/index.ts';
