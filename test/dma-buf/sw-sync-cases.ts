/** What the kernel's own sync selftest and the graphics test suite check with sw_sync, as programs in process. */
import { errno, isErrno } from '../../src/abi/index.ts';
import { O_CREAT, O_RDONLY, O_RDWR } from '../../src/abi/uapi/index.ts';
import { type Kernel, Random } from '../../src/kernel/index.ts';
import type { SwSync } from './sw-sync.ts';

/** A promise of the kernel that did not hold: the message says which. */
function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`this does not hold: ${promise}`);
}

const countOf = (statuses: readonly number[], status: number) => statuses.filter((one) => one === status).length;

function* fails(call: Kernel<unknown>, ...codes: string[]): Kernel<void> {
  try {
    yield* call;
  } catch (error) {
    check(isErrno(error) && codes.includes(error.code), `the call fails with ${codes.join(' or ')}, not ${error}`);
    return;
  }
  check(false, 'the call fails');
}

/** Starts threads and waits until all have ended. @throws what the first that failed threw */
function* inThreads(sync: SwSync, count: number, body: (sync: SwSync, id: number) => Kernel<void>): Kernel<void> {
  const { sys } = sync;
  const errors: unknown[] = [];
  const pids: number[] = [];
  for (let id = 0; id < count; id++) {
    const pid = yield* sys.fork(function* (child) {
      try {
        yield* body(sync.with(child), id);
      } catch (error) {
        errors.push(error);
      }
    });
    pids.push(pid);
  }
  for (const pid of pids) yield* sys.waitpid(pid);
  if (errors.length > 0) throw errors[0];
}

type Case = (sync: SwSync) => Kernel<void>;

/** tools/testing/selftests/sync, without the three that go on for long. */
export const selftests: Readonly<Record<string, Case>> = {
  *alloc_timeline(sync) {
    yield* sync.close(yield* sync.timeline());
  },

  *alloc_fence(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 1);
    check(fence >= 0, 'a fence is a descriptor');
    yield* sync.close(fence, timeline);
  },

  *alloc_fence_negative(sync) {
    yield* fails(sync.fence(-1, 1), 'EBADF');
  },

  *fence_one_timeline_wait(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 5);
    check(!(yield* sync.wait(fence, 0)), 'the fence is pending at 0');
    yield* sync.increment(timeline, 1);
    check(!(yield* sync.wait(fence, 0)), 'the fence is pending at 1');
    yield* sync.increment(timeline, 4);
    check(yield* sync.wait(fence, 0), 'the fence is ready at 5');
    yield* sync.increment(timeline, 10);
    check(yield* sync.wait(fence, 0), 'the fence is ready behind it');
    yield* sync.close(fence, timeline);
  },

  *fence_one_timeline_merge(sync) {
    const timeline = yield* sync.timeline();
    const fences: number[] = [];
    for (const value of [1, 2, 3]) fences.push(yield* sync.fence(timeline, value));
    const [a, b, c] = fences as [number, number, number];
    const d = yield* sync.merge(b, a);
    const e = yield* sync.merge(c, d);
    for (const fence of [d, e]) check(countOf(yield* sync.statuses(fence), 0) === 1, 'a merge within a timeline is one fence');
    for (const value of [1, 2]) {
      yield* sync.increment(timeline, 1);
      check(countOf(yield* sync.statuses(e), 0) === 1, `the merge is pending at ${value}`);
    }
    yield* sync.increment(timeline, 1);
    const statuses = yield* sync.statuses(e);
    check(countOf(statuses, 0) === 0 && countOf(statuses, 1) === 1, 'it has signalled at 3');
    yield* sync.close(a, b, c, d, e, timeline);
  },

  *fence_merge_same_fence(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 5);
    const merged = yield* sync.merge(fence, fence);
    check(countOf(yield* sync.statuses(merged), 1) === 0, 'the merge is pending');
    yield* sync.increment(timeline, 5);
    check(countOf(yield* sync.statuses(merged), 1) === 1, 'exactly one fence has signalled');
    yield* sync.close(merged, fence, timeline);
  },

  *fence_multi_timeline_wait(sync) {
    const timelines: number[] = [];
    const fences: number[] = [];
    for (let i = 0; i < 3; i++) timelines.push(yield* sync.timeline());
    for (const timeline of timelines) fences.push(yield* sync.fence(timeline, 5));
    const two = yield* sync.merge(fences[1] as number, fences[0] as number);
    const merged = yield* sync.merge(fences[2] as number, two);
    for (let done = 0; ; done++) {
      const statuses = yield* sync.statuses(merged);
      check(countOf(statuses, 0) === 3 - done && countOf(statuses, 1) === done, `${done} of three have signalled`);
      check((yield* sync.wait(merged, done < 3 ? 0 : 100)) === (done === 3), `after ${done} the merge is ready, or not`);
      const timeline = timelines[done];
      if (timeline === undefined) break;
      yield* sync.increment(timeline, 5);
    }
    yield* sync.close(merged, two, ...fences, ...timelines);
  },
};

