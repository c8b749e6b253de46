import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isErrno } from '../../src/abi/index.ts';
import { SIGUSR1 } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { type Kernel, type System, sleep, WwAcquireContext, WwClass, WwMutex } from '../../src/kernel/index.ts';
import { machineTest } from '../../src/vitest.ts';

/** Locks a, b and c of one class, and a log of what happens to them. */
class Bench {
  readonly class: WwClass;
  readonly a: WwMutex;
  readonly b: WwMutex;
  readonly c: WwMutex;
  readonly log: string[] = [];
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
    this.class = new WwClass(system, 'bench');
    [this.a, this.b, this.c] = ['a', 'b', 'c'].map((name) => new WwMutex(this.class, name)) as [WwMutex, WwMutex, WwMutex];
  }

  context(): WwAcquireContext {
    return new WwAcquireContext(this.class);
  }

  /** Starts a thread of the kernel that runs at once until it first waits. */
  start(name: string, work: Kernel<void>): void {
    this.#system.scheduler.start(name, undefined, this.#logged(name, work));
  }

  *#logged(name: string, work: Kernel<void>): Kernel<void> {
    try {
      yield* work;
      this.log.push(`${name} ends`);
    } catch (error) {
      if (!isErrno(error)) throw error;
      this.log.push(`${name} ${error.code}`);
    }
  }

  settle(): string[] {
    this.#system.scheduler.runReady();
    return this.log;
  }
}

const test = machineTest().extend<{ bench: Bench }>({
  bench: async ({ machine }, use) => use(new Bench(machine.system)),
});

const rulesOf = (machine: BootedMachine) => {
  const { findings } = machine.system;
  const rules = findings.all.map(({ rule }) => rule);
  for (const rule of rules) findings.expect(rule);
  return rules;
};

/** Takes locks, and gives all back at the end of the test's step. */
function* take(bench: Bench, context: WwAcquireContext, ...locks: WwMutex[]): Kernel<void> {
  for (const lock of locks) {
    yield* lock.lock({ context });
    bench.log.push(`${context.stamp} has ${lock.name}`);
  }
}

describe('a lock without contexts', () => {
  test('goes to one at a time, in the order in which they came', ({ bench, machine }) => {
    bench.a.tryLock();
    for (const name of ['first', 'second', 'third']) {
      bench.start(
        name,
        (function* () {
          yield* bench.a.lock();
          bench.log.push(`${name} has it`);
          yield* sleep(10);
          bench.a.unlock();
        })(),
      );
    }
    expect(bench.a.tryLock()).toBe(false);
    bench.a.unlock();
    machine.sys.nanosleep(100);
    expect(bench.settle()).toEqual(['first has it', 'first ends', 'second has it', 'second ends', 'third has it', 'third ends']);
    expect(bench.a.isLocked).toBe(false);
  });

  test('is not taken for ever by somebody who asks again and again', ({ bench, machine }) => {
    let hasHad = false;
    bench.start(
      'greedy',
      (function* () {
        for (let round = 0; round < 10 && !hasHad; round++) {
          yield* bench.a.lock();
          yield* sleep(10);
          bench.a.unlock();
        }
      })(),
    );
    bench.start(
      'patient',
      (function* () {
        yield* bench.a.lock();
        hasHad = true;
        bench.log.push(`had at ${machine.system.now() - 1e9}`);
        bench.a.unlock();
      })(),
    );
    machine.sys.nanosleep(1000);
    // Woken in vain at 10, it is given the lock at 20.
    expect(bench.settle()).toEqual(['had at 20', 'patient ends', 'greedy ends']);
  });

  test('cannot be given back by nobody', ({ bench }) => {
    expect(() => bench.a.unlock()).toThrow('unlock of a, which nobody holds');
  });

  test('ends an interruptible wait with EINTR, and passes on what the one who left was to have', async ({ bench, machine }) => {
    bench.a.tryLock();
    const program = machine.spawn(function* () {
      try {
        yield* bench.a.lock({ mode: 'interruptible' });
      } catch (error) {
        return isErrno(error) ? error.code : 'no Errno';
      }
      return 'has it';
    });
    const signals = machine.system.tasks.get(program.pid)?.signals;
    signals?.setAction(SIGUSR1, { handler: () => {} });
    bench.start(
      'next',
      (function* () {
        yield* sleep(1);
        yield* bench.a.lock();
        bench.a.unlock();
      })(),
    );
    machine.system.clock.schedule(5, 'a signal', () => signals?.send(SIGUSR1));
    machine.system.clock.schedule(9, 'the holder', () => bench.a.unlock());
    await machine.run();
    expect(program.result()).toBe('EINTR');
    machine.sys.nanosleep(10);
    expect(bench.settle()).toEqual(['next ends']);
  });
});

