/** Programs that share memory with the VideoCore in any order, are interrupted and killed, and firmware that dawdles, crashes and ends. */
import { strict as assert } from 'node:assert';
import { Errno } from '../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_WRITE,
  DMA_HEAP_IOCTL_ALLOC,
  O_CLOEXEC,
  O_RDWR,
  PAGE_SIZE,
  SA_RESTART,
  SIGKILL,
  SIGUSR1,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from '../../src/abi/uapi/index.ts';
import { type VideoCoreParties, videoCoreOf } from '../../src/boards/index.ts';
import { liveDmaBufs } from '../../src/dma-buf/index.ts';
import { boot, Killed, raspberrypi4, type Sys } from '../../src/index.ts';
import { type Kernel, Random } from '../../src/kernel/index.ts';

const PROGRAMS = 4;
const SHARES_PER_PROGRAM = 6;
const TICKS_PER_ROUND = 60;
const TICK_MAX_ns = 60_000;
/** Where the VPU writes: not in the line that programs write to, and not where it writes by another handle of the same memory. */
const markAt = (handle: number) => 1024 + 64 * (handle % 32);

/** What is counted over the rounds of one machine. */
export interface Rounds {
  /** Imports and allocations that went well. */
  shared: number;
  /** Calls that a signal ended, or that failed because the firmware did. */
  failed: number;
  killed: number;
}

/** Waits a little, or not at all. */
const pause = (sys: Sys<'task'>, random: Random) => sys.nanosleep(random.below(2) * random.below(50_000));

/** Shares one buffer, uses it, and lets go of all that it has of it, in some order. */
function* shareOne(sys: Sys<'task'>, random: Random, node: number, heap: number): Kernel<void> {
  const open: number[] = [];
  try {
    const size = PAGE_SIZE * (1 + random.below(3));
    let handle: number;
    if (random.below(4) === 0) ({ handle } = yield* sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size, num: 1 }));
    else {
      const { fd } = yield* sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: size, fd_flags: O_RDWR | O_CLOEXEC });
      open.push(fd);
      ({ handle } = yield* sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd: fd }));
    }
    open.push(handle);
    if (random.below(3) === 0) {
      const mapping = yield* sys.mmap(handle, { length: PAGE_SIZE });
      yield* sys.ioctl(handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_WRITE });
      mapping.bytes[0] = 1;
      yield* sys.ioctl(handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_END });
      if (random.below(2) === 0) for (const fd of open.splice(open.indexOf(handle), 1)) yield* sys.close(fd);
      yield* pause(sys, random);
      yield* sys.munmap(mapping);
    }
    if (random.below(6) === 0 && open.length > 0) open.push(yield* sys.dup(open[0] as number));
    if (random.below(6) === 0)
      yield* sys.fork(function* (child) {
        yield* pause(child, random);
      });
    yield* pause(sys, random);
  } finally {
    while (open.length > 0) yield* sys.close(open.splice(random.below(open.length), 1)[0] as number);
  }
}

function* program(sys: Sys<'task'>, random: Random, counts: Rounds, wrong: unknown[]): Kernel<void> {
  yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags: random.below(2) === 0 ? SA_RESTART : 0 });
  try {
    const node = yield* sys.open('/dev/vcsm-cma', O_RDWR);
    const heap = yield* sys.open('/dev/dma_heap/linux,cma', O_RDWR);
    for (let i = 0; i < SHARES_PER_PROGRAM; i++) {
      try {
        yield* shareOne(sys, random, node, heap);
        counts.shared++;
      } catch (error) {
        if (!(error instanceof Errno) || !['EINTR', 'ENOMEM'].includes(error.code)) throw error;
        counts.failed++;
      }
    }
  } catch (error) {
    if (error instanceof Killed) counts.killed++;
    else wrong.push(error);
    throw error;
  }
}

/** The firmware's components, and what befalls them. */
class Firmware {
  readonly #parties: VideoCoreParties;
  readonly #random: Random;
  /** Handles that a component holds, and what it has written there. */
  readonly #held = new Map<number, number>();

  constructor(parties: VideoCoreParties, random: Random) {
    this.#parties = parties;
    this.#random = random;
    parties.videocore.script.onImport = (handle) => {
      if (random.below(4) === 0) this.#hold(handle);
    };
  }

