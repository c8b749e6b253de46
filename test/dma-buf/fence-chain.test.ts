import { errno } from '../../src/abi/index.ts';
import {
  allocatePrivateStub,
  containedFence,
  type DmaFence,
  DmaFenceArray,
  DmaFenceChain,
  mergeFences,
  unwrapFence,
} from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { brokenRules, describe, expect, run, test } from './fixture.ts';

/** A node with references of its own. The caller owns the one reference to it. */
const nodeOf = (machine: BootedMachine, prev: DmaFence | undefined, fence: DmaFence, seqno: number) =>
  new DmaFenceChain(machine.system, prev?.get(), fence.get(), seqno);

const settle = (machine: BootedMachine) => machine.system.scheduler.runReady();

describe('a node of a chain', () => {
  test('goes on in the context of the one before it', ({ machine, driver }) => {
    const first = nodeOf(machine, undefined, driver.fence(), 5);
    const second = nodeOf(machine, first, driver.fence(), 9);
    expect([first.prevSeqno, second.prevSeqno, second.context, second.seqno]).toEqual([0, 5, first.context, 9]);
    expect([second.is64bit, second.name]).toEqual([true, `dma_fence_chain-unbound${first.context}-9`]);
    for (const node of [second, first]) node.put();
  });

  test.for([
    [5, 5],
    [3, 5],
  ] as [number, number][])('with number %d after 5 begins a context, with number %d', ([seqno, result], { machine, driver }) => {
    const first = nodeOf(machine, undefined, driver.fence(), 5);
    const second = nodeOf(machine, first, driver.fence(), seqno);
    expect(second.context).not.toBe(first.context);
    expect([second.seqno, second.prevSeqno]).toEqual([result, 0]);
    for (const node of [second, first]) node.put();
  });

  test('may begin with any fence', ({ machine, driver }) => {
    const [begin, fence] = [driver.fence({ seqno: 7 }), driver.fence()];
    const node = nodeOf(machine, begin, fence, 3);
    expect([node.seqno, node.prevSeqno]).toEqual([3, 0]);
    expect(unwrapFence(node)).toEqual([fence, begin]);
    fence.signal();
    expect(node.status).toBe(0);
    begin.signal();
    expect(node.status).toBe(1);
    node.put();
  });

  test('cannot contain a chain', ({ machine, driver }) => {
    const inner = nodeOf(machine, undefined, driver.signaled(), 1);
    const outer = nodeOf(machine, undefined, inner, 1);
    expect(brokenRules(machine)).toEqual(['fence-chain-misused']);
    for (const node of [outer, inner]) node.put();
  });

  test('contains its fence; what is no node contains itself', ({ machine, driver }) => {
    const fence = driver.fence();
    const node = nodeOf(machine, undefined, fence, 1);
    expect([containedFence(node), containedFence(fence)]).toEqual([fence, fence]);
    node.put();
  });
});

