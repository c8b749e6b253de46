import {
  addSystemHeap,
  allocateFenceContexts,
  type Board,
  type DmaBuf,
  DmaFence,
  type DmaFenceOps,
  type DmaResvUsage,
  dmaBufGet,
  IOW,
  i32,
  ioctls,
  on,
  type System,
  struct,
  u32,
  u64,
} from '../../src/driver.ts';

/** Work on a buffer that takes so long, with a fence of that usage; work of one line is done in its order. */
export const SUBMIT = IOW('F', 1, struct({ fd: i32, usage: u32, line: u32, error: i32, duration_ns: u64 }), 'SUBMIT');

/** The work of a device that is never done. */
export const NEVER = 2 ** 40;

const LINES = 4;

const ops: DmaFenceOps = { driverName: () => 'device', timelineName: () => 'line' };

/** What a program has submitted. */
export interface Work {
  readonly buffer: DmaBuf<any>;
  readonly usage: DmaResvUsage;
  /** Without a reference. */
  readonly fence: DmaFence;
}

/** A device that does one thing after the other on each of its lines. */
class Lines {
  readonly #system: System;
  readonly #context: number;
  readonly #submitted = new Array<number>(LINES).fill(0);
  readonly #doneAt_ns = new Array<number>(LINES).fill(0);

  constructor(system: System) {
    this.#system = system;
    this.#context = allocateFenceContexts(system, LINES);
  }

  /** The caller gets a reference of its own. */
  submit(line: number, error: number, duration_ns: number): DmaFence {
    const { clock } = this.#system;
    const seqno = (this.#submitted[line] ?? 0) + 1;
    const doneAt_ns = Math.max(this.#doneAt_ns[line] ?? 0, clock.now() + duration_ns);
    this.#submitted[line] = seqno;
    this.#doneAt_ns[line] = doneAt_ns;
    const fence = new DmaFence(this.#system, { ops, context: this.#context + line, seqno });
    if (duration_ns === NEVER) return fence.get();
    clock.schedule(doneAt_ns - clock.now(), `work ${seqno} of line ${line}`, () => {
      if (error !== 0) fence.setError(error);
      fence.signal();
      fence.put();
    });
    return fence.get();
  }
}

/** A machine with a heap and /dev/lines, which takes work for buffers. @param submitted is told of all of it */
export function boardWithLines(submitted: (work: Work) => void = () => {}): Board {
  return {
    name: 'lines',
    description: 'a heap, and a device that works on buffers',
    setUp({ system, ram }) {
      addSystemHeap(system, ram);
      const lines = new Lines(system);
      system.devices.addMisc({
        name: 'lines',
        ops: ioctls(
          on(SUBMIT, function* (_file, { fd, usage, line, error, duration_ns }, task) {
            const dmabuf = yield* dmaBufGet(fd, task);
            const { resv } = dmabuf;
            try {
              yield* resv.lock.lock();
              try {
                resv.reserveFences(1);
                const fence = lines.submit(line % LINES, error, duration_ns);
                resv.addFence(fence, usage as DmaResvUsage);
                submitted({ buffer: dmabuf, usage: usage as DmaResvUsage, fence });
                fence.put();
              } finally {
                resv.unlock();
              }
            } finally {
              dmabuf.put();
            }
          }),
        ),
      });
    },
  };
}
