import type { Mode } from '../caller.ts';
import { TaskSys } from './tasks.ts';

export type { AioEvent, AioRequest } from './aio.ts';
export type { Data, Mapping, Vectors } from './base.ts';
export type { MapOptions } from './memory.ts';
export type { Datagram, NetlinkName } from './sockets.ts';
export type { Program, ProgramStarter, Running } from './tasks.ts';
export type { EpollQuestion, PollQuestion } from './waiting.ts';

/**
 * The system calls of one task, as a TypeScript program makes them. Errors are thrown as {@link Errno}; descriptors are numbers,
 * structs are objects, everything else is as in C. In mode `task` every call is run by `yield*`, in mode `async` by `await`.
 */
export class Sys<M extends Mode> extends TaskSys<M> {}
