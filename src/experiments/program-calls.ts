/** What experiments need of a door: machines whose programs make system calls. `Sys` of doors/in-process is one of these. */
import type { Request } from '../abi/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Board, Machine, MachineOptions } from '../machine/index.ts';

/** Memory of a program. */
export interface ProgramMemory {
  readonly address: number;
  readonly length: number;
}

/** System calls, as {@link Sys} of a task has them. */
export interface ProgramCalls {
  open(path: string, flags: number): Kernel<number>;
  close(fd: number): Kernel<unknown>;
  read(fd: number, count: number): Kernel<Uint8Array>;
  write(fd: number, data: Uint8Array | string): Kernel<number>;
  readv(fd: number, vectors: readonly ProgramMemory[]): Kernel<number>;
  writev(fd: number, vectors: readonly ProgramMemory[]): Kernel<number>;
  ioctl<A, D, R, W>(fd: number, request: Request<A, D, R, W>, ...argument: A extends undefined ? [] : [A]): Kernel<R>;
  poll(questions: readonly { readonly fd: number; readonly events: number }[], timeout_ms?: number): Kernel<number[]>;
  mkdir(path: string, mode: number): Kernel<unknown>;
  rmdir(path: string): Kernel<unknown>;
  symlink(target: string, path: string): Kernel<unknown>;
  unlink(path: string): Kernel<unknown>;
  mount(source: string, target: string, type: string, flags: number, data: string): Kernel<unknown>;
  umount(target: string): Kernel<unknown>;
  /** Memory of the program's own. */
  allocate(length: number): ProgramMemory;
  free(memory: ProgramMemory): void;
}

export interface ProgramMachine extends Machine {
  /** Starts a program. It runs when the machine runs. */
  spawn<T>(program: (sys: ProgramCalls) => Kernel<T>): { result(): T };
}

export type BootProgramMachine = (board: Board, options: MachineOptions) => ProgramMachine;
