import { describe, expect, test } from 'vitest';
import { SIGKILL, SIGUSR1 } from '../../src/abi/uapi/index.ts';
import { boot, Deadlock, type Program } from '../../src/index.ts';
import { type System, sleep, WaitQueue, wait } from '../../src/kernel/index.ts';
import { board } from '../support/boards.ts';

/** Three programs that write down who ran, with waits, yields and sleeps in between. */
function trace(seed: number): string {
  const machine = boot(board(), { seed });
  const lines: string[] = [];
  const bell = new WaitQueue('the bell');
  let rings = 0;
  const worker = (name: string): Program =>
    function* (sys) {
      for (let i = 0; i < 5; i++) {
        lines.push(`${machine.system.now()} ${name} ${i}`);
        yield* sys.sched_yield();
        if (i === 2) yield* wait(bell, () => rings > 0);
        yield* sys.nanosleep(machine.system.random(name).below(3));
      }
    };
  for (const name of ['a', 'b', 'c', 'd']) machine.spawn(worker(name));
  machine.system.clock.schedule(10, 'the bell', () => {
    rings++;
    bell.wake();
  });
  machine.system.scheduler.runUntil(() => machine.system.tasks.all().length === 1, 'the test');
  machine.shutdown();
  return lines.join('\n');
}

describe('the scheduler', () => {
  test('one seed, one run; other seeds, other runs', () => {
    const runs = new Map([1, 2, 3, 4, 5].map((seed) => [seed, trace(seed)]));
    for (const [seed, lines] of runs) expect(trace(seed)).toBe(lines);
    expect(new Set(runs.values()).size).toBeGreaterThan(1);
  });

  test('a task keeps running until it waits', async () => {
    const machine = boot(board());
    const order: string[] = [];
    for (const name of ['a', 'b']) {
      machine.spawn(function* (sys) {
        order.push(`${name}1`);
        order.push(`${name}2`);
        yield* sys.sched_yield();
      });
    }
    await machine.run();
    machine.shutdown();
    expect(['a1 a2 b1 b2', 'b1 b2 a1 a2']).toContain(order.join(' '));
  });

  test('a wait that nothing can end is a deadlock that names who waits for what', async () => {
    const never = new WaitQueue('a letter');
    const machine = boot(board());
    machine.spawn(
      function* () {
        yield* wait(never, () => false);
      },
      { comm: 'reader' },
    );
    await expect(machine.run()).rejects.toThrow(/run\(\) can never end.*\n.*task 2 \(reader\) waits for a letter/);
    await expect(machine.run()).rejects.toBeInstanceOf(Deadlock);
  });

  test('so is one of the outermost code', () => {
    const machine = boot(board());
    const [one] = machine.sys.socketpair();
    expect(() => machine.sys.read(one, 1)).toThrow(/task 1 \(main\) in read\(\) can never end.*\n.*in read\(0, 1\) waits for a message/);
  });

  test('a call of the outermost code inside a task is refused at once', async () => {
    const machine = boot(board());
    machine.spawn(function* () {
      machine.sys.getcwd();
      yield* sleep(0);
    });
    await expect(machine.run()).rejects.toThrow('getcwd() would stop the machine: inside a task or an event, use yield*');
    machine.shutdown();
  });

  test('a timed wait ends with its time, in virtual time', async () => {
    const machine = boot(board());
    const began = machine.system.now();
    const ends: [boolean, number][] = [];
    const queue = new WaitQueue('nothing');
    machine.spawn(function* () {
      ends.push([yield* wait(queue, () => false, { timeout_ns: 5e9 }), machine.system.now() - began]);
    });
    // Wakes in between do not make it longer.
    machine.system.clock.schedule(3e9, 'a wake', () => queue.wake());
    await machine.run();
    expect(ends).toEqual([[false, 5e9]]);
    machine.shutdown();
  });

  test('an event is nobody’s doing, even while the outermost code waits for it', () => {
    const machine = boot(board());
    const { clock, scheduler } = machine.system;
    const doing: (string | undefined)[] = [];
    clock.schedule(5, 'an event', () => {
      doing.push(scheduler.current?.comm);
      // Work that must wait need not wait for the call to end.
      machine.system.defer(
        'work',
        (function* () {
          doing.push('work');
        })(),
      );
    });
    clock.schedule(6, 'a later event', () => doing.push('later'));
    machine.sys.nanosleep(10);
    expect(doing).toEqual([undefined, 'work', 'later']);
    machine.shutdown();
  });

  test('what a program throws is what run() throws, unless somebody has asked', async () => {
    const machine = boot(board());
    machine.spawn(function* () {
      yield* sleep(1);
      throw new Error('out of ink');
    });
    await expect(machine.run()).rejects.toThrow('out of ink');
    machine.shutdown();
  });
});

