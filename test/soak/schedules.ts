/** Programs that do random things to shared buffers, fences and sockets, wait for each other, and may be killed at any time. */
import { Errno } from '../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_WRITE,
  DMA_HEAP_IOCTL_ALLOC,
  MAP_SHARED,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  POLLOUT,
  PROT_READ,
  PROT_WRITE,
  SIGKILL,
  SIGUSR1,
  SYNC_IOC_MERGE,
} from '../../src/abi/uapi/index.ts';
import { boot, Killed, type Sys } from '../../src/index.ts';
import { type Kernel, Random } from '../../src/kernel/index.ts';

const STEPS = 40;

/** One program's life. What a call answers does not matter here: that everything ends, that nothing is left, and that it repeats. */
function* life(sys: Sys<'task'>, random: Random, wrong: unknown[], depth = 0): Kernel<void> {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)] as T;
  const anyFd = () => random.below(12);
  const ways = pick([DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW]);
  const maps: { address: number; length: number }[] = [];
  const steps: (() => Kernel<unknown>)[] = [
    () => sys.open('/dev/dma_heap/system', O_RDWR | pick([0, O_CLOEXEC])),
    () => sys.ioctl(anyFd(), DMA_HEAP_IOCTL_ALLOC, { len: 4096 * (1 + random.below(40)), fd_flags: O_RDWR }),
    () => sys.ioctl(anyFd(), DMA_BUF_IOCTL_SYNC, { flags: ways | pick([0, DMA_BUF_SYNC_END]) }),
    () => sys.ioctl(anyFd(), DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: ways, fd: -1 }),
    () => sys.ioctl(anyFd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, { flags: ways, fd: anyFd() }),
    () => sys.ioctl(anyFd(), SYNC_IOC_MERGE, { name: 'both', fd2: anyFd() }),
    function* () {
      maps.push(yield* sys.mmap(anyFd(), { length: 4096 * (1 + random.below(4)), prot: PROT_READ | PROT_WRITE, flags: MAP_SHARED }));
    },
    function* () {
      const map = maps.splice(random.below(maps.length), 1)[0];
      if (map !== undefined) yield* sys.munmap(map);
    },
    () => sys.socketpair(pick([0, O_NONBLOCK])),
    () => sys.sendmsg(anyFd(), 'x'.repeat(1 + random.below(9)), pick([[], [anyFd()], [anyFd(), anyFd()]])),
    () => sys.recvmsg(anyFd()),
    () => sys.read(anyFd(), 1 + random.below(16)),
    () =>
      sys.poll(
        Array.from({ length: 1 + random.below(3) }, () => ({ fd: anyFd(), events: pick([POLLIN, POLLOUT, POLLIN | POLLOUT]) })),
        pick([0, 1, 5, -1]),
      ),
    () => sys.dup(anyFd()),
    () => sys.dup2(anyFd(), anyFd()),
    () => sys.close(anyFd()),
    () => sys.nanosleep(random.below(3000)),
    () => sys.sched_yield(),
    () => sys.kill(2 + random.below(6), pick([SIGUSR1, SIGUSR1, SIGUSR1, SIGKILL])),
    function* () {
      if (depth < 2) yield* pick([sys.fork, sys.thread]).call(sys, (child: Sys<'task'>) => life(child, random, wrong, depth + 1));
    },
  ];
  yield* sys.sigaction(SIGUSR1, { handler: () => {} });
  for (let i = 0; i < STEPS; i++) {
    try {
      yield* pick(steps)();
    } catch (error) {
      if (error instanceof Errno) continue;
      if (!(error instanceof Killed)) wrong.push(error);
      throw error;
    }
  }
}

/**
 * Runs the schedule of a seed, kills what waits for ever, and switches the machine off.
 *
 * @returns the trace
 * @throws Leak, BrokenRules, or whatever else is wrong with the kernel
 */
export function runSchedule(seed: number): string {
  const lines: string[] = [];
  const machine = boot(undefined, { seed, trace: (line) => lines.push(line.text) });
  const random = new Random(seed, 7);
  const { scheduler, tasks } = machine.system;
  const wrong: unknown[] = [];
  const programs = 2 + random.below(4);
  for (let i = 0; i < programs; i++) machine.spawn((sys) => life(sys, random, wrong));
  scheduler.settle();
  for (const task of tasks.all()) if (task.comm !== 'main') task.signals.send(SIGKILL);
  scheduler.runReady();
  if (wrong.length > 0) throw wrong[0];
  machine.shutdown();
  return lines.join('\n');
}
