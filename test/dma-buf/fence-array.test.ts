import { errno } from '../../src/abi/index.ts';
import { type DmaFence, DmaFenceArray, DmaFenceChain, matchesContext, unwrapFence } from '../../src/dma-buf/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import { brokenRules, describe, expect, run, test } from './fixture.ts';

/** An array with references of its own. The caller owns the one reference to it. */
const arrayOf = (machine: BootedMachine, ...members: DmaFence[]) =>
  new DmaFenceArray(
    machine.system,
    members.map((member) => member.get()),
  );

describe('an array of fences', () => {
  test('is named by its own context, number 1', ({ machine, driver }) => {
    const array = arrayOf(machine, driver.fence(), driver.fence());
    expect([array.name, array.is64bit]).toEqual(['dma_fence_array-unbound3-1', false]);
    array.put();
  });

  test.for(['unasked', 'asked'] as const)('is pending until the last member has signalled, %s', (how, { machine, driver }) => {
    const members = Array.from({ length: 3 }, () => driver.fence());
    const array = arrayOf(machine, ...members);
    if (how === 'asked') array.enableSignaling();
    const statuses = [array.status];
    for (const member of members) {
      member.signal();
      statuses.push(array.status);
    }
    expect(statuses).toEqual([0, 0, 0, 1]);
    array.put();
  });

  test('signals when the callbacks of the last member are through', ({ machine, driver }) => {
    const member = driver.fence();
    const array = arrayOf(machine, member, driver.signaled());
    const order: string[] = [];
    array.addCallback(() => order.push('array'));
    for (const name of ['member', 'member again']) member.addCallback(() => order.push(name));
    member.signal();
    expect(order).toEqual(['member', 'member again']);
    machine.system.scheduler.runReady();
    expect(order).toEqual(['member', 'member again', 'array']);
    array.put();
  });

  test('signals at the time of the last member', ({ machine, driver }) => {
    const array = arrayOf(machine, driver.later(30), driver.later(20));
    run(machine, array.wait());
    expect([machine.system.now(), array.timestamp_ns]).toEqual([1_000_000_030, 1_000_000_030]);
    array.put();
  });

  test('of signalled members only refuses callbacks, and has signalled by that', ({ machine, driver }) => {
    const array = arrayOf(machine, driver.signaled(), driver.signaled());
    expect(array.addCallback(() => expect.unreachable())).toBe(false);
    expect(array.status).toBe(1);
    array.put();
  });

  test('may have the same member twice', ({ machine, driver }) => {
    const member = driver.later(5);
    const array = arrayOf(machine, member, member);
    expect(run(machine, array.wait())).toBe(true);
    array.put();
  });

  test('peeks at its members until it is asked for its signal, and then waits to be told', ({ machine, driver }) => {
    let isDone = false;
    const member = () => driver.fence({ ops: { signaled: () => isDone } });
    const [peeking, told] = [arrayOf(machine, member(), member()), arrayOf(machine, member(), member())];
    told.enableSignaling();
    isDone = true;
    expect([peeking.isSignaled, told.isSignaled]).toEqual([true, false]);
    for (const fence of told.fences) fence.signal();
    expect(told.isSignaled).toBe(true);
    for (const array of [peeking, told]) array.put();
  });

  test('passes deadlines to all members', ({ machine, driver }) => {
    const deadlines: string[] = [];
    const member = (name: string) => driver.fence({ ops: { setDeadline: (_, at_ns) => deadlines.push(`${name} ${at_ns}`) } });
    const array = arrayOf(machine, member('a'), member('b'));
    array.setDeadline(7);
    expect(deadlines).toEqual(['a 7', 'b 7']);
    array.put();
  });
});

describe('the error of an array', () => {
  /** Members fail in this order; 0 is success. */
  test.for([
    [[0, 0], 1],
    [[-errno.EIO, 0], -errno.EIO],
    [[0, -errno.EIO], -errno.EIO],
    [[-errno.ETIME, -errno.EIO], -errno.ETIME],
  ] as [number[], number][])('that was asked for its signal is the first: %j gives %d', ([errors, status], { machine, driver }) => {
    const members = errors.map(() => driver.fence());
    const array = arrayOf(machine, ...members);
    array.enableSignaling();
    for (const [index, member] of members.entries()) {
      if (errors[index] !== 0) member.setError(errors[index] as number);
      member.signal();
    }
    expect(array.status).toBe(status);
    array.put();
  });

  test('counts members that failed before it was asked', ({ machine, driver }) => {
    const last = driver.fence();
    const arrays = [
      arrayOf(machine, driver.signaled(-errno.EIO), last),
      arrayOf(machine, driver.signaled(), driver.signaled(-errno.ETIME)),
    ];
    for (const array of arrays) array.enableSignaling();
    last.signal();
    expect(arrays.map((array) => array.status)).toEqual([-errno.EIO, -errno.ETIME]);
    for (const array of arrays) array.put();
  });

  test('is lost when nobody ever asked', ({ machine, driver }) => {
    const array = arrayOf(machine, driver.signaled(-errno.EIO), driver.signaled());
    expect(array.status).toBe(1);
    array.put();
  });
});