/** The three of them that go on for long, with how often the kernel's test does it. */
export const stress: Readonly<Record<string, readonly [iterations: number, body: (sync: SwSync, iterations: number) => Kernel<void>]>> = {
  stress_two_threads_shared_timeline: [
    1 << 16,
    function* (sync, iterations) {
      const timeline = yield* sync.timeline();
      let counter = 0;
      yield* inThreads(sync, 2, function* (mine, id) {
        for (let i = 0; i < iterations; i++) {
          const fence = yield* mine.fence(timeline, i * 2 + id);
          check(yield* mine.wait(fence, -1), 'a wait without end has an end');
          check(counter === i * 2 + id, `it is the turn of point ${i * 2 + id}, not of ${counter}`);
          counter++;
          yield* mine.increment(timeline, 1);
          yield* mine.close(fence);
        }
      });
      yield* sync.close(timeline);
    },
  ],

  consumer_stress_multi_producer_single_consumer: [
    1 << 12,
    function* (sync, iterations) {
      const PRODUCERS = 5;
      const consumer = yield* sync.timeline();
      const producers: number[] = [];
      for (let i = 0; i < PRODUCERS; i++) producers.push(yield* sync.timeline());
      let produced = 0;
      let consumed = 0;
      const consume = function* (mine: SwSync): Kernel<void> {
        for (let step = 1; step <= iterations; step++) {
          let all = yield* mine.fence(producers[0] as number, step);
          for (const timeline of producers.slice(1)) {
            const next = yield* mine.fence(timeline, step);
            const merged = yield* mine.merge(all, next);
            yield* mine.close(all, next);
            all = merged;
          }
          check(yield* mine.wait(all, -1), 'a wait without end has an end');
          check(produced === PRODUCERS * step, `all have produced in step ${step}`);
          consumed++;
          yield* mine.increment(consumer, 1);
          yield* mine.close(all);
        }
      };
      const produce = function* (mine: SwSync, id: number): Kernel<void> {
        for (let step = 0; step < iterations; step++) {
          const fence = yield* mine.fence(consumer, step);
          if (id % 2 === 0) check(yield* mine.wait(fence, -1), 'a wait without end has an end');
          else {
            for (let statuses = yield* mine.statuses(fence); countOf(statuses, 1) === 0; statuses = yield* mine.statuses(fence)) {
              check(
                statuses.every((status) => status >= 0),
                'no fence fails',
              );
              yield* mine.sys.sched_yield();
            }
          }
          check(consumed >= step, `step ${step} begins when the one before is consumed`);
          produced++;
          yield* mine.increment(producers[id] as number, 1);
          yield* mine.close(fence);
        }
      };
      yield* inThreads(sync, PRODUCERS + 1, (mine, id) => (id === PRODUCERS ? consume(mine) : produce(mine, id)));
      yield* sync.close(consumer, ...producers);
    },
  ],

  merge_stress_random_merge: [
    1 << 15,
    function* (sync, iterations) {
      const TIMELINES = 32;
      const random = new Random(12345);
      const timelines: number[] = [];
      for (let i = 0; i < TIMELINES; i++) timelines.push(yield* sync.timeline());
      const latest = new Map<number, number>();
      let merged = yield* sync.fence(timelines[0] as number, 0);
      for (let i = 0; i < iterations; i++) {
        const at = random.below(TIMELINES);
        // Ahead of the counter by less than half the range, and never the counter itself.
        const value = 1 + random.below(0x7fff_fffe);
        const fence = yield* sync.fence(timelines[at] as number, value);
        latest.set(at, Math.max(value, latest.get(at) ?? 0));
        const next = yield* sync.merge(merged, fence);
        yield* sync.close(merged, fence);
        merged = next;
      }
      check((yield* sync.statuses(merged)).length === latest.size, 'a merge has one fence of each timeline that was used');
      for (const [at, value] of latest) {
        check(!(yield* sync.wait(merged, 0)), 'the merge is pending until the last timeline');
        yield* sync.increment(timelines[at] as number, value);
      }
      check(yield* sync.wait(merged, 0), 'the merge is ready when all timelines are');
      yield* sync.close(merged, ...timelines);
    },
  ],
};

