/** The cases of drivers/dma-buf/st-dma-fence-unwrap.c. */
import { type DmaFence, DmaFenceArray, DmaFenceChain, mergeFences, unwrapFence } from '../../../src/dma-buf/index.ts';
import { describe, expect, type TestDriver, test } from '../fixture.ts';

/** Makes containers; drops them all at the end. */
class Containers {
  readonly #driver: TestDriver;
  readonly #made: DmaFence[] = [];

  constructor(driver: TestDriver) {
    this.#driver = driver;
  }

  fence(context: number, seqno = 1): DmaFence {
    return this.#driver.fence({ context, seqno });
  }

  array(...fences: DmaFence[]): DmaFence {
    const [first] = fences as [DmaFence];
    return this.#keep(
      new DmaFenceArray(
        first.system,
        fences.map((fence) => fence.get()),
      ),
    );
  }

  chain(prev: DmaFence | undefined, fence: DmaFence): DmaFence {
    return this.#keep(new DmaFenceChain(fence.system, prev?.get(), fence.get(), 1));
  }

  merge(...fences: DmaFence[]): DmaFence {
    const [first] = fences as [DmaFence];
    return this.#keep(mergeFences(first.system, fences));
  }

  #keep<F extends DmaFence>(fence: F): F {
    this.#made.push(fence);
    return fence;
  }

  finish(): void {
    for (const fence of this.#made.reverse()) fence.put();
  }
}

/** What unwrapping gives, as `context:seqno`. */
const inside = (fence: DmaFence) => unwrapFence(fence).map(({ context, seqno }) => `${context}:${seqno}`);

/** Fences of contexts 1, 2, 3. */
const cases: Readonly<Record<string, (make: Containers) => readonly [DmaFence, readonly string[]]>> = {
  'an array gives each member once'(make) {
    return [make.array(make.fence(1), make.fence(2)), ['1:1', '2:1']];
  },
  'a chain gives each fence once'(make) {
    return [make.chain(make.fence(1), make.fence(2)), ['2:1', '1:1']];
  },
  'a chain of an array gives each member once'(make) {
    return [make.chain(undefined, make.array(make.fence(1), make.fence(2))), ['1:1', '2:1']];
  },
  'a merge gives both'(make) {
    return [make.merge(make.fence(1), make.fence(2)), ['1:1', '2:1']];
  },
  'a merge of a fence with itself gives it once'(make) {
    const fence = make.fence(1);
    return [make.merge(fence, fence), ['1:1']];
  },
  'a merge keeps the latest of each context, lower contexts first'(make) {
    return [make.merge(make.fence(2), make.fence(1, 1), make.fence(1, 2)), ['1:2', '2:1']];
  },
  'merges are in the order of contexts, however they are nested'(make) {
    const [first, second, third] = [make.fence(1), make.fence(2), make.fence(3)];
    return [make.merge(make.merge(third, first), second), ['1:1', '2:1', '3:1']];
  },
  'merges of merges do not repeat a fence'(make) {
    const [first, second, third] = [make.fence(1), make.fence(2), make.fence(3)];
    return [make.merge(make.merge(first, second), make.merge(second, third)), ['1:1', '2:1', '3:1']];
  },
  'an array and a chain of the same fences do not repeat them'(make) {
    const [first, second] = [make.fence(1), make.fence(2)];
    return [make.merge(make.array(first, second), make.chain(first, second)), ['1:1', '2:1']];
  },
  'a chain and an array of the same fences do not repeat them'(make) {
    const [first, second] = [make.fence(1), make.fence(2)];
    return [make.merge(make.chain(second, first), make.array(second, first)), ['1:1', '2:1']];
  },
};

describe('dma_fence_unwrap selftest', () => {
  test.for(Object.entries(cases))('%s', ([, build], { driver }) => {
    const make = new Containers(driver);
    const [fence, expected] = build(make);
    expect(inside(fence)).toEqual(expected);
    make.finish();
  });
});