describe('wait-die', () => {
  test('a context that has the lock is told EALREADY', ({ bench }) => {
    const context = bench.context();
    bench.start('twice', take(bench, context, bench.a, bench.b, bench.a));
    expect(bench.settle()).toEqual(['1 has a', '1 has b', 'twice EALREADY']);
    for (const lock of [bench.a, bench.b]) lock.unlock();
    context.finish();
  });

  test('an older context waits for a younger holder', ({ bench }) => {
    const [older, younger] = [bench.context(), bench.context()];
    bench.start('younger', take(bench, younger, bench.b));
    bench.start('older', take(bench, older, bench.a, bench.b));
    expect(bench.settle()).toEqual(['2 has b', 'younger ends', '1 has a']);
    bench.b.unlock();
    expect(bench.settle().slice(3)).toEqual(['1 has b', 'older ends']);
    for (const lock of [bench.a, bench.b]) lock.unlock();
    for (const context of [older, younger]) context.finish();
  });

  test('a younger context that holds locks dies, and that names the contended lock', ({ bench }) => {
    const [older, younger] = [bench.context(), bench.context()];
    bench.start('older', take(bench, older, bench.a));
    bench.start('younger', take(bench, younger, bench.b, bench.a));
    expect(bench.settle()).toEqual(['1 has a', 'older ends', '2 has b', 'younger EDEADLK']);
    expect(younger.contended).toBe(bench.a);
    bench.b.unlock();
    bench.start(
      'younger again',
      (function* () {
        yield* bench.a.lockSlow(younger);
        yield* take(bench, younger, bench.b);
      })(),
    );
    bench.a.unlock();
    expect(bench.settle().slice(4)).toEqual(['2 has b', 'younger again ends']);
    for (const lock of [bench.a, bench.b]) lock.unlock();
    for (const context of [older, younger]) context.finish();
  });

  test('a younger context that holds nothing waits', ({ bench }) => {
    const [older, younger] = [bench.context(), bench.context()];
    bench.start('older', take(bench, older, bench.a));
    bench.start('younger', take(bench, younger, bench.a));
    expect(bench.settle()).toEqual(['1 has a', 'older ends']);
    bench.a.unlock();
    expect(bench.settle().slice(2)).toEqual(['2 has a', 'younger ends']);
    bench.a.unlock();
    for (const context of [older, younger]) context.finish();
  });

  test('a younger one that waits dies when an older one comes to wait', ({ bench }) => {
    const [oldest, middle, youngest] = [bench.context(), bench.context(), bench.context()];
    bench.start('youngest', take(bench, youngest, bench.a));
    bench.start('middle', take(bench, middle, bench.b, bench.a));
    bench.start('oldest', take(bench, oldest, bench.c, bench.a));
    expect(bench.settle()).toEqual(['3 has a', 'youngest ends', '2 has b', '1 has c', 'middle EDEADLK']);
    for (const lock of [bench.a, bench.b]) lock.unlock();
    expect(bench.settle().slice(5)).toEqual(['1 has a', 'oldest ends']);
    for (const lock of [bench.a, bench.c]) lock.unlock();
    for (const context of [oldest, middle, youngest]) context.finish();
  });

  test('a younger one dies rather than wait behind an older one', ({ bench }) => {
    const [oldest, middle, youngest] = [bench.context(), bench.context(), bench.context()];
    bench.start('youngest', take(bench, youngest, bench.a));
    bench.start('oldest', take(bench, oldest, bench.c, bench.a));
    bench.start('middle', take(bench, middle, bench.b, bench.a));
    expect(bench.settle()).toEqual(['3 has a', 'youngest ends', '1 has c', '2 has b', 'middle EDEADLK']);
    for (const lock of [bench.a, bench.b]) lock.unlock();
    bench.settle();
    for (const lock of [bench.a, bench.c]) lock.unlock();
    for (const context of [oldest, middle, youngest]) context.finish();
  });

  test('one that waits dies when an older one takes the lock before it', ({ bench, machine }) => {
    const [older, younger] = [bench.context(), bench.context()];
    bench.a.tryLock();
    bench.start('younger', take(bench, younger, bench.b, bench.a));
    bench.a.unlock();
    // The younger one was woken and has not run yet.
    expect(bench.a.tryLock(older)).toBe(true);
    machine.system.scheduler.runReady();
    expect(bench.settle()).toEqual(['2 has b', 'younger EDEADLK']);
    for (const lock of [bench.a, bench.b]) lock.unlock();
    for (const context of [older, younger]) context.finish();
  });

  test('a plain holder kills nobody', ({ bench }) => {
    const context = bench.context();
    bench.a.tryLock();
    bench.start('context', take(bench, context, bench.b, bench.a));
    expect(bench.settle()).toEqual(['1 has b']);
    bench.a.unlock();
    bench.settle();
    for (const lock of [bench.a, bench.b]) lock.unlock();
    context.finish();
  });
});

