import { O_CLOEXEC } from '../../../abi/uapi/index.ts';
import {
  type Credentials,
  calls,
  type ExitStatus,
  type Kernel,
  type SignalAction,
  sleep,
  type Task,
  yieldNow,
} from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { bytesOf, type Data } from './base.ts';
import type { Sys } from './index.ts';
import { MemorySys } from './memory.ts';

/** A program: a generator that is given its calls. What it throws ends it; what it returns is its result. */
export type Program<T = void> = (sys: Sys<'task'>) => Kernel<T>;

/** A task that runs a program. */
export interface Running<T> {
  readonly pid: number;
  /** The program's result, once it has ended. @throws what the program threw */
  result(): T;
}

/** Starts programs: the part of a machine that `fork` needs. */
export interface ProgramStarter {
  start<T>(task: Task, program: Program<T>): Running<T>;
}

/** Tasks, and messages between them. */
export abstract class TaskSys<M extends Mode> extends MemorySys<M> {
  get pid(): number {
    return this.task.pid;
  }

  /** socketpair(2): AF_UNIX, SOCK_SEQPACKET. @param flags O_CLOEXEC, O_NONBLOCK */
  socketpair(flags = 0): Result<M, [number, number]> {
    return this.invoke('socketpair', [flags], () => calls.socketpair(this.task, flags));
  }

  /** sendmsg(2), with descriptors by SCM_RIGHTS. */
  sendmsg(fd: number, data: Data, fds: readonly number[] = []): Result<M, number> {
    return this.invoke('sendmsg', [fd, fds.length], () => calls.sendmsg(this.task, fd, bytesOf(data), fds));
  }

  /** recvmsg(2). @param flags O_CLOEXEC as MSG_CMSG_CLOEXEC @returns no bytes at the end */
  recvmsg(fd: number, flags = 0): Result<M, calls.ReceivedMessage> {
    return this.invoke('recvmsg', [fd, flags], () => calls.recvmsg(this.task, fd, (flags & O_CLOEXEC) !== 0));
  }

  /** fork(2): a child with copies of the descriptors and of the memory runs the program. @returns its pid */
  fork(program: Program<any>): Result<M, number> {
    return this.invoke('fork', [], () => this.programs.start(this.task.system.tasks.fork(this.task), program).pid);
  }

  /** A thread: it shares descriptors and memory. @returns its tid */
  thread(program: Program<any>): Result<M, number> {
    return this.invoke('clone', [], () => this.programs.start(this.task.system.tasks.thread(this.task), program).pid);
  }

  /** waitpid(2). */
  waitpid(pid: number): Result<M, ExitStatus> {
    return this.invoke('waitpid', [pid], () => this.task.system.tasks.wait(pid));
  }

  kill(pid: number, signal: number): Result<M, number> {
    return this.invoke('kill', [pid, signal], () => calls.kill(this.task, pid, signal));
  }

  sigaction(signal: number, action: SignalAction | 'ignore' | 'default'): Result<M, number> {
    return this.invoke('sigaction', [signal], () => calls.sigaction(this.task, signal, action));
  }

  /** setresuid(2), setresgid(2) and setgroups(2) at once. There is no way back: only root may. */
  setCredentials(credentials: Credentials): void {
    if (this.task.credentials.uid !== 0) throw new Error('only root may change who it is');
    this.task.credentials = credentials;
  }

  /** setrlimit(2) for RLIMIT_NOFILE. @param limit one more than the highest descriptor that new ones may get */
  setFileLimit(limit: number): Result<M, number> {
    return this.invoke('setrlimit', ['RLIMIT_NOFILE', limit], () => calls.setFileLimit(this.task, limit));
  }

  /** Lets other tasks go first. */
  sched_yield(): Result<M, void> {
    return this.invoke('sched_yield', [], () => yieldNow());
  }

  /** Sleeps in virtual time. */
  nanosleep(duration_ns: number): Result<M, void> {
    return this.invoke('nanosleep', [duration_ns], () => sleep(duration_ns));
  }
}
