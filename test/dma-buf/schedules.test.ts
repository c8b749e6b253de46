import { describe, expect, test } from 'vitest';
import { errno, isErrno } from '../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_WRITE,
  O_RDWR,
  PAGE_SIZE,
  POLLIN,
  POLLOUT,
  SA_RESTART,
  SIGUSR1,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
} from '../../src/abi/uapi/index.ts';
import { usageToWaitFor } from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import type { Kernel, Random } from '../../src/kernel/index.ts';
import { boardWithLines, SUBMIT, type Work } from './fence-device.ts';
import { allocate, bufferAt } from './fixture.ts';

const SEEDS = 200;
const PROGRAMS = 5;
const STEPS = 12;
const BUFFERS = 3;
const DURATION_MAX_NS = 40;

/** A promise of the kernel that did not hold: the message says which. */
function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`this does not hold: ${promise}`);
}

/** A program that works on buffers that others work on too, and checks what each call promises. */
class Worker {
  readonly #machine: BootedMachine;
  readonly #random: Random;
  readonly #buffers: readonly number[];
  readonly #device: number;
  /** Everything that was ever submitted, by whomever. */
  readonly #works: readonly Work[];
  readonly #files: number[] = [];

  constructor(machine: BootedMachine, name: string, buffers: readonly number[], device: number, works: readonly Work[]) {
    this.#machine = machine;
    this.#random = machine.system.random(name);
    this.#buffers = buffers;
    this.#device = device;
    this.#works = works;
  }