describe('signals', () => {
  const blocked = (system: () => System, queue: WaitQueue): Program<string> =>
    function* () {
      try {
        yield* wait(queue, () => false);
      } catch (error) {
        return `${(error as Error).name} at ${system().now()}`;
      }
      return 'woken';
    };

  test('SIGKILL ends a waiting program and runs its finally blocks', async () => {
    const machine = boot(board());
    let cleaned = false;
    const victim = machine.spawn(function* (sys) {
      try {
        yield* sys.nanosleep(1);
        const [one] = yield* sys.socketpair();
        yield* sys.read(one, 1);
      } finally {
        cleaned = true;
      }
    });
    machine.spawn(function* (sys) {
      yield* sys.nanosleep(10);
      yield* sys.kill(victim.pid, SIGKILL);
    });
    await machine.run();
    expect(cleaned).toBe(true);
    machine.shutdown();
  });

  test('a handler without SA_RESTART makes a waiting call fail with EINTR', async () => {
    const machine = boot(board());
    const caught: number[] = [];
    const reader = machine.spawn(function* (sys) {
      yield* sys.sigaction(SIGUSR1, { handler: (signal) => caught.push(signal) });
      const [one] = yield* sys.socketpair();
      yield* sys.read(one, 1);
    });
    machine.system.clock.schedule(5, 'a signal', () => machine.system.tasks.get(reader.pid)?.signals.send(SIGUSR1));
    await expect(machine.run()).rejects.toThrow('EINTR');
    expect(caught).toEqual([SIGUSR1]);
    machine.shutdown();
  });

  test('one with SA_RESTART makes it start again, with nothing lost', async () => {
    const machine = boot(board());
    const caught: number[] = [];
    const reader = machine.spawn(function* (sys) {
      yield* sys.sigaction(SIGUSR1, { handler: (signal) => caught.push(signal), flags: 0x10000000 });
      const [one, other] = yield* sys.socketpair();
      machine.system.clock.schedule(20, 'a message', () => void machine.system.scheduler.spawn('sender', undefined, send()));
      function* send() {
        yield* sys.write(other, 'x');
      }
      return new TextDecoder().decode(yield* sys.read(one, 1));
    });
    machine.system.clock.schedule(5, 'a signal', () => machine.system.tasks.get(reader.pid)?.signals.send(SIGUSR1));
    await machine.run();
    expect([reader.result(), caught]).toEqual(['x', [SIGUSR1]]);
    machine.shutdown();
  });

  test('a signal that is pending before the wait interrupts it at once, but a condition that holds wins', async () => {
    const machine = boot(board());
    const queue = new WaitQueue('nothing');
    const task = machine.spawn(blocked(() => machine.system, queue));
    const calm = machine.spawn(function* () {
      return yield* wait(queue, () => true);
    });
    for (const one of [task, calm]) {
      machine.system.tasks.get(one.pid)?.signals.setAction(SIGUSR1, { handler: () => {} });
      machine.system.tasks.get(one.pid)?.signals.send(SIGUSR1);
    }
    await machine.run();
    expect([task.result(), calm.result()]).toEqual([`Errno at ${machine.system.now()}`, true]);
    machine.shutdown();
  });
});
