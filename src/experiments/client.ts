import { type AnyRequest, Errno, type Layout } from '../abi/index.ts';
import { AT_FDCWD, MAP_SHARED, O_RDWR, PROT_READ, PROT_WRITE } from '../abi/uapi/index.ts';
import { type AddressSpace, calls, complete, type Kernel, type MaybeKernel, ROOT, type Task } from '../kernel/index.ts';
import type { Machine } from '../machine/index.ts';

/** A program of an experiment: each of its calls runs the machine until it has ended. */
export class Client {
  readonly task: Task;
  readonly #space: AddressSpace;

  constructor({ system }: Machine) {
    const fs = system.vfs.initialContext();
    this.task = system.tasks.create({ comm: 'client', credentials: ROOT, fs, fileLimit: 1024, isTracked: false });
    this.#space = this.task.space as AddressSpace;
  }

  open(path: string): number {
    return this.#run(() => calls.openat(this.task, AT_FDCWD, path, O_RDWR, 0));
  }

  close(fd: number): void {
    this.#run(() => calls.close(this.task, fd));
  }

  /** @returns the struct as the kernel gave it back */
  ioctl<R extends AnyRequest>(fd: number, request: R, argument: R['argument']): R['decoded'] {
    const layout = request.layout as Layout<R['decoded'], R['argument']>;
    const address = this.#space.pushArguments(layout.size);
    const at = this.#space.readable(address, layout.size);
    layout.encode(this.#space.view, at, argument);
    try {
      this.#run(() => calls.ioctl(this.task, fd, request.number, address));
      return layout.decode(this.#space.view, at);
    } finally {
      this.#space.dropArguments(address);
    }
  }

  /** @returns the address of a shared mapping of the whole */
  mmap(fd: number, length: number): number {
    const where = { address: 0, length, protection: PROT_READ | PROT_WRITE, flags: MAP_SHARED, offset: 0 };
    return this.#run(() => calls.mmap(this.task, fd, where)).address;
  }

  munmap(address: number, length: number): void {
    this.#run(() => calls.munmap(this.task, address, length));
  }

  load(address: number): number {
    return this.#space.load(address, 1)[0] as number;
  }

  /** The program ends, and lets go of all that it has. */
  end(): void {
    const { system } = this.task;
    system.tasks.end(this.task, { code: 0 });
    system.scheduler.runReady();
  }

  #run<T>(begin: () => MaybeKernel<T>): T {
    const { task } = this;
    return runKernel(task, complete(task, begin(), begin));
  }
}

/** Runs kernel code that may wait. @param task whose doing it is @throws what it throws */
export function runKernel<T>(task: Task, work: Kernel<T>): T {
  const { scheduler } = task.system;
  const coroutine = scheduler.start(task.describe(), task, work);
  scheduler.runUntil(() => coroutine.outcome !== undefined, task.describe());
  if (coroutine.outcome?.ok !== true) throw coroutine.outcome?.error ?? new Errno('EIO', 'it has not ended');
  return coroutine.outcome.value;
}
