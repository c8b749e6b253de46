/** The door for TypeScript programs in the same process. */
export { AsyncCaller, type Caller, type Mode, type Result, SyncCaller, TaskCaller } from './caller.ts';
export { InProcessMachine, type ProgramOptions } from './machine.ts';
export {
  type AioEvent,
  type AioRequest,
  type Data,
  type Datagram,
  type MapOptions,
  type Mapping,
  type NetlinkName,
  type PollQuestion,
  type Program,
  type ProgramStarter,
  type Running,
  Sys,
} from './sys/index.ts';
