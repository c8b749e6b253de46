import { describe, expect, test } from 'vitest';
import { boot } from '../../src/index.ts';
import { type HostTime, Pacer } from '../../src/machine/index.ts';
import { board } from '../support/boards.ts';

/** A host whose clock the test turns. Its timers come late by up to a millisecond, as real ones. */
class FakeHost implements HostTime {
  time_ns = 5e9;
  readonly timers = new Map<() => void, number>();

  now(): number {
    return this.time_ns;
  }

  after(delay_ns: number, run: () => void): () => void {
    this.timers.set(run, this.time_ns + delay_ns);
    return () => this.timers.delete(run);
  }

  pass(duration_ns: number): void {
    this.time_ns += duration_ns;
    for (const [run, at_ns] of [...this.timers]) if (at_ns <= this.time_ns && this.timers.delete(run)) run();
  }
}

function paced() {
  const machine = boot(board());
  const host = new FakeHost();
  const seen: string[] = [];
  const { clock } = machine.system;
  const event = (name: string, delay_ns: number) => clock.schedule(delay_ns, name, () => seen.push(`${name} at ${clock.now() - 1e9}`));
  return { machine, host, seen, event, clock, pacer: new Pacer(machine.system, host) };
}

describe('a machine that follows the host’s clock', () => {
  test('runs events when the host’s time has come, at their own times and in their order', () => {
    const { host, seen, event, clock } = paced();
    event('second', 3000);
    event('first', 1000);
    host.pass(999);
    expect(seen).toEqual([]);
    host.pass(1_000_000);
    expect(seen).toEqual(['first at 1000', 'second at 3000']);
    expect(clock.now() - 1e9).toBe(1_000_999);
  });

  test('has one timer, for the next event, and none when there is none', () => {
    const { host, event } = paced();
    expect(host.timers.size).toBe(0);
    event('late', 5000);
    event('early', 2000);
    event('between', 3000);
    expect([...host.timers.values()]).toEqual([host.now() + 2000]);
    host.pass(2000);
    expect([...host.timers.values()]).toEqual([host.now() + 1000]);
    host.pass(3000);
    expect(host.timers.size).toBe(0);
  });

  test('runs the programs that an event woke', () => {
    const { machine, host } = paced();
    const program = machine.spawn(function* (sys) {
      yield* sys.nanosleep(2000);
      return 'woken';
    });
    host.pass(0);
    machine.system.scheduler.runReady();
    host.pass(2000);
    expect(program.result()).toBe('woken');
  });

  test('a call from outside sees what was due before it', () => {
    const { host, seen, event, pacer } = paced();
    event('due', 1000);
    host.time_ns += 1500;
    expect(seen).toEqual([]);
    pacer.catchUp();
    expect(seen).toEqual(['due at 1000']);
    expect(host.timers.size).toBe(0);
  });

  test('skips to the next event, and no further', () => {
    const { host, seen, event, pacer } = paced();
    pacer.skipToNext();
    expect(pacer.ahead_ns).toBe(0);
    event('far', 5e9);
    event('farther', 9e9);
    pacer.skipToNext();
    expect([seen, pacer.ahead_ns]).toEqual([[], 5e9]);
    pacer.catchUp();
    expect(seen).toEqual(['far at 5000000000']);
    expect([...host.timers.values()]).toEqual([host.now() + 4e9]);
    host.pass(4e9);
    expect(seen).toEqual(['far at 5000000000', 'farther at 9000000000']);
  });

  test('does not skip what is due', () => {
    const { host, event, pacer } = paced();
    event('due', 1000);
    host.time_ns += 2000;
    pacer.skipToNext();
    expect(pacer.ahead_ns).toBe(0);
  });

  test('stands still once stopped', () => {
    const { host, seen, event, pacer } = paced();
    event('never', 1000);
    pacer.stop();
    event('nor this', 500);
    host.pass(5000);
    expect(seen).toEqual([]);
  });
});
