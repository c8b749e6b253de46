import { Errno } from '../../src/abi/index.ts';
import { DMA_HEAP_IOCTL_ALLOC, O_RDWR, PAGE_SIZE, POLLIN, POLLOUT } from '../../src/abi/uapi/index.ts';
import {
  allocateFenceContexts,
  DmaBuf,
  type DmaBufOps,
  DmaFence,
  type DmaFenceDescription,
  type DmaFenceOps,
  DmaResv,
  type DmaResvUsage,
  dmaBufFd,
} from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import type { FdTable, Kernel, System, Task } from '../../src/kernel/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';
import { ArrayMemoryProvider } from '../../src/memory/index.ts';
import { machineTest } from '../../src/vitest.ts';

export { describe, expect } from 'vitest';

const names: DmaFenceOps = { driverName: () => 'test', timelineName: () => 'line' };

/** Makes fences that the test signals. It holds a reference to each, as a driver does until its hardware is done. */
export class TestDriver {
  readonly #system: System;
  readonly #held = new Set<DmaFence>();

  constructor(system: System) {
    this.#system = system;
  }

  /** A fence, of a context of its own when none is given. */
  fence(description: Partial<Omit<DmaFenceDescription, 'ops'>> & { readonly ops?: Partial<DmaFenceOps> } = {}): DmaFence {
    const { ops, context = allocateFenceContexts(this.#system), seqno = 1, ...rest } = description;
    const fence = new DmaFence(this.#system, { ops: { ...names, ...ops }, context, seqno, ...rest });
    this.#held.add(fence);
    return fence;
  }

  /** One that has signalled, with an error if one is given. */
  signaled(error = 0): DmaFence {
    const fence = this.fence();
    if (error !== 0) fence.setError(error);
    fence.signal();
    return fence;
  }

  /** A fence that signals after a while of virtual time. */
  later(delay_ns: number): DmaFence {
    const fence = this.fence();
    this.#system.clock.schedule(delay_ns, 'the hardware', () => fence.signal());
    return fence;
  }

  /** Drops the driver's reference before the end of the test. */
  put(fence: DmaFence): void {
    this.#held.delete(fence);
    fence.put();
  }

  /** The hardware is done with everything. */
  finish(): void {
    for (const fence of this.#held) {
      if (fence.status === 0) fence.signal();
      fence.put();
    }
    this.#held.clear();
  }
}

/** The task of the outermost code. */
export const mainTask = (machine: BootedMachine): Task => machine.system.tasks.get(1) as Task;

/**
 * Tests on a machine of their own that must leave nothing behind. `sys` makes the calls of a program, which ends with the test;
 * `driver` makes fences, and signals them at the end; `resv` is a list of fences without a buffer.
 */
export const test = machineTest().extend<{ sys: Sys<'sync'>; driver: TestDriver; resv: DmaResv }>({
  sys: async ({ machine }, use) => {
    await use(machine.sys);
    const { files, space } = mainTask(machine);
    for (const [fd] of [...(files as FdTable).entries()]) machine.sys.close(fd);
    space?.clear();
  },
  driver: async ({ machine }, use) => {
    const driver = new TestDriver(machine.system);
    await use(driver);
    driver.finish();
  },
  resv: async ({ machine }, use) => {
    const resv = new DmaResv(machine.system, 'a test');
    await use(resv);
    resv.finish();
  },
});

/** A buffer of the system heap. @returns its descriptor */
export function allocate(sys: Sys<'sync'>, pages = 1, fd_flags = O_RDWR): number {
  const heap = sys.open('/dev/dma_heap/system', O_RDWR);
  try {
    return sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: pages * PAGE_SIZE, fd_flags }).fd;
  } finally {
    sys.close(heap);
  }
}

/** Runs kernel code that may wait, on nobody's behalf. */
export function run<T>(machine: BootedMachine, work: Kernel<T>): T {
  const { scheduler } = machine.system;
  const coroutine = scheduler.start('the test', undefined, work);
  scheduler.runUntil(() => coroutine.outcome !== undefined, 'the test');
  if (coroutine.outcome?.ok !== true) throw coroutine.outcome?.error;
  return coroutine.outcome.value;
}

/** The buffer behind a descriptor of the outermost code. It has no reference of its own. */
export function bufferAt(machine: BootedMachine, fd: number): DmaBuf<any> {
  return mainTask(machine).files.at(fd)?.private as DmaBuf<any>;
}

/** What every exporter must have, without memory behind it. */
export const leastOperations: DmaBufOps = { release: () => {}, mapDmaBuf: () => undefined, unmapDmaBuf: () => {} };

/** Exports a buffer. @returns it, and its descriptor */
export function exportBuffer(machine: BootedMachine, ops: Partial<DmaBufOps> = {}, resv?: DmaResv): { dmabuf: DmaBuf; fd: number } {
  const dmabuf = new DmaBuf<unknown>(machine.system, {
    exporterName: 'test',
    ops: { ...leastOperations, ...ops },
    size: 2 * PAGE_SIZE,
    flags: O_RDWR,
    private: undefined,
    ...(resv === undefined ? {} : { resv }),
  });
  return { dmabuf, fd: run(machine, dmaBufFd(dmabuf, false, mainTask(machine))) };
}

export const BOTH = POLLIN | POLLOUT;

/** What poll(2) of one descriptor says now. */
export const ask = (sys: Sys<'sync'>, fd: number, events = BOTH) => sys.poll([{ fd, events }], 0)[0];

/** The same for people. */
export const shown = (events = 0) =>
  ({ 0: 'nothing', [POLLIN]: 'IN', [POLLOUT]: 'OUT', [BOTH]: 'IN, OUT' })[events] ?? `0x${events.toString(16)}`;

/** Adds a fence under the lock, as a driver does when it takes work. */
export function add(resv: DmaResv, fence: DmaFence, usage: DmaResvUsage): void {
  if (!resv.lock.tryLock()) throw new Error('the lock is taken');
  resv.reserveFences(1);
  resv.addFence(fence, usage);
  resv.unlock();
}

/** Which rules were broken so far, in order; they are expected from now on. */
export function brokenRules(machine: BootedMachine): string[] {
  const { findings } = machine.system;
  const rules = findings.all.map(({ rule }) => rule);
  for (const rule of rules) findings.expect(rule);
  return rules;
}

/** Memory of which there is none while the host is full. */
export const limitedBy =
  (isFull: () => boolean): NonNullable<MachineOptions['memory']> =>
  (ledger) => {
    const provider = new ArrayMemoryProvider(ledger);
    return {
      allocate(size, name) {
        if (isFull()) throw new Errno('ENOMEM', 'the host is full');
        return provider.allocate(size, name);
      },
    };
  };