describe('an array of which any member is enough', () => {
  const anyOf = (machine: BootedMachine, ...members: DmaFence[]) =>
    new DmaFenceArray(
      machine.system,
      members.map((member) => member.get()),
      'any',
    );

  test.for(['unasked', 'asked'] as const)('signals with the first, %s', (how, { machine, driver }) => {
    const members = Array.from({ length: 3 }, () => driver.fence());
    const array = anyOf(machine, ...members);
    if (how === 'asked') array.enableSignaling();
    const statuses = [array.status];
    members[1]?.signal();
    statuses.push(array.status);
    members[0]?.signal();
    statuses.push(array.status);
    expect(statuses).toEqual([0, 1, 1]);
    array.put();
  });

  test('has the error of the first, not of those that come later', ({ machine, driver }) => {
    const [first, second] = [driver.fence(), driver.fence()];
    const [failed, well] = [anyOf(machine, first, second), anyOf(machine, second, first)];
    for (const array of [failed, well]) array.enableSignaling();
    first.setError(-errno.EIO);
    first.signal();
    expect([failed.status, well.status]).toEqual([-errno.EIO, -errno.EIO]);
    second.setError(-errno.ETIME);
    second.signal();
    machine.system.scheduler.runReady();
    expect([failed.status, well.status]).toEqual([-errno.EIO, -errno.EIO]);
    for (const array of [failed, well]) array.put();
  });

  test('that succeeded stays so when another member fails', ({ machine, driver }) => {
    const [first, second] = [driver.fence(), driver.fence()];
    const array = anyOf(machine, first, second);
    array.enableSignaling();
    first.signal();
    expect(array.status).toBe(1);
    second.setError(-errno.EIO);
    second.signal();
    machine.system.scheduler.runReady();
    expect(array.status).toBe(1);
    array.put();
  });

  test('signals at the time of the first, and lives until the last', ({ machine, driver }) => {
    const array = anyOf(machine, driver.later(30), driver.later(20));
    run(machine, array.wait());
    expect([machine.system.now(), array.timestamp_ns, array.count]).toEqual([1_000_000_020, 1_000_000_020, 2]);
    machine.sys.nanosleep(20);
    expect(array.count).toBe(1);
    array.put();
  });

  test('refuses callbacks when one has signalled already', ({ machine, driver }) => {
    const array = anyOf(machine, driver.fence(), driver.signaled(), driver.fence());
    expect([array.addCallback(() => expect.unreachable()), array.status]).toEqual([false, 1]);
    array.put();
  });
});

describe('the context of an array', () => {
  test('is matched when all members are of it', ({ machine, driver }) => {
    const fence = (context: number) => driver.fence({ context });
    const [same, mixed] = [arrayOf(machine, fence(7), fence(7)), arrayOf(machine, fence(7), fence(8))];
    expect([matchesContext(same, 7), matchesContext(mixed, 7), matchesContext(same, same.context)]).toEqual([true, false, false]);
    expect([matchesContext(fence(7), 7), matchesContext(fence(8), 7)]).toEqual([true, false]);
    for (const array of [same, mixed]) array.put();
  });
});

describe('the references of an array', () => {
  test('to its members end with it', ({ machine, driver }) => {
    const released: string[] = [];
    const member = (name: string) => driver.fence({ ops: { release: () => released.push(name) } });
    const members = [member('a'), member('b')];
    const array = arrayOf(machine, ...members);
    for (const fence of members) {
      fence.signal();
      driver.put(fence);
    }
    expect(released).toEqual([]);
    array.put();
    expect(released).toEqual(['a', 'b']);
  });

  test('to itself keep it until its members have signalled, once it was asked', ({ machine, driver }) => {
    const member = driver.fence();
    const array = arrayOf(machine, member, driver.signaled());
    let told = 0;
    array.addCallback(() => told++);
    array.put();
    member.signal();
    machine.system.scheduler.runReady();
    expect(told).toBe(1);
    expect(() => array.get()).toThrow('after its last put');
  });

  test('are given back by a machine that is switched off in the same instant', ({ machine, driver }) => {
    const member = driver.fence();
    const array = arrayOf(machine, member, driver.signaled());
    array.enableSignaling();
    array.put();
    member.signal();
  });
});

describe('what cannot be in an array', () => {
  test('an array', ({ machine, driver }) => {
    const inner = arrayOf(machine, driver.signaled(), driver.signaled());
    const outer = arrayOf(machine, inner, driver.signaled());
    expect(brokenRules(machine)).toEqual(['fence-array-misused']);
    for (const array of [outer, inner]) array.put();
  });

  test('a chain', ({ machine, driver }) => {
    const chain = new DmaFenceChain(machine.system, undefined, driver.signaled().get(), 1);
    const array = arrayOf(machine, chain, driver.signaled());
    expect(brokenRules(machine)).toEqual(['fence-array-misused']);
    for (const fence of [array, chain]) fence.put();
  });

  test('nothing at all', ({ machine }) => {
    const array = arrayOf(machine);
    expect(brokenRules(machine)).toEqual(['fence-array-misused']);
    array.put();
  });
});

describe('unwrapping', () => {
  test('gives the members of an array, signalled ones too, and any other fence as it is', ({ machine, driver }) => {
    const [pending, done] = [driver.fence(), driver.signaled()];
    const array = arrayOf(machine, pending, done);
    expect(unwrapFence(array)).toEqual([pending, done]);
    expect(unwrapFence(done)).toEqual([done]);
    array.put();
  });
});
