/** The cases of drivers/dma-buf/st-dma-fence-chain.c. */
import { type DmaFence, DmaFenceChain, findChainSeqno } from '../../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../../src/index.ts';
import { Random, yieldNow } from '../../../src/kernel/index.ts';
import { describe, expect, run, TestDriver, test } from '../fixture.ts';

const NODES = 64;

/** A chain, each node with a fence of its own; seqnos are 1, 2, 3 … or every second or so of those. */
class TestChain {
  readonly fences: DmaFence[];
  readonly nodes: DmaFenceChain[] = [];

  /** @param isArmed whether somebody has asked for the signal of every node: then each looks on by itself when a fence signals */
  constructor(machine: BootedMachine, driver: TestDriver, length: number, seqnoOf = (index: number) => index + 1, isArmed = true) {
    this.fences = Array.from({ length }, () => driver.fence());
    for (const [index, fence] of this.fences.entries()) {
      const node = new DmaFenceChain(machine.system, this.nodes[index - 1]?.get(), fence.get(), seqnoOf(index));
      if (isArmed) node.enableSignaling();
      this.nodes.push(node);
    }
  }

  get tail(): DmaFenceChain {
    return this.nodes.at(-1) as DmaFenceChain;
  }

  /** Which node must signal for a point, seen from the last one; -1 for none. */
  find(seqno: number, from: DmaFence = this.tail): number {
    const found = findChainSeqno(from.get(), seqno);
    found?.put();
    return this.nodes.indexOf(found as DmaFenceChain);
  }

  finish(machine: BootedMachine): void {
    for (const fence of this.fences) if (!fence.signaledFlag) fence.signal();
    machine.system.scheduler.runReady();
    for (const node of this.nodes) node.put();
  }
}

type Case = (chain: TestChain, machine: BootedMachine) => void;
interface Setting {
  readonly length: number;
  readonly seqnoOf?: (index: number) => number;
  readonly body: Case;
}

const settle = (machine: BootedMachine) => machine.system.scheduler.runReady();

const cases: Readonly<Record<string, Setting>> = {
  'find_seqno: 0 changes nothing, each node is found, itself too, the future is refused': {
    length: NODES,
    body(chain) {
      expect(chain.find(0)).toBe(NODES - 1);
      for (let i = 0; i < NODES; i++) {
        const node = chain.nodes[i] as DmaFenceChain;
        expect(chain.find(i + 1)).toBe(i);
        expect(chain.find(i + 1, node)).toBe(i);
        expect(() => findChainSeqno(node, i + 2)).toThrow('EINVAL');
        if (i > 0) expect(chain.find(i, node)).toBe(i - 1);
      }
    },
  },

  'find_signaled: of a signalled beginning nothing is left, or the first node': {
    length: 2,
    body(chain, machine) {
      chain.fences[0]?.signal();
      settle(machine);
      expect([-1, 0]).toContain(chain.find(1));
      expect([-1, 0]).toContain(chain.find(1, chain.nodes[0]));
    },
  },

  'find_out_of_order: the middle one alone has signalled, so 2 waits for 1': {
    length: 3,
    body(chain, machine) {
      chain.fences[1]?.signal();
      settle(machine);
      expect(chain.find(2)).toBe(0);
    },
  },

  'find_gap: a point between two nodes waits for the later one': {
    length: NODES,
    seqnoOf: (index) => 2 * index + 2,
    body(chain) {
      for (let i = 0; i < NODES; i++) {
        expect(chain.find(2 * i + 1)).toBe(i);
        expect(chain.find(2 * i + 2)).toBe(i);
        expect(chain.find(2 * i + 1, chain.nodes[i])).toBe(i);
      }
    },
  },

  'signal_forward: each fence completes its node and not the next': {
    length: NODES,
    body(chain, machine) {
      for (let i = 0; i < NODES; i++) {
        chain.fences[i]?.signal();
        settle(machine);
        expect(chain.nodes[i]?.isSignaled).toBe(true);
        if (i + 1 < NODES) expect(chain.nodes[i + 1]?.isSignaled).toBe(false);
      }
    },
  },

  'signal_backward: nothing is complete before the first': {
    length: NODES,
    body(chain, machine) {
      for (let i = NODES - 1; i > 0; i--) {
        chain.fences[i]?.signal();
        settle(machine);
        expect(chain.nodes[i]?.isSignaled).toBe(false);
      }
      chain.fences[0]?.signal();
      settle(machine);
      expect(chain.nodes.every((node) => node.isSignaled)).toBe(true);
    },
  },
};

describe('dma_fence_chain selftest', () => {
  test.for(Object.entries(cases))('%s', ([, { length, seqnoOf, body }], { driver, machine }) => {
    const chain = new TestChain(machine, driver, length, seqnoOf);
    body(chain, machine);
    chain.finish(machine);
  });

  /** Fences signal in some order while a thread waits for the last node. */
  test.for(['forward', 'backward', 'random'] as const)('a wait for 4096 nodes that signal %s', (order, { driver, machine }) => {
    const chain = new TestChain(machine, driver, 4096, undefined, false);
    const random = new Random(7);
    const signals = [...chain.fences];
    if (order === 'backward') signals.reverse();
    if (order === 'random') {
      for (let i = signals.length - 1; i > 0; i--) {
        const j = random.below(i + 1);
        [signals[i], signals[j]] = [signals[j] as DmaFence, signals[i] as DmaFence];
      }
    }
    for (const [index, fence] of signals.entries()) machine.system.clock.schedule(index + 1, 'the hardware', () => fence.signal());
    expect(run(machine, chain.tail.wait())).toBe(true);
    expect(machine.system.now()).toBe(1_000_000_000 + signals.length);
    chain.finish(machine);
  });

  test('threads that look for points while fences signal find the right node, or nothing', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const machine = boot(undefined, { seed });
      const driver = new TestDriver(machine.system);
      const chain = new TestChain(machine, driver, 16);
      const random = machine.system.random('points');
      const thread = function* () {
        for (let round = 0; round < 100; round++) {
          const seqno = 1 + random.below(chain.nodes.length);
          const found = findChainSeqno(chain.tail.get(), seqno);
          if (found !== undefined) {
            const at = chain.nodes.indexOf(found as DmaFenceChain);
            if (at < 0 || found.seqno > seqno) throw new Error(`point ${seqno} found ${found.describe()}`);
            found.put();
          } else if (!chain.fences.slice(0, seqno).every((fence) => fence.isSignaled)) {
            throw new Error(`point ${seqno} found nothing, and is pending`);
          }
          if (random.below(3) === 0) chain.fences[random.below(chain.fences.length)]?.checkAndSignal();
          yield* yieldNow();
        }
      };
      const threads = Array.from({ length: 8 }, (_, id) => machine.system.scheduler.spawn(`thread ${id}`, undefined, thread()));
      machine.system.scheduler.runReady();
      for (const { outcome } of threads) expect(outcome).toEqual({ ok: true, value: undefined });
      chain.finish(machine);
      driver.finish();
      machine.shutdown();
    }
  });
});