  *run(sys: Sys<'task'>): Kernel<void> {
    yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags: this.#pick([0, SA_RESTART]) });
    const steps = [
      this.#submit,
      this.#submit,
      this.#access,
      this.#poll,
      this.#export,
      this.#import,
      this.#merge,
      this.#waitForFile,
      this.#map,
      this.#signal,
    ];
    for (let step = 0; step < STEPS; step++) {
      yield* this.#pick(steps).call(this, sys);
      if (this.#random.below(3) === 0) yield* sys.nanosleep(this.#random.below(DURATION_MAX_NS));
    }
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)] as T;
  }

  /** As programs do, which must expect EINTR. */
  *#retried<T>(call: () => Kernel<T>): Kernel<T> {
    for (;;) {
      try {
        return yield* call();
      } catch (error) {
        if (!isErrno(error, 'EINTR')) throw error;
      }
    }
  }

  /** Work on a buffer that somebody about to do this must wait for. */
  #pending(fd: number, isWrite: boolean): readonly Work[] {
    const buffer = bufferAt(this.#machine, fd);
    return this.#works.filter((work) => work.buffer === buffer && work.usage <= usageToWaitFor(isWrite) && work.fence.status === 0);
  }

  *#submit(sys: Sys<'task'>): Kernel<void> {
    const random = this.#random;
    const error = random.below(5) === 0 ? -errno.EIO : 0;
    const work = {
      fd: this.#pick(this.#buffers),
      usage: random.below(4),
      line: random.below(4),
      error,
      duration_ns: random.below(DURATION_MAX_NS),
    };
    yield* sys.ioctl(this.#device, SUBMIT, work);
  }

  *#access(sys: Sys<'task'>): Kernel<void> {
    const fd = this.#pick(this.#buffers);
    const flags = this.#pick([DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW]);
    const pending = this.#pending(fd, flags !== DMA_BUF_SYNC_READ);
    yield* this.#retried(() => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags }));
    check(
      pending.every(({ fence }) => fence.status !== 0),
      'START has waited for what was pending',
    );
    yield* sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: flags | DMA_BUF_SYNC_END });
  }

  *#poll(sys: Sys<'task'>): Kernel<void> {
    const questions = this.#buffers
      .slice(this.#random.below(BUFFERS))
      .map((fd) => ({ fd, events: this.#pick([POLLIN, POLLOUT, POLLIN | POLLOUT]) }));
    const timeout = this.#pick([-1, -1, 0, 1]);
    const answers = yield* this.#retried(() => sys.poll(questions, timeout));
    for (const [index, { fd, events }] of questions.entries()) {
      const answer = answers[index] ?? 0;
      check((answer & ~events) === 0, 'poll answers what was asked');
      if ((answer & POLLIN) !== 0) check(this.#pending(fd, false).length === 0, 'no writer is pending when poll says IN');
      if ((answer & POLLOUT) !== 0) check(this.#pending(fd, true).length === 0, 'nobody is pending when poll says OUT');
    }
    check(timeout >= 0 || answers.some((answer) => answer !== 0), 'a poll without end has an answer');
  }

  *#export(sys: Sys<'task'>): Kernel<void> {
    const { fd } = yield* sys.ioctl(this.#pick(this.#buffers), DMA_BUF_IOCTL_EXPORT_SYNC_FILE, {
      flags: this.#pick([DMA_BUF_SYNC_READ, DMA_BUF_SYNC_RW]),
    });
    yield* this.#keep(sys, fd);
  }

  /** Holds some sync files, for the next steps. */
  *#keep(sys: Sys<'task'>, file: number): Kernel<void> {
    this.#files.push(file);
    if (this.#files.length > 4) yield* sys.close(this.#files.shift() as number);
  }

  *#import(sys: Sys<'task'>): Kernel<void> {
    if (this.#files.length === 0) return;
    const flags = this.#pick([DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE]);
    yield* sys.ioctl(this.#pick(this.#buffers), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, { flags, fd: this.#pick(this.#files) });
  }

  *#merge(sys: Sys<'task'>): Kernel<void> {
    if (this.#files.length === 0) return;
    const [one, other] = [this.#pick(this.#files), this.#pick(this.#files)];
    const { fence: merged } = yield* sys.ioctl(one, SYNC_IOC_MERGE, { name: 'both', fd2: other });
    const [whole, ...parts] = yield* sys.poll(
      [merged, one, other].map((fd) => ({ fd, events: POLLIN })),
      0,
    );
    check((whole === POLLIN) === parts.every((part) => part === POLLIN), 'a merge is done when its parts are');
    yield* this.#keep(sys, merged);
  }

  *#waitForFile(sys: Sys<'task'>): Kernel<void> {
    if (this.#files.length === 0) return;
    const fd = this.#pick(this.#files);
    yield* this.#retried(() => sys.poll([{ fd, events: POLLIN }]));
    const { status } = yield* sys.ioctl(fd, SYNC_IOC_FILE_INFO, {});
    check([1, -errno.EIO].includes(status), `a sync file that poll found ready has a status: ${status}`);
  }

  *#map(sys: Sys<'task'>): Kernel<void> {
    const mapping = yield* sys.mmap(this.#pick(this.#buffers), { length: PAGE_SIZE });
    yield* sys.sched_yield();
    yield* sys.munmap(mapping);
  }

  *#signal(sys: Sys<'task'>): Kernel<void> {
    try {
      yield* sys.kill(sys.pid === 2 ? 3 : 2, SIGUSR1);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}

/** Runs the programs of a seed. @returns the trace @throws what went wrong, with the seed */
async function runSeed(seed: number): Promise<string> {
  const lines: string[] = [];
  const works: Work[] = [];
  const board = boardWithLines((work) => works.push(work));
  const machine = boot(board, { seed, trace: ({ at_ns, pid, text }) => lines.push(`${at_ns} [${pid}] ${text}`) });
  try {
    const { sys } = machine;
    const buffers = Array.from({ length: BUFFERS }, () => allocate(sys));
    const device = sys.open('/dev/lines', O_RDWR);
    for (let i = 0; i < PROGRAMS; i++) sys.fork((child) => new Worker(machine, `program ${i}`, buffers, device, works).run(child));
    await machine.run();
    for (const fd of [...buffers, device]) sys.close(fd);
    // The device finishes what nobody waits for any more.
    sys.nanosleep(PROGRAMS * STEPS * DURATION_MAX_NS);
    machine.shutdown();
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${lines.slice(-20).join('\n')}`, { cause: error });
  }
  return lines.join('\n');
}

describe('programs that share buffers', () => {
  test('all end, leave nothing, and do the same for the same seed', async () => {
    const traces = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const trace = await runSeed(seed);
      if ((await runSeed(seed)) !== trace) throw new Error(`seed ${seed} did not give the same trace twice`);
      traces.add(trace);
    }
    expect(traces.size).toBe(SEEDS);
  });
});