  /** One thing that it does, or that happens to it. */
  tick(): void {
    const { videocore } = this.#parties;
    const { script, heldReplies } = videocore;
    const below = (limit: number) => this.#random.below(limit);
    const what = below(8);
    if (what < 2) this.#letGo([...this.#held.keys()][below(Math.max(1, this.#held.size))]);
    else if (what === 2) script.holdsReplies = !script.holdsReplies;
    else if (what === 3 && heldReplies.length > 0) videocore.sendHeldReply(below(heldReplies.length));
    else if (what === 4) script.latency_ns = below(40_000);
    else if (what === 5) script.isCrashed = !script.isCrashed;
    else if (what === 6) script.stallsReleased = true;
    else this.recover();
    if (!script.isCrashed && !script.stallsReleased) videocore.resumeReleased();
  }

  /** It works on as if nothing had been. */
  recover(): void {
    const { videocore } = this.#parties;
    videocore.script.isCrashed = false;
    videocore.script.holdsReplies = false;
    while (videocore.heldReplies.length > 0) videocore.sendHeldReply();
    videocore.resumeReleased();
  }

  letAllGo(): void {
    for (const handle of [...this.#held.keys()]) this.#letGo(handle);
  }

  #hold(handle: number): void {
    const { videocore } = this.#parties;
    if (this.#held.has(handle)) return;
    videocore.hold(handle);
    const mark = this.#random.below(256);
    videocore.write(handle, markAt(handle), Uint8Array.of(mark));
    this.#held.set(handle, mark);
  }

  #letGo(handle: number | undefined): void {
    const { videocore } = this.#parties;
    const mark = handle === undefined ? undefined : this.#held.get(handle);
    if (handle === undefined || mark === undefined) return;
    this.#held.delete(handle);
    // The service may have ended, and its handles with it.
    if (videocore.heap.find(handle) === undefined) return;
    assert.deepEqual([...videocore.read(handle, markAt(handle), 1)], [mark], 'what the VPU wrote is still there');
    videocore.unhold(handle);
  }
}

/**
 * Boots a board and lets programs import, allocate and release until so many went well; at the end of each round both sides must agree,
 * and at the end nothing may be left. In the last round of every third seed the firmware closes the service.
 *
 * @throws AssertionError, or what the machine says at shutdown
 */
export function runVideoCoreRounds(seed: number, sharesWanted: number): Rounds {
  const random = new Random(seed, 11);
  const design = {
    handle: 'second-dma-buf',
    detaches: random.below(2) === 0 ? 'at-local-end' : 'at-released',
  } as const;
  const machine = boot(raspberrypi4({ design }), { seed });
  const parties = videoCoreOf(machine);
  const { videocore, driver } = parties;
  const { scheduler, clock, tasks, findings } = machine.system;
  const firmware = new Firmware(parties, random);
  const counts: Rounds = { shared: 0, failed: 0, killed: 0 };
  const wrong: unknown[] = [];

  const round = (event: () => void) => {
    for (let i = 0; i < PROGRAMS; i++) machine.spawn((sys) => program(sys, random, counts, wrong));
    let ticks = TICKS_PER_ROUND;
    const tick = () => {
      event();
      for (const task of tasks.all()) {
        if (task.comm === 'main' || random.below(12) > 0) continue;
        task.signals.send(random.below(8) === 0 ? SIGKILL : SIGUSR1);
      }
      if (--ticks > 0) clock.schedule(random.below(TICK_MAX_ns), 'something happens', tick);
      else firmware.recover();
    };
    clock.schedule(random.below(TICK_MAX_ns), 'something happens', tick);
    scheduler.settle();
    if (wrong.length > 0) throw wrong[0];
    assert.equal(driver?.resources, videocore.handles.length, 'both sides agree');
  };

  while (counts.shared < sharesWanted) round(() => firmware.tick());
  if (seed % 3 === 0) {
    round(() => (random.below(TICKS_PER_ROUND / 2) === 0 ? videocore.closeService() : firmware.tick()));
    videocore.closeService();
  }
  firmware.letAllGo();
  scheduler.settle();
  assert.deepEqual([driver?.resources, videocore.handles, liveDmaBufs(machine.system)], [0, [], []], 'nothing is left');
  assert.deepEqual(findings.all, []);
  machine.shutdown();
  return counts;
}