/** What the graphics test suite adds. */
export const graphicsTests: Readonly<Record<string, Case>> = {
  *'a fence of a closed timeline is ready, and failed'(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 1);
    yield* sync.close(timeline);
    check(yield* sync.wait(fence, 0), 'it is ready');
    check((yield* sync.statuses(fence)).join() === `${-errno.ENOENT}`, 'it has failed with ENOENT');
    yield* sync.close(fence);
  },

  *'a fence that signalled before its timeline is closed has not failed'(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 1);
    yield* sync.increment(timeline, 1);
    yield* sync.close(timeline);
    check((yield* sync.wait(fence, 0)) && (yield* sync.statuses(fence)).join() === '1', 'it is ready without an error');
    yield* sync.close(fence);
  },

  *'a merge with something else fails'(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 1);
    const device = yield* sync.sys.open('/dev/dma_heap/system', O_RDONLY);
    const file = yield* sync.sys.open('/a-file', O_RDWR | O_CREAT, 0o600);
    for (const other of [-1, device, file, timeline]) {
      yield* fails(sync.merge(fence, other), 'ENOENT');
      yield* fails(sync.merge(other, fence), 'EBADF', 'ENOTTY', 'EINVAL');
    }
    yield* sync.close(fence, device, file, timeline);
  },

  *'steps of prime numbers reach a point exactly'(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 3 * 7 * 11 * 13);
    for (const [prime, times] of [
      [3, 7],
      [7, 7 * 3],
      [11, 7 * 3 * 3],
      [13, 1],
    ] as const) {
      for (let i = 0; i < times; i++) {
        check(!(yield* sync.wait(fence, 0)), 'it is pending before');
        yield* sync.increment(timeline, prime);
      }
    }
    const at = 3 * 7 + 7 * 7 * 3 + 11 * 7 * 3 * 3 + 13;
    yield* sync.increment(timeline, 3 * 7 * 11 * 13 - at - 1);
    check(!(yield* sync.wait(fence, 0)), 'it is pending one step before');
    yield* sync.increment(timeline, 1);
    check(yield* sync.wait(fence, 0), 'it is ready');
    yield* sync.close(fence, timeline);
  },

  *'a forked child moves on the timeline of its parent'(sync) {
    const timeline = yield* sync.timeline();
    const fence = yield* sync.fence(timeline, 1);
    yield* inThreads(sync, 1, function* (child) {
      yield* child.increment(timeline, 1);
    });
    check(yield* sync.wait(fence, 0), 'the fence of the parent is ready');
    yield* sync.close(fence, timeline);
  },

  *'a merge of an expired fence with itself is ready at once'(sync) {
    const timeline = yield* sync.timeline();
    yield* sync.increment(timeline, 3);
    const fence = yield* sync.fence(timeline, 2);
    const merged = yield* sync.merge(fence, fence);
    check((yield* sync.wait(fence, 0)) && (yield* sync.wait(merged, 0)), 'both are ready');
    yield* sync.close(merged, fence, timeline);
  },

  *'eight consumers wait for each point'(sync) {
    const POINTS = 200;
    const timeline = yield* sync.timeline();
    let reached = 0;
    yield* inThreads(sync, 9, function* (mine, id) {
      if (id === 8) {
        for (; reached < POINTS; ) {
          reached++;
          yield* mine.increment(timeline, 1);
          yield* mine.sys.sched_yield();
        }
        return;
      }
      for (let point = 1; point <= POINTS; point++) {
        const fence = yield* mine.fence(timeline, point);
        check(yield* mine.wait(fence, -1), 'a wait without end has an end');
        check(reached >= point, `point ${point} is ready when it is reached`);
        yield* mine.close(fence);
      }
    });
    yield* sync.close(timeline);
  },

  *'eight threads pass a token by increments'(sync) {
    const ROUNDS = 50;
    const timeline = yield* sync.timeline();
    let holder = 0;
    yield* inThreads(sync, 8, function* (mine, id) {
      for (let round = 0; round < ROUNDS; round++) {
        const fence = yield* mine.fence(timeline, round * 8 + id);
        check(yield* mine.wait(fence, -1), 'a wait without end has an end');
        check(holder === round * 8 + id, 'the token is with this thread');
        holder++;
        yield* mine.increment(timeline, 1);
        yield* mine.close(fence);
      }
    });
    yield* sync.close(timeline);
  },
};