describe('the signal of a chain', () => {
  test.for(['unasked', 'asked'] as const)('comes with the last of its fences, in whatever order, %s', (how, { machine, driver }) => {
    const fences = [driver.fence(), driver.fence(), driver.fence()] as const;
    let tail: DmaFenceChain | undefined;
    for (const [index, fence] of fences.entries()) {
      const node = nodeOf(machine, tail, fence, index + 1);
      tail?.put();
      tail = node;
    }
    if (tail === undefined) throw new Error('no chain');
    if (how === 'asked') tail.enableSignaling();
    const statuses: number[] = [];
    for (const at of [1, 0, 2] as const) {
      fences[at].signal();
      settle(machine);
      statuses.push(tail.status);
    }
    expect(statuses).toEqual([0, 0, 1]);
    tail.put();
  });

  test('waits until the callbacks of the last fence are through', ({ machine, driver }) => {
    const fence = driver.fence();
    const node = nodeOf(machine, undefined, fence, 1);
    const order: string[] = [];
    node.addCallback(() => order.push('chain'));
    fence.addCallback(() => order.push('fence'));
    fence.signal();
    expect(order).toEqual(['fence']);
    settle(machine);
    expect(order).toEqual(['fence', 'chain']);
    node.put();
  });

  test('has no error: those of its fences stay with them', ({ machine, driver }) => {
    const fence = driver.fence();
    const node = nodeOf(machine, undefined, fence, 1);
    node.enableSignaling();
    fence.setError(-errno.EIO);
    fence.signal();
    settle(machine);
    expect([node.status, fence.status]).toEqual([1, -errno.EIO]);
    node.put();
  });

  test('is refused to callbacks when all has signalled', ({ machine, driver }) => {
    const first = nodeOf(machine, undefined, driver.signaled(), 1);
    const node = nodeOf(machine, first, driver.signaled(), 2);
    expect([node.addCallback(() => expect.unreachable()), node.status]).toEqual([false, 1]);
    for (const fence of [node, first]) fence.put();
  });

  test('ends a wait at the time of the last fence', ({ machine, driver }) => {
    const first = nodeOf(machine, undefined, driver.later(30), 1);
    const second = nodeOf(machine, first, driver.later(20), 2);
    run(machine, second.wait());
    expect([machine.system.now(), second.timestamp_ns]).toEqual([1_000_000_030, 1_000_000_030]);
    for (const node of [second, first]) node.put();
  });
});

describe('a deadline', () => {
  test('reaches all pending fences of a chain', ({ machine, driver }) => {
    const deadlines: string[] = [];
    const make = (name: string) => driver.fence({ ops: { setDeadline: (_, at_ns) => deadlines.push(`${name} ${at_ns}`) } });
    const fences = [make('a'), make('b'), make('c')] as const;
    const first = nodeOf(machine, undefined, fences[0], 1);
    const second = nodeOf(machine, first, fences[1], 2);
    const third = nodeOf(machine, second, fences[2], 3);
    fences[1].signal();
    third.setDeadline(7);
    expect(deadlines).toEqual(['c 7', 'a 7']);
    for (const node of [third, second, first]) node.put();
  });
});

describe('walking', () => {
  test('drops nodes whose fences have signalled, and their references', ({ machine, driver }) => {
    let releases = 0;
    const middle = driver.fence({ ops: { release: () => releases++ } });
    const [begin, end] = [driver.fence(), driver.fence()];
    const first = nodeOf(machine, undefined, begin, 1);
    const second = nodeOf(machine, first, middle, 2);
    const third = nodeOf(machine, second, end, 3);
    second.put();
    middle.signal();
    driver.put(middle);
    expect(releases).toBe(0);
    expect(unwrapFence(third)).toEqual([end, begin]);
    expect(releases).toBe(1);
    for (const node of [third, first]) node.put();
  });

  test('goes through arrays inside of it', ({ machine, driver }) => {
    const fences = [driver.fence(), driver.fence(), driver.fence()] as const;
    const array = new DmaFenceArray(
      machine.system,
      fences.slice(0, 2).map((fence) => fence.get()),
    );
    const first = nodeOf(machine, undefined, array, 1);
    const second = nodeOf(machine, first, fences[2], 2);
    expect(unwrapFence(second)).toEqual([fences[2], fences[0], fences[1]]);
    const merged = mergeFences(machine.system, [second, fences[0]]);
    expect(unwrapFence(merged)).toEqual(fences);
    for (const fence of [merged, second, first, array]) fence.put();
  });
});

describe('a chain of a million nodes', () => {
  test('is dropped by its last reference, and not by recursion', () => {
    // Without the stacks that the other tests keep of whatever is made.
    const machine = boot();
    const { system } = machine;
    const fence = allocatePrivateStub(system, 0);
    let tail: DmaFenceChain | undefined;
    // Each takes over the reference to the one before.
    for (let seqno = 1; seqno <= 1_000_000; seqno++) tail = new DmaFenceChain(system, tail, fence.get(), seqno);
    expect(system.ledger.count('fence')).toBe(1_000_001);
    tail?.put();
    expect(system.ledger.count('fence')).toBe(1);
    fence.put();
    machine.shutdown();
  });
});