describe('misuse', () => {
  const misuses: readonly (readonly [string, (bench: Bench, context: WwAcquireContext) => Kernel<void>])[] = [
    [
      'ww-acquire-after-done',
      function* (bench, context) {
        context.done();
        yield* bench.a.lock({ context });
        bench.a.unlock();
      },
    ],
    [
      'ww-done-twice',
      function* (_bench, context) {
        context.done();
        context.done();
      },
    ],
    [
      'ww-slow-without-deadlock',
      function* (bench, context) {
        yield* bench.a.lockSlow(context);
        bench.a.unlock();
      },
    ],
    [
      'ww-foreign-class',
      function* (bench, context) {
        const foreign = new WwMutex(new WwClass(bench.class.system, 'other'), 'foreign');
        yield* foreign.lock({ context });
        foreign.unlock();
      },
    ],
  ];
  test.for(misuses)('%s', ([rule, work], { bench, machine }) => {
    const context = bench.context();
    bench.start('misuse', work(bench, context));
    context.finish();
    expect([bench.log, rulesOf(machine)]).toEqual([['misuse ends'], [rule]]);
  });

  test('ending a context that holds a lock', ({ bench, machine }) => {
    const context = bench.context();
    bench.a.tryLock(context);
    context.finish();
    bench.a.unlock();
    expect(rulesOf(machine)).toEqual(['ww-finished-holding-locks']);
  });

  test('taking another lock after EDEADLK, with locks still held', ({ bench, machine }) => {
    const [older, younger] = [bench.context(), bench.context()];
    bench.start('older', take(bench, older, bench.a));
    bench.start('younger', take(bench, younger, bench.b, bench.a));
    expect(bench.c.tryLock(younger)).toBe(true);
    expect(rulesOf(machine)).toEqual(['ww-other-lock-after-deadlock', 'ww-locks-kept-after-deadlock']);
    for (const lock of [bench.a, bench.b, bench.c]) lock.unlock();
    for (const context of [older, younger]) context.finish();
  });

  test('forgetting to end a context is a leak', () => {
    const machine = boot();
    new WwAcquireContext(new WwClass(machine.system, 'bench'));
    expect(() => machine.shutdown()).toThrow('acquire context 1 of class bench');
  });
});

/** Takes all of some locks as a driver does: back off, slow path, again. */
function* takeAll(locks: readonly WwMutex[], context: WwAcquireContext, pause_ns: number): Kernel<void> {
  const held: WwMutex[] = [];
  for (let at = 0; at < locks.length; ) {
    const lock = locks[at] as WwMutex;
    try {
      yield* lock.lock({ context });
      held.push(lock);
      at++;
      yield* sleep(pause_ns);
    } catch (error) {
      if (isErrno(error, 'EALREADY')) at++;
      else if (isErrno(error, 'EDEADLK')) {
        for (const one of held.splice(0)) one.unlock();
        yield* lock.lockSlow(context);
        held.push(lock);
        at = 0;
      } else throw error;
    }
  }
  context.done();
  yield* sleep(pause_ns);
  for (const lock of held) lock.unlock();
}

describe('any threads that take any locks in any order', () => {
  const LOCKS = 4;
  const thread = fc.record({
    wanted: fc.array(fc.nat(LOCKS - 1), { minLength: 1, maxLength: 6 }),
    pause_ns: fc.nat(3),
    isPlain: fc.boolean(),
  });

  test('get them all, sooner or later, and nobody holds one with another', () => {
    fc.assert(
      fc.property(fc.array(thread, { minLength: 2, maxLength: 6 }), fc.nat(), (threads, seed) => {
        const machine = boot(undefined, { seed });
        const { system } = machine;
        const wwClass = new WwClass(system, 'any');
        const locks = Array.from({ length: LOCKS }, (_, index) => new WwMutex(wwClass, `lock ${index}`));
        let ended = 0;
        const work = function* ({ wanted, pause_ns, isPlain }: (typeof threads)[number]): Kernel<void> {
          const mine = wanted.map((index) => locks[index] as WwMutex);
          if (isPlain) {
            // Without a context one may hold one lock only.
            yield* (mine[0] as WwMutex).lock();
            yield* sleep(pause_ns);
            mine[0]?.unlock();
          } else {
            const context = new WwAcquireContext(wwClass);
            yield* takeAll(mine, context, pause_ns);
            context.finish();
          }
          ended++;
        };
        for (const [index, one] of threads.entries()) system.scheduler.spawn(`thread ${index}`, undefined, work(one));
        // A deadlock, or a wake that was lost, ends this with an error that names who waits.
        system.scheduler.runUntil(() => ended === threads.length, 'the threads');
        expect(locks.some((lock) => lock.isLocked)).toBe(false);
        machine.shutdown();
      }),
      { numRuns: 1000 },
    );
  });
});
